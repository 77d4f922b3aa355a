"""How much a network's concentrations are worth in real votes: one factor a question.

Multiplying all concentrations of a question leaves its fractions as they are and widens or narrows
its intervals; it is the one under which the votes of galaxies never trained on are likeliest. Of a
multiple choice, where the rest is fixed, it moves the fractions instead.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from inference.belief.dirichlet import Array, question_log_likelihood, span_of
from inference.formats.tree import Question, Tree

MIN_SUBJECTS = 20  # with fewer the factor stays 1
_LEAST, _MOST = 0.02, 50.0


def fit_scales(alpha: Array, votes: Array, asked: Array, tree: Tree) -> dict[str, float]:
    """Return the factor of each question by its key, between 0.02 and 50.

    It is 1 where fewer than 20 galaxies were asked.

    Args:
        alpha: concentrations, (N, K); votes (N, K); asked (N, Q).
    """
    alpha, votes, asked = np.asarray(alpha), np.asarray(votes), np.asarray(asked)
    scales = {}
    for question in tree.questions:
        people = asked[:, question.index]
        rows, span = people > 0, span_of(question)
        scales[question.key] = _fit(alpha[rows, span], votes[rows, span], people[rows], question)
    return scales


def scaled(alpha: Array, scales: Mapping[str, float], tree: Tree) -> NDArray[np.float64]:
    """Return the concentrations, each multiplied by the factor of its question."""
    keys = [tree.questions[answer.question].key for answer in tree.answers]
    factors = np.array([scales.get(key, 1.0) for key in keys], np.float64)
    return np.multiply(alpha, factors, dtype=np.float64)


def set_sha256(subject_ids: Sequence[str], votes: Array) -> str:
    """Return what names a calibration set: the hash of its galaxies and votes, in any order."""
    digest = hashlib.sha256()
    for place in sorted(range(len(subject_ids)), key=lambda place: subject_ids[place]):
        digest.update(subject_ids[place].encode())
        digest.update(np.ascontiguousarray(votes[place], np.float32).tobytes())
    return digest.hexdigest()


def _fit(alpha: Array, votes: Array, people: Array, question: Question) -> float:
    if len(people) < MIN_SUBJECTS:
        return 1.0
    alpha = alpha.astype(np.float64)

    def loss(log_scale: float) -> float:
        likelihood = question_log_likelihood(alpha * np.exp(log_scale), votes, question, people)
        return -float(likelihood.mean())

    best = optimize.minimize_scalar(
        loss, bounds=(np.log(_LEAST), np.log(_MOST)), method="bounded", options={"xatol": 1e-3}
    )
    return float(np.exp(best.x))
