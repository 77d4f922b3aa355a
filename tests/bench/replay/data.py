"""The real campaigns that are voted on again: what the whole crowd said of each galaxy."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.belief.dirichlet import span_of
from inference.formats.catalog import Catalog
from inference.formats.tree import Tree, load_built_in
from training.gz2 import COUNTED, FULL, read_gz2

DECALS = ("decals_votes/votes_full_tree.csv", "decals_votes/votes_shape_question.csv")
LEAST_PEOPLE = 20  # of a counted galaxy that judges: fewer people have no leading answer


@dataclass(frozen=True, eq=False)
class Campaign:
    """N galaxies and what the whole crowd said. No policy sees this; volunteers are drawn from it.

    Attributes:
        fractions: (N, K) share of those asked who gave an answer; a question's are NaN where the
            table has no columns for it or nobody was asked.
        counts: (N, K) whole people; NaN where only fractions are published.
        questions: (N, Q) questions that a galaxy's table has columns for.
        judged: (N,) galaxies on which a figure is measured; the others only take part.
    """

    name: str
    tree: Tree
    subject_ids: tuple[str, ...]
    fractions: NDArray[np.float64]
    counts: NDArray[np.float64]
    questions: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    pictures: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.subject_ids)

    @property
    def is_counted(self) -> NDArray[np.bool_]:
        """Say of which galaxies whole people are known, (N,)."""
        return np.isfinite(self.counts[:, 0])

    def part(self, places: NDArray[np.int64]) -> "Campaign":
        """Return the galaxies at these places as a campaign."""
        return Campaign(
            self.name,
            self.tree,
            tuple(self.subject_ids[place] for place in places),
            self.fractions[places],
            self.counts[places],
            self.questions[places],
            self.judged[places],
            tuple(self.pictures[place] for place in places) if self.pictures else (),
        )


def galaxy_zoo_2(folder: Path) -> Campaign:
    """Return all galaxies of Galaxy Zoo 2 that have a picture; the fully voted ones judge.

    The others take part as in a real campaign, and their votes are counted. They are no fair
    sample of the sky, so no figure is measured on them.
    """
    catalog, kinds = read_gz2(folder)
    counted = kinds == COUNTED
    in_table = {kind: (catalog.asked[kinds == kind] > 0).any(0) for kind in np.unique(kinds)}
    return Campaign(
        name="Galaxy Zoo 2",
        tree=catalog.tree,
        subject_ids=catalog.subject_ids,
        fractions=_shares(catalog),
        counts=np.where(counted[:, None], catalog.votes, np.nan).astype(np.float64),
        questions=np.stack([in_table[kind] for kind in kinds]),
        judged=kinds == FULL,
        pictures=catalog.pictures,
    )


def decals(folder: Path, table: str) -> Campaign:
    """Return a table of Galaxy Zoo DECaLS, counts without pictures.

    Of its tree the answers are taken that the table has; "merging" changed its answers while the
    survey ran, and "rare features" was not published, so nobody is asked either.
    """
    tree = load_built_in("galaxy-zoo-decals")
    with (folder / table).open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    counts = np.zeros((len(lines), tree.n_answers))
    known = np.zeros(tree.n_questions, bool)
    for question in tree.questions:
        columns = [f"{question.key}_{answer.key}" for answer in question.answers]
        known[question.index] = question.key != "merging" and set(columns) <= set(lines[0])
        if known[question.index]:
            counts[:, span_of(question)] = [
                [float(line[c] or 0) for c in columns] for line in lines
            ]
    _take_off_rounding(counts, tree)
    people = counts[:, span_of(tree.questions[0])].sum(1)
    return Campaign(
        name=f"DECaLS, {Path(table).stem.removeprefix('votes_').replace('_', ' ')}",
        tree=tree,
        subject_ids=tuple(line["subject_id"] for line in lines),
        fractions=_fractions(counts, tree),
        counts=counts,
        questions=np.tile(known, (len(lines), 1)),
        judged=people >= LEAST_PEOPLE,
    )


def leading(campaign: Campaign) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the crowd's leading answer to the first question and its share, (N,) each."""
    first = campaign.fractions[:, span_of(campaign.tree.questions[0])]
    return first.argmax(1), first.max(1)


def _shares(catalog: Catalog) -> NDArray[np.float64]:
    return _fractions(catalog.votes.astype(np.float64), catalog.tree)


def _fractions(votes: NDArray[np.float64], tree: Tree) -> NDArray[np.float64]:
    found = np.full(votes.shape, np.nan)
    for question in tree.questions:
        span = span_of(question)
        people = votes[:, span].sum(1, keepdims=True)
        np.divide(votes[:, span], people, out=found[:, span], where=people > 0)
    return found


def _take_off_rounding(counts: NDArray[np.float64], tree: Tree) -> None:
    """No more people answer a question than gave the answers before it."""
    for question in tree.questions:
        parents = [answer.index for answer in tree.parents(question)]
        if not parents:
            continue
        span = span_of(question)
        for row in np.flatnonzero(counts[:, span].sum(1) > counts[:, parents].sum(1)):
            while counts[row, span].sum() > counts[row, parents].sum():
                counts[row, span.start + int(counts[row, span].argmax())] -= 1
