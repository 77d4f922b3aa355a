"""What belief costs: a survey at once, and the one galaxy of a vote.

The 34-answer tree of Galaxy Zoo DECaLS and DESI, without its last question of several answers; a
tenth of the survey has people's votes, all of it has a network's word.
"""

import json
import resource
import time
from collections.abc import Iterator

import numpy as np

from inference.belief.gain import gain
from inference.belief.posterior import Posterior, posterior
from inference.belief.retirement import Rule
from inference.formats.tree import Tree, load_built_in
from tests.bench.report import of_runs, table

BLOCK = 50_000
RUNS = 3
ONE = 500  # galaxies judged one by one
RULE = {
    "format": 2,
    "votes": 40,
    "certainty": {"probability": 0.95, "votes": 3, "people": 1, "questions": "all"},
}


def desi_tree() -> Tree:
    """Return the tree with the ten questions that networks are trained on."""
    document = json.loads(load_built_in("galaxy-zoo-decals").to_json())
    document["questions"] = [one for one in document["questions"] if one["kind"] == "single"]
    kept = {question["key"] for question in document["questions"]}
    for question in document["questions"]:
        for answer in question["answers"]:
            answer["next"] = answer["next"] if answer["next"] in kept else None
    return Tree.parse(document)


def survey(tree: Tree, n: int, seed: int = 0) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield blocks of votes, people and concentrations as a survey has them."""
    rng = np.random.default_rng(seed)
    for start in range(0, n, BLOCK):
        size = min(BLOCK, n - start)
        prior = rng.gamma(0.8, 8, (size, tree.n_answers)).astype(np.float32) + 0.1
        people = rng.integers(1, 40, size) * (rng.random(size) < 0.1)
        votes = np.zeros((size, tree.n_answers), np.float32)
        for question in tree.questions:
            span = slice(question.span.start, question.span.stop)
            shares = prior[:, span] / prior[:, span].sum(1, keepdims=True)
            votes[:, span] = np.rint(shares * people[:, None])
        yield votes, people, prior


def believed(tree: Tree, rule: Rule, votes: np.ndarray, people: np.ndarray, prior: np.ndarray):
    """Return gain and verdict of a block."""
    known: Posterior = posterior(tree, votes, prior=prior)
    return gain(known), rule.verdicts(votes, people, posterior=known)


def run(n: int) -> str:
    """Measure, and return the tables."""
    tree = desi_tree()
    rule = Rule.parse(RULE, tree)
    seconds, before = [], _peak_mb()
    for _ in range(RUNS):
        spent = 0.0
        for block in survey(tree, n):  # making the votes is not what is measured
            started = time.perf_counter()
            believed(tree, rule, *block)
            spent += time.perf_counter() - started
        seconds.append([spent, _peak_mb()])
    one = [[_one_by_one(tree, rule)] for _ in range(RUNS)]
    return "\n\n".join(
        [
            table(
                [f"{n:,} galaxies, {tree.n_answers} answers", "seconds", "peak memory, MB"],
                [of_runs("posterior, gain and verdict", seconds)],
            ),
            table(
                ["one galaxy, as every vote pays", "microseconds"],
                [of_runs("posterior, gain and verdict", one)],
            ),
            f"Memory before: {before:.0f} MB.",
        ]
    )


def _one_by_one(tree: Tree, rule: Rule) -> float:
    votes, people, prior = next(survey(tree, ONE * 20))
    rows = np.flatnonzero(people)[:ONE]
    started = time.perf_counter()
    for row in rows:
        known = posterior(tree, votes[row : row + 1], prior=prior[row : row + 1])
        gain(known)
        rule.verdict(votes[row].tolist(), int(people[row]), posterior=known)
    return 1e6 * (time.perf_counter() - started) / len(rows)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
