"""Catalogs for tests: the votes of people who walk through a tree."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from inference.formats.catalog import Catalog
from inference.formats.tree import Tree

PEOPLE = 9


def crowd(
    tree: Tree, chance: random.Random, people: int = PEOPLE
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the votes (K,) of people who answer by chance, and how many were asked (Q,)."""
    votes, asked = np.zeros(tree.n_answers, np.float32), np.zeros(tree.n_questions, np.float32)
    for _ in range(people):
        index: int | None = 0
        while index is not None:
            question = tree.questions[index]
            asked[index] += 1
            if question.is_single:
                answer = chance.choice(question.answers)
                votes[answer.index] += 1
                index = answer.next
            else:
                least = 1 if question.required else 0
                n_chosen = chance.randint(least, len(question.answers))
                for answer in chance.sample(question.answers, n_chosen):
                    votes[answer.index] += 1
                index = question.next
    return votes, asked


def catalog_of(tree: Tree, n: int = 4, seed: int = 0) -> Catalog:
    """Return n galaxies whose votes a crowd gave, with two further columns."""
    chance = random.Random(seed)
    rows = [crowd(tree, chance) for _ in range(n)]
    ids = tuple(f"galaxy-{number}" for number in range(n))
    aux = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    aux[:1, 1] = np.nan
    return Catalog(
        tree=tree,
        subject_ids=ids,
        groups=tuple(f"field-{number // 2}" for number in range(n)),
        pictures=tuple(f"pictures/{name}.jpg" for name in ids),
        picture_sha256s=tuple(f"{number:064x}" if number else "" for number in range(n)),
        votes=np.array([votes for votes, _ in rows], np.float32).reshape(n, tree.n_answers),
        asked=np.array([asked for _, asked in rows], np.float32).reshape(n, tree.n_questions),
        nominal=np.arange(n) % 2 == 1,
        aux_names=("mag_r", "redshift"),
        aux=aux,
    )


def rewrite(path: Path, **columns: Any) -> None:
    """Change, add or (with None) take out columns of a Parquet file, behind its writer's back.

    A value is the new column, or a function of the old one's values.
    """
    table = pq.read_table(path)
    metadata = table.schema.metadata
    for name, change in columns.items():
        place = table.column_names.index(name) if name in table.column_names else -1
        old = [] if place < 0 else table[name].to_pylist()
        values = change(old) if callable(change) else change
        if values is None:
            table = table.remove_column(place)
        elif place < 0:
            table = table.append_column(name, pa.array(values))
        else:
            table = table.set_column(place, name, pa.array(values))
    pq.write_table(table.replace_schema_metadata(metadata), path)


def at(row: int, value: Any) -> Any:
    """Return what gives a column another value in one row."""
    return lambda values: [*values[:row], value, *values[row + 1 :]]


def check_same(one: Catalog, two: Catalog) -> None:
    """Check that two catalogs say the same, in the same types."""
    for name in ("tree", "subject_ids", "groups", "pictures", "picture_sha256s", "aux_names"):
        assert getattr(one, name) == getattr(two, name)
    for name in ("votes", "asked", "nominal", "aux"):
        assert getattr(one, name).dtype == getattr(two, name).dtype
        assert np.array_equal(getattr(one, name), getattr(two, name), equal_nan=name == "aux")
