"""What belief costs: a survey at once, and the one galaxy of a vote.

The 34-answer tree of Galaxy Zoo DECaLS and DESI, without its last question of several answers; all
of the survey has a network's word, and a tenth of it, or all, has people's votes. Processor time is
given beside the clock's, as it says more on a machine that does other things too.
"""

import json
import resource
import statistics
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
_UNITS = ["seconds", "processor seconds"]
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


def survey(tree: Tree, n: int, voted: float, seed: int = 0) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield blocks of votes, people and concentrations as a survey has them.

    Args:
        voted: share of the galaxies that have people's votes.
    """
    rng = np.random.default_rng(seed)
    for start in range(0, n, BLOCK):
        size = min(BLOCK, n - start)
        prior = rng.gamma(0.8, 8, (size, tree.n_answers)).astype(np.float32) + 0.1
        people = rng.integers(1, 40, size) * (rng.random(size) < voted)
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
    before = _peak_mb()
    whole = [
        of_runs(f"{name} has votes", [_survey(tree, rule, n, voted) for _ in range(RUNS)])
        for name, voted in (("a tenth", 0.1), ("every galaxy", 1.0))
    ]
    one = [_one_by_one(tree, rule) for _ in range(RUNS)]
    return "\n\n".join(
        [
            f"Posterior, gain and verdict. Memory before: {before:.0f} MB.",
            table([f"{n:,} galaxies, {tree.n_answers} answers", *_UNITS, "peak MB"], whole),
            table(
                ["one galaxy, as every vote pays", "median us", "mean us", "mean processor us"],
                [of_runs("with 1 to 39 votes, a third retires", one)],
            ),
        ]
    )


def _survey(tree: Tree, rule: Rule, n: int, voted: float) -> list[float]:
    """Return seconds by the clock and of the processor, and the peak memory so far in MB."""
    spent, used = 0.0, 0.0
    for block in survey(tree, n, voted):  # making the votes is not what is measured
        started, busy = time.perf_counter(), time.process_time()
        believed(tree, rule, *block)
        spent += time.perf_counter() - started
        used += time.process_time() - busy
    return [spent, used, _peak_mb()]


def _one_by_one(tree: Tree, rule: Rule) -> list[float]:
    votes, people, prior = next(survey(tree, ONE, 1.0))
    seconds, busy = [], time.process_time()
    for row in range(ONE):
        started = time.perf_counter()
        known = posterior(tree, votes[row : row + 1], prior=prior[row : row + 1])
        gain(known)
        rule.verdict(votes[row].tolist(), int(people[row]), posterior=known)
        seconds.append(time.perf_counter() - started)
    used = time.process_time() - busy
    found = (statistics.median(seconds), statistics.mean(seconds), used / ONE)
    return [1e6 * value for value in found]


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
