"""The catalog's numbers anew from single votes, as somebody would who has the files alone.

The tree is the JSON of the release and the votes are its table; formulas are SciPy's, not ours.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

MULTIPLE_REST = 10.0  # what stands against each answer of a multiple choice in a network's words
Place = tuple[str, int]  # the family of columns, and the index of its question or answer


class Recomputed:
    """What the votes say of some galaxies; `said[family, index]` is a list, one a galaxy.

    Args:
        ids: source_id of the galaxies, in the catalog's order.
        priors: concentrations of a network by source_id, over all answers of the tree.
    """

    def __init__(
        self,
        tree: Mapping[str, Any],
        votes: pd.DataFrame,
        ids: list[int],
        priors: Mapping[int, list[float]],
    ) -> None:
        self.tree, self.priors = tree, priors
        counted = votes[votes.counted == 1]
        self.by_galaxy = dict(tuple(counted.groupby("source_id")))
        self.nothing = counted.iloc[:0]
        self.said: dict[Place, list[Any]] = {}
        for one in ids:
            for place, value in self._galaxy(one):
                self.said.setdefault(place, []).append(value)

    def _galaxy(self, one: int) -> Iterator[tuple[Place, Any]]:
        rows = self.by_galaxy.get(one, self.nothing)
        yield ("n_classifications", 0), rows.classification.nunique()
        prior, index = self.priors.get(one), 0
        means: dict[int, list[float]] = {}
        known: dict[int, bool] = {}
        for number, question in enumerate(self.tree["questions"]):
            said = rows[rows.question == question["key"]]
            first, span = index, range(index, index + len(question["answers"]))
            walks = said.groupby("classification").weight.first().astype(float)
            known[number] = prior is not None or walks.sum() > 0
            yield ("n_votes", number), len(walks)
            shares = []
            for index in span:
                answer = question["answers"][index - first]["key"]
                mine = said[said.answer == answer].weight.astype(float)
                yield from self._of_people(index, len(mine), len(walks))
                shares.append(len(mine) / len(walks) if len(walks) else np.nan)
                weighted = min(mine.sum() / walks.sum(), 1) if walks.sum() else np.nan
                yield ("wfrac", index), weighted
            means[number] = []
            for place, (alpha, rest) in self._betas(question, said, walks, span, prior):
                means[number].append(alpha / (alpha + rest))
                belief = stats.beta(alpha, rest)
                for family, value in (
                    ("post", belief.mean()), ("post_lo", belief.ppf(0.05)),
                    ("post_hi", belief.ppf(0.95)),
                ):  # fmt: skip
                    yield (family, place), value if known[number] else np.nan
            yield ("lead", number), _leading(question, means[number], is_known=known[number])
            yield ("people's lead", number), _leading(question, shares, is_known=len(walks) > 0)
            index = span.stop
        for number, share in enumerate(_reached(self.tree, means)):
            yield ("asked", number), share if known[0] else np.nan

    def _of_people(self, index: int, given: int, asked: int) -> Iterator[tuple[Place, Any]]:
        yield ("votes", index), given
        yield ("frac", index), given / asked if asked else np.nan
        ends = (np.nan, np.nan)
        if asked:
            ends = stats.binomtest(given, asked).proportion_ci(0.95, method="wilson")
        yield ("frac_lo", index), ends[0]
        yield ("frac_hi", index), ends[1]

    def _betas(self, question, said, walks, span, prior):
        """Yield the place of each answer and the parameters of its share's Beta distribution."""
        start = [prior[place] if prior is not None else 1.0 for place in span]
        given = [
            said[said.answer == answer["key"]].weight.astype(float).sum()
            for answer in question["answers"]
        ]
        alphas = [one + more for one, more in zip(start, given, strict=True)]
        for place, alpha, mine in zip(span, alphas, given, strict=True):
            if question["kind"] == "single":
                yield place, (alpha, sum(alphas) - alpha)
            else:
                silent = 1.0 if prior is None else MULTIPLE_REST
                yield place, (alpha, silent + walks.sum() - mine)


def _leading(question: Mapping[str, Any], shares: list[float], *, is_known: bool) -> str:
    if not is_known:
        return ""
    best = int(np.argmax(shares))
    if question["kind"] == "multiple" and shares[best] <= 0.5:
        return ""
    return str(question["answers"][best]["key"])


def _reached(tree: Mapping[str, Any], means: Mapping[int, list[float]]) -> list[float]:
    """Return the share of volunteers who come to each question: all ways of getting there."""
    numbers = {question["key"]: place for place, question in enumerate(tree["questions"])}
    found = [0.0] * len(numbers)
    waiting = [(0, 1.0)]
    while waiting:
        number, share = waiting.pop()
        found[number] += share
        question = tree["questions"][number]
        if question["kind"] == "multiple":
            ways = [(question.get("next"), 1.0)]
        else:
            nexts = [answer.get("next") for answer in question["answers"]]
            ways = list(zip(nexts, means[number], strict=True))
        waiting += [(numbers[key], share * part) for key, part in ways if key]
    return found
