"""Votes and pictures as people have them, made into a run directory.

Four kinds of source: a catalog (Parquet), a table of counts (CSV, as Zoobot trains on), a folder of
class folders, and a folder with the public Galaxy Zoo 2 tables.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.errors import shown
from inference.formats.catalog import Catalog, check_pictures, read_catalog
from inference.formats.run import RunFolder
from inference.formats.stamps import write_stamps
from inference.formats.tree import Tree
from training.config import Config
from training.errors import DataRefused
from training.gz2 import TABLES, TRAINING_DATA, read_gz2
from training.stamps import stamp_blocks

_IDS = ("id_str", "subject_id", "id", "iauname", "objid", "GalaxyID", "dr7objid", "dr8_id")
_FILES = ("file_loc", "picture", "file", "image", "path")
_PICTURES = {".jpg", ".jpeg", ".png", ".fits", ".fz"}


def prepare(
    source: Path,
    out: Path,
    config: Config,
    *,
    pictures: Path | None = None,
    tree: Tree | None = None,
    unlabeled: Path | None = None,
    training_data: str = "",
) -> RunFolder:
    """Make a run directory of a source.

    Args:
        source: see the module.
        pictures: folder of the pictures, where it is not that of the source.
        tree: needed for a CSV table; otherwise the votes are carried over to it by key.
        unlabeled: folder with pictures of a second survey without votes.
        training_data: sentences for the card.

    Raises:
        InferenceError: the source contradicts itself, or a picture cannot be used.
    """
    catalog, folder = read_source(source, tree)
    folder = pictures or folder
    check_pictures(catalog, folder)
    is_gz2 = source.is_dir() and (source / TABLES[0].votes).exists()
    run = RunFolder.create(
        out,
        catalog=catalog,
        blocks=stamp_blocks([folder / name for name in catalog.pictures], config.input),
        spec=config.input,
        config=config.to_json(),
        training_data=training_data or (TRAINING_DATA if is_gz2 else ""),
    )
    if unlabeled is not None:
        files = list(_pictures_in(unlabeled))
        write_stamps(
            run.unlabeled_path,
            stamp_blocks(files, config.input),
            n=len(files),
            size_px=config.size_px,
        )
    return run


def read_source(source: Path, tree: Tree | None) -> tuple[Catalog, Path]:
    """Return the votes of a source, and the folder of its pictures."""
    if source.is_dir():
        if (source / TABLES[0].votes).exists():
            catalog, _ = read_gz2(source)
        else:
            catalog = read_class_folders(source)
        return (catalog if tree is None else catalog.carried_to(tree)), source
    if source.suffix.lower() == ".csv":
        if tree is None:
            raise DataRefused(
                f"{source} does not say which tree its columns are about: name it with --tree."
            )
        return read_counts(source, tree), source.parent
    return read_catalog(source, tree=tree), source.parent


def read_class_folders(folder: Path) -> Catalog:
    """Return pictures sorted into class folders as one question, one vote each.

    Raises:
        DataRefused: there are fewer than two folders with pictures.
    """
    classes = {
        path: files
        for path in sorted(folder.iterdir())
        if path.is_dir() and (files := list(_pictures_in(path)))
    }
    if len(classes) < 2:
        raise DataRefused(
            f"{folder} has {len(classes)} folders with pictures: name a folder with one folder a "
            f"class, a catalog (.parquet) or a table of counts (.csv)."
        )
    tree = _tree_of_classes(folder.name, [path.name for path in classes])
    pairs = [(file, number) for number, found in enumerate(classes.values()) for file in found]
    votes = np.zeros((len(pairs), len(classes)), np.float32)
    votes[np.arange(len(pairs)), [number for _, number in pairs]] = 1
    names = [file.relative_to(folder).as_posix() for file, _ in pairs]
    return _catalog(tree, names, names, votes)


def read_counts(path: Path, tree: Tree) -> Catalog:
    """Return a CSV table with an id, a picture, and a column of votes an answer.

    Columns are found by the tree's names and aliases; a question without columns was not asked.

    Raises:
        DataRefused: a column is missing, or a value is no number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataRefused(f"{path} cannot be read as a CSV table: {error}.") from None
    header = list(rows[0]) if rows else []
    id_column, file_column = _first(_IDS, header, path), _first(_FILES, header, path)
    answers = {name: a for name in header if name and (a := tree.answer_of_column(name))}
    if not answers:
        raise DataRefused(
            f"{path} has no column of the tree {tree.key}: name them as in "
            f"{tree.column(tree.answers[0])}."
        )
    votes = np.zeros((len(rows), tree.n_answers), np.float32)
    for number, row in enumerate(rows):
        for name, answer in answers.items():
            try:
                votes[number, answer.index] = float(row[name])
            except (TypeError, ValueError):
                raise DataRefused(
                    f"{path}, line {number + 2}, has {shown(row[name])} in {name}: write a number."
                ) from None
    names = [row[file_column] for row in rows]
    return _catalog(tree, [row[id_column] for row in rows], names, votes)


def _catalog(
    tree: Tree, ids: list[str], pictures: list[str], votes: NDArray[np.float32]
) -> Catalog:
    spans = [question.span for question in tree.questions]
    asked = np.stack([votes[:, span.start : span.stop].sum(axis=1) for span in spans], axis=1)
    for question in tree.questions:
        if not question.is_single:  # nobody says how many passed it; as many as were asked before
            span = votes[:, question.span.start : question.span.stop]
            asked[:, question.index] = np.where(span.any(axis=1), asked[:, 0], 0)
    catalog = Catalog(
        tree=tree,
        subject_ids=tuple(ids),
        groups=tuple(ids),
        pictures=tuple(pictures),
        picture_sha256s=("",) * len(ids),
        votes=votes,
        asked=asked,
        nominal=np.zeros(len(ids), np.bool_),
        aux_names=(),
        aux=np.zeros((len(ids), 0), np.float32),
    )
    catalog.check()
    return catalog


def _tree_of_classes(name: str, classes: list[str]) -> Tree:
    answers = [
        {"key": _key(label), "label": label.replace("_", " ")[:200], "next": None}
        for label in classes
    ]
    return Tree.parse(
        {
            "format": 1,
            "key": _key(name),
            "title": name[:200] or "Classes",
            "questions": [
                {"key": "class", "text": "Which class?", "kind": "single", "answers": answers}
            ],
        }
    )


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "classes"


def _first(names: tuple[str, ...], header: list[str], path: Path) -> str:
    for name in names:
        if name in header:
            return name
    raise DataRefused(f"{path} has none of the columns {', '.join(names)}: add one.")


def _pictures_in(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _PICTURES and path.is_file():
            yield path
