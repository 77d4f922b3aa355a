"""Two networks on the same galaxies: how they differ, how sure that is, and which one is better.

Differences are those of the challenger less the champion, so below 0 the challenger is better. All
intervals hold 95 % and come from one and the same drawing of galaxies.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.belief.bootstrap import Estimate, drawings, estimate, paired_bootstrap
from inference.belief.dirichlet import Array, fractions, log_likelihood, span_of
from inference.belief.reliability import N_BINS
from inference.belief.scores import Scores, score
from inference.formats.tree import Question, Tree

LEAST_JUDGED = 20  # galaxies; by fewer nothing is promoted by itself


@dataclass(frozen=True)
class Difference:
    """Of one question, on the galaxies in which somebody was asked it."""

    nll: Estimate  # nats a galaxy
    calibration_error: Estimate


@dataclass(frozen=True)
class Compared:
    """A challenger beside a champion."""

    tree: Tree
    champion: Scores
    challenger: Scores
    nll: Estimate  # nats a galaxy, summed over the questions
    questions: dict[str, Difference]

    def to_json(self) -> dict[str, Any]:
        """Return plain values; None where there was nothing to judge."""
        return {
            "champion": self.champion.to_json(),
            "challenger": self.challenger.to_json(),
            "nll": _plain(self.nll),
            "questions": {
                key: {"nll": _plain(one.nll), "calibration_error": _plain(one.calibration_error)}
                for key, one in self.questions.items()
            },
        }


@dataclass(frozen=True)
class Verdict:
    """Whether the challenger may be promoted without a person, and why."""

    is_better: bool
    words: str


def compare(champion: Array, challenger: Array, votes: Array, asked: Array, tree: Tree) -> Compared:
    """Return how two networks differ.

    Args:
        champion, challenger: calibrated concentrations of the same galaxies, (N, K).
        votes: (N, K); asked: (N, Q).
    """
    losses = [-log_likelihood(alpha, votes, tree, asked) for alpha in (champion, challenger)]
    worse = losses[1] - losses[0]
    shares = [fractions(alpha, tree) for alpha in (champion, challenger)]
    return Compared(
        tree=tree,
        champion=score(champion, votes, asked, tree),
        challenger=score(challenger, votes, asked, tree),
        nll=paired_bootstrap(worse.sum(axis=1)),
        questions={
            question.key: _difference(question, worse[:, question.index], shares, votes, asked)
            for question in tree.questions
        },
    )


def verdict(compared: Compared) -> Verdict:
    """Return whether the challenger is better on the likelihood, and nowhere less calibrated.

    Better is that all of the interval lies below 0; worse calibrated, that all of it lies above.
    """
    nll, n = compared.nll, compared.nll.n
    if n < LEAST_JUDGED:
        return Verdict(
            is_better=False,
            words=f"Only {n} galaxies are held out, and {LEAST_JUDGED} are needed to judge.",
        )
    gain = f"{abs(nll.value):.3f} nats a galaxy ({nll.lower:+.3f} to {nll.upper:+.3f})"
    if nll.upper >= 0:
        how = "worse by" if nll.lower > 0 else "not surely better: the difference is"
        return Verdict(is_better=False, words=f"On {n:,} galaxies held out it is {how} {gain}.")
    lost = [
        f"“{question.text}” by {one.calibration_error.value:.3f}"
        for question in compared.tree.questions
        if (one := compared.questions[question.key]).calibration_error.lower > 0
    ]
    better = f"On {n:,} galaxies held out it is better by {gain}"
    if lost:
        return Verdict(
            is_better=False, words=f"{better}, and its fractions fit worse in {', '.join(lost)}."
        )
    return Verdict(is_better=True, words=f"{better}, and its fractions fit no question worse.")


def _difference(
    question: Question,
    worse: NDArray[np.float64],
    shares: list[NDArray[np.float64]],
    votes: Array,
    asked: Array,
) -> Difference:
    people = np.asarray(asked, np.float64)[:, question.index]
    rows, span = people > 0, span_of(question)
    given = np.asarray(votes, np.float64)[rows, span] / people[rows, None]
    gaps = [_gaps(of[rows, span], given) for of in shares]
    return Difference(
        nll=paired_bootstrap(np.where(rows, worse, np.nan)),
        calibration_error=_paired_errors(gaps[0], gaps[1]),
    )


def _gaps(expected: NDArray[np.float64], given: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the leading answer's fraction is off, (n, bins), in its bin and 0 elsewhere.

    The distance of reliability.py is the sum over the bins of these columns' absolute means.
    """
    n = len(expected)
    found = np.zeros((n, N_BINS))
    if n:
        here, leading = np.arange(n), expected.argmax(axis=1)
        said = expected[here, leading]
        places = np.minimum((said * N_BINS).astype(np.int64), N_BINS - 1)
        found[here, places] = said - given[here, leading]
    return found


def _paired_errors(champion: NDArray[np.float64], challenger: NDArray[np.float64]) -> Estimate:
    n = len(champion)
    value = _error(np.ones((1, n)), challenger) - _error(np.ones((1, n)), champion)
    drawn = [_error(times, challenger) - _error(times, champion) for times in drawings(n)]
    return estimate(float(value[0]), np.concatenate(drawn), n)


def _error(times: NDArray[np.float64], gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the calibration error when each galaxy is there so often, (draws,)."""
    found: NDArray[np.float64] = np.abs(times @ gaps).sum(axis=1) / max(len(gaps), 1)
    return found


def _plain(found: Estimate) -> dict[str, Any]:
    return {
        name: round(value, 6) if isinstance(value, float) and np.isfinite(value) else
        (value if isinstance(value, int) else None)
        for name, value in asdict(found).items()
    }  # fmt: skip
