"""The public votes of Galaxy Zoo 2 as one catalog for training, each kind read as what it is.

Three tables are understood, in a folder of data laid out as follows:

- `gz2_kaggle/votes_full.csv`, `gz2_kaggle/votes_partial.csv`, `gz2_kaggle_more/votes_partial.csv`:
  fractions of the 2014 Galaxy Challenge, cumulative down the tree (Class 6 alone is not: it sums
  to 1). They become fractions x a nominal 40 people; a question without columns was not asked.
- `gz2_stripe82/votes_imaged.csv`: how many people gave each answer (Willett et al. 2013, table 5).
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.belief.dirichlet import parents_first
from inference.formats.catalog import Catalog
from inference.formats.tree import Tree, load_built_in
from training.errors import DataRefused

NOMINAL_PEOPLE = 40
FULL, PARTIAL, COUNTED = "full", "partial", "counted"
TRAINING_DATA = (
    "Votes of Galaxy Zoo 2 (Willett et al. 2013, MNRAS 435, 2835) for SDSS pictures: fractions of "
    f"the 2014 Galaxy Challenge, trained as fractions times a nominal {NOMINAL_PEOPLE} people and "
    "not as counts, and raw counts of Stripe 82. The votes are Galaxy Zoo's, the pictures those of "
    "the Sloan Digital Sky Survey; neither is part of this file. Cite both."
)
# Class 6 is asked of everybody who did not say artifact, and Class 8 hangs on it: these columns
# are shares of the people who were asked Class 6, where all others are shares of everybody.
_SHARES_OF_ASKED = ("something-odd", "odd-feature")


@dataclass(frozen=True)
class Table:
    """One table and the folder of its pictures."""

    kind: str
    votes: str
    pictures: str
    id_column: str


TABLES = (
    Table(FULL, "gz2_kaggle/votes_full.csv", "gz2_kaggle/images", "GalaxyID"),
    Table(PARTIAL, "gz2_kaggle/votes_partial.csv", "gz2_kaggle/images", "GalaxyID"),
    Table(PARTIAL, "gz2_kaggle_more/votes_partial.csv", "gz2_kaggle_more/images", "GalaxyID"),
    Table(COUNTED, "gz2_stripe82/votes_imaged.csv", "gz2_stripe82/images", "objid"),
)


def read_gz2(folder: Path) -> tuple[Catalog, NDArray[np.str_]]:
    """Return all galaxies of the tables, and the kind of each: "full", "partial" or "counted".

    Raises:
        DataRefused: a table or a column is missing, or a value is no number.
    """
    tree = load_built_in("galaxy-zoo-2")
    rows = [row for table in TABLES for row in _rows(folder, table, tree)]
    votes = np.stack([row.votes for row in rows]).astype(np.float32)
    kinds = np.array([row.kind for row in rows])
    catalog = Catalog(
        tree=tree,
        subject_ids=tuple(row.subject_id for row in rows),
        groups=tuple(row.subject_id for row in rows),
        pictures=tuple(row.picture for row in rows),
        picture_sha256s=("",) * len(rows),
        votes=votes,
        asked=_asked(votes, tree),
        nominal=kinds != COUNTED,
        aux_names=(),
        aux=np.zeros((len(rows), 0), np.float32),
    )
    return catalog, kinds


@dataclass(frozen=True)
class _Row:
    kind: str
    subject_id: str
    picture: str
    votes: NDArray[np.float64]  # (K,)


def _rows(folder: Path, table: Table, tree: Tree) -> Iterator[_Row]:
    path = folder / table.votes
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
    except OSError as error:
        raise DataRefused(
            f"{path} cannot be read ({error.strerror}): name the folder that holds {table.votes}."
        ) from None
    for number, line in enumerate(lines, start=2):
        try:
            votes = _counts(line, tree) if table.kind == COUNTED else _nominal(line, tree)
            subject_id = line[table.id_column]
        except (KeyError, TypeError, ValueError) as error:
            raise DataRefused(
                f"{path}, line {number}: {error} is missing or no number; take the file as it was "
                f"published."
            ) from None
        yield _Row(table.kind, subject_id, f"{table.pictures}/{subject_id}.jpg", votes)


def _nominal(line: dict[str, str], tree: Tree) -> NDArray[np.float64]:
    """Return fractions times the nominal number of people; 0 for questions without columns."""
    shares = np.zeros(tree.n_answers)
    for answer in tree.answers:
        text = line.get(answer.aliases[0])
        shares[answer.index] = 0.0 if text is None else float(text)
    not_artifact = 1 - shares[tree.answer("smooth-or-featured.artifact").index]
    for key in _SHARES_OF_ASKED:
        span = tree.question(key).span
        shares[span.start : span.stop] *= not_artifact
    return shares * NOMINAL_PEOPLE


def _counts(line: dict[str, str], tree: Tree) -> NDArray[np.float64]:
    """Return whole people; what rounding added to a question beyond its parents is taken off.

    In the published table 21 of 269 galaxies with pictures have a question that one person more
    answered than gave the answer before it.
    """
    votes = np.array([float(int(line[f"{answer.aliases[1]}_count"])) for answer in tree.answers])
    for question in parents_first(tree):
        parents = [answer.index for answer in tree.parents(question)]
        if not parents:
            continue
        span = slice(question.span.start, question.span.stop)
        while votes[span].sum() > votes[parents].sum():
            votes[span.start + int(votes[span].argmax())] -= 1
    return votes


def _asked(votes: NDArray[np.float32], tree: Tree) -> NDArray[np.float32]:
    spans = [question.span for question in tree.questions]
    return np.stack([votes[:, s.start : s.stop].sum(axis=1) for s in spans], axis=1)
