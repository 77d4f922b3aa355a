"""Galaxies as they are stored, made up."""

import itertools

import numpy as np

from inference.formats.tree import Tree, load_built_in
from webapp.exports.evidence import Evidence

DECALS = load_built_in("galaxy-zoo-decals")


def walk(tree: Tree, rng, votes, asked):
    """Let one person answer: add a random walk to a galaxy's votes (K,) and asked (Q,)."""
    index = 0
    while index is not None:
        question = tree.questions[index]
        asked[index] += 1
        if question.is_single:
            answer = question.answers[rng.integers(len(question.answers))]
            votes[answer.index] += 1
            index = answer.next
        else:
            for answer in question.answers:
                votes[answer.index] += rng.random() < 0.4
            index = question.next


def random_votes(tree: Tree, n: int, rng, people: int = 12):
    """Return votes (n, K) and asked (n, Q) of whole walks, some galaxies without any."""
    votes = np.zeros((n, tree.n_answers), np.int32)
    asked = np.zeros((n, tree.n_questions), np.int32)
    counts = rng.integers(0, people, n)
    for row in range(n):
        for _ in range(counts[row]):
            walk(tree, rng, votes[row], asked[row])
    return votes, asked, counts.astype(np.int32)


def random_evidence(n: int = 50, tree: Tree = DECALS, seed: int = 0, *, walks: int = 50, **more):
    """Return n galaxies; the votes of the first `walks` are repeated, as walking is slow."""
    rng = np.random.default_rng(seed)
    votes, asked, counts = random_votes(tree, min(n, walks), rng)
    again = np.resize(np.arange(len(votes)), n)
    votes, asked, counts = votes[again], asked[again], counts[again]
    prior = rng.gamma(2.0, 2.0, (n, tree.n_answers)).astype(np.float32)
    seen = rng.random(n) < 0.8
    prior[~seen] = np.nan
    retired = np.full(n, "NaT", "datetime64[us]")
    is_retired = rng.random(n) < 0.5
    retired[is_retired] = np.datetime64("2026-11-26T10:00:00.000001")
    values = {
        "tree": tree,
        "subject_id": np.arange(1, n + 1) * 3,
        "survey_id": np.array([f"J{number:06}" for number in range(n)], object),
        "survey": np.full(n, "decals", object),
        "ra": rng.uniform(0, 360, n),
        "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n))),
        "votes": votes,
        "asked": asked,
        "weighted": (votes * 0.5).astype(np.float32),
        "weighted_asked": (asked * 0.5).astype(np.float32),
        "prior": prior,
        "model": np.where(seen, "abcdef01", "").astype(object),
        "n_classifications": counts,
        "retired_at": retired,
        "retired_reason": np.where(is_retired, "count", "").astype(object),
        "n_flags": rng.integers(0, 2, n).astype(np.int32),
        "is_gold": rng.random(n) < 0.1,
        "filled_share": rng.random(n) * 0.3,
        "metadata": {},
    }
    return Evidence(**(values | more))


def numbered(texts):
    """Return texts made different by a number."""
    return [f"{text}{number}" for text, number in zip(texts, itertools.count(), strict=False)]
