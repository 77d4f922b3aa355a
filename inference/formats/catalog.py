"""A catalog of votes: one Parquet row a galaxy, one column an answer, the tree in its metadata.

docs/formats.md describes the columns. `read_catalog` refuses what contradicts itself, with the
galaxy, the column, the value and the remedy; what it returns can be trained on.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from inference.errors import InferenceError, TreeRefused, shown
from inference.formats.fields import Fields
from inference.formats.question import Question
from inference.formats.split import split_of
from inference.formats.stamps import file_sha256
from inference.formats.strict_json import read_object
from inference.formats.tree import Tree

FORMAT = 1
AUX_PREFIX = "aux_"
_METADATA_KEY = b"tuning-fork"
_MAX_METADATA_BYTES = 2_000_000
_TEXTS = ("subject_id", "group", "picture", "picture_sha256")
_MAX_TEXT = 1000


class CatalogRefused(InferenceError):
    """A catalog that cannot be trained on."""


@dataclass(frozen=True, eq=False)
class Catalog:
    """Votes about N galaxies over a tree of K answers and Q questions."""

    tree: Tree
    subject_ids: tuple[str, ...]
    groups: tuple[str, ...]  # what must not be split between training and test
    pictures: tuple[str, ...]  # paths relative to the catalog's folder
    picture_sha256s: tuple[str, ...]  # 64 hexadecimal digits, or empty
    votes: NDArray[np.float32]  # (N, K) people who gave an answer; need not be whole if nominal
    asked: NDArray[np.float32]  # (N, Q) people who were asked; 0 also where that is not known
    nominal: NDArray[np.bool_]  # (N,) the votes are fractions times a nominal number of people
    aux_names: tuple[str, ...] = ()
    aux: NDArray[np.float32] | None = None  # (N, M), NaN where missing

    def __len__(self) -> int:
        return len(self.subject_ids)

    def splits(self) -> NDArray[np.str_]:
        """Return the part each galaxy falls into, (N,); see split.py."""
        return np.array([split_of(group) for group in self.groups], dtype=np.str_)

    def take(self, places: NDArray[np.int64]) -> Self:
        """Return the galaxies at these places."""
        return replace(
            self,
            **{
                name: tuple(getattr(self, name)[place] for place in places)
                for name in ("subject_ids", "groups", "pictures", "picture_sha256s")
            },
            votes=self.votes[places],
            asked=self.asked[places],
            nominal=self.nominal[places],
            aux=None if self.aux is None else self.aux[places],
        )

    def carried_to(self, tree: Tree) -> Self:
        """Return the votes over another version of the tree, matched by the answers' keys.

        Raises:
            CatalogRefused: an answer that has votes is not in the other tree.
        """
        votes = np.zeros((len(self), tree.n_answers), np.float32)
        for old, new in enumerate(tree.axis_from(self.tree)):
            if new is not None:
                votes[:, new] = self.votes[:, old]
            elif self.votes[:, old].any():
                raise CatalogRefused(
                    f"The catalog has votes for {self.tree.name(self.tree.answers[old])}, an "
                    f'answer that the tree "{tree.key}" does not have: train on the catalog\'s own '
                    f"tree."
                )
        asked = np.zeros((len(self), tree.n_questions), np.float32)
        places = {question.key: question.index for question in self.tree.questions}
        for question in tree.questions:
            if question.key in places:
                asked[:, question.index] = self.asked[:, places[question.key]]
        return replace(self, tree=tree, votes=votes, asked=asked)

    def check(self) -> None:
        """Raise CatalogRefused if the votes contradict themselves or the tree."""
        _check_ids(self)
        _check_numbers(self)
        for question in self.tree.questions:
            _check_question(self, question)
        _check_reach(self)


def write_catalog(catalog: Catalog, path: Path) -> None:
    """Store a catalog; the file has its name only when it is whole.

    Raises:
        CatalogRefused: the catalog contradicts itself.
    """
    catalog.check()
    tree = catalog.tree
    columns: dict[str, Any] = {name: list(getattr(catalog, f"{name}s")) for name in _TEXTS}
    columns["nominal"] = catalog.nominal
    for answer in tree.answers:
        columns[tree.column(answer)] = catalog.votes[:, answer.index]
    for question in tree.questions:
        columns[asked_column(tree, question)] = catalog.asked[:, question.index]
    for number, name in enumerate(catalog.aux_names):
        assert catalog.aux is not None  # noqa: S101  for the type checker
        values = catalog.aux[:, number]
        columns[AUX_PREFIX + name] = pa.array(values, mask=np.isnan(values))
    about = {"format": FORMAT, "tree": json.loads(tree.to_json())}
    table = pa.table(columns).replace_schema_metadata(
        {_METADATA_KEY: json.dumps(about, ensure_ascii=False).encode()}
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, temporary, compression="zstd")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def asked_column(tree: Tree, question: Question) -> str:
    """Return the column that counts who was asked, as in "bar-dr5_asked"."""
    return f"{tree.column(question.answers[0]).rsplit('_', 1)[0]}_asked"


def read_catalog(path: Path, *, tree: Tree | None = None) -> Catalog:
    """Return the catalog in a Parquet file.

    Args:
        tree: carry the votes over to this version of the tree, by key.

    Raises:
        CatalogRefused: one sentence with the galaxy, the column, the value and the remedy.
    """
    table = _table(path)
    own = _tree_of(table, path)
    columns = _columns(table, own, path)
    n = table.num_rows
    ids = _texts(table, "subject_id", path)
    aux_names = tuple(c.removeprefix(AUX_PREFIX) for c in columns if c.startswith(AUX_PREFIX))
    has = set(columns)
    catalog = Catalog(
        tree=own,
        subject_ids=ids,
        groups=_texts(table, "group", path) if "group" in has else ids,
        pictures=_texts(table, "picture", path),
        picture_sha256s=_texts(table, "picture_sha256", path)
        if "picture_sha256" in has
        else ("",) * n,
        votes=_numbers(table, ids, [own.column(answer) for answer in own.answers]),
        asked=_numbers(table, ids, [asked_column(own, question) for question in own.questions]),
        nominal=_flags(table, path) if "nominal" in has else np.zeros(n, np.bool_),
        aux_names=aux_names,
        aux=_numbers(table, ids, [AUX_PREFIX + name for name in aux_names], missing_ok=True)
        if aux_names
        else None,
    )
    catalog.check()
    return catalog if tree is None or tree == own else catalog.carried_to(tree)


def check_pictures(catalog: Catalog, folder: Path) -> None:
    """Raise CatalogRefused if a picture is missing, or is not the one whose hash is given."""
    missing = [name for name in catalog.pictures if not (folder / name).is_file()]
    if missing:
        raise CatalogRefused(
            f"{len(missing):,} of the catalog's {len(catalog):,} pictures are not in {folder}, the "
            f"first is {shown(missing[0])}: put them there, or name the folder that has them."
        )
    for name, expected in zip(catalog.pictures, catalog.picture_sha256s, strict=True):
        if expected and (actual := file_sha256(folder / name)) != expected:
            raise CatalogRefused(
                f"The picture {name} has the SHA-256 {actual[:12]}, and the catalog expects "
                f"{expected[:12]}: it is another picture under the same name, so take the right one."
            )


def _table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path, use_threads=False, partitioning=None)
    except (OSError, pa.ArrowException, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error).strip().split("\n")[0]
        raise CatalogRefused(
            f"{path} is no Parquet file that can be read ({words}): name a catalog that "
            f"`python -m training prepare` or the site has written."
        ) from None


def _tree_of(table: pa.Table, path: Path) -> Tree:
    about = (table.schema.metadata or {}).get(_METADATA_KEY)
    if about is None:
        raise CatalogRefused(
            f"{path} does not say which decision tree its votes are about: write it with "
            f"`write_catalog`, or convert it with `python -m training prepare --tree`."
        )
    values = read_object(about, refused=CatalogRefused, max_bytes=_MAX_METADATA_BYTES)
    Fields(f"The catalog {path}", values, CatalogRefused).count("format", least=1, most=FORMAT)
    document: Mapping[str, Any] = values.get("tree") or {}
    try:
        return Tree.parse(document)
    except TreeRefused as refusal:
        raise CatalogRefused(f"{path} carries no usable tree. {refusal}") from None


def _columns(table: pa.Table, tree: Tree, path: Path) -> list[str]:
    """Return the columns, each known and there once."""
    votes = [tree.column(answer) for answer in tree.answers]
    asked = [asked_column(tree, question) for question in tree.questions]
    names: list[str] = table.column_names
    for name in ("subject_id", "picture", *votes, *asked):
        if names.count(name) != 1:
            raise CatalogRefused(
                f"{path} has the column {name} {names.count(name)} times: it needs one column an "
                f"answer and one a question, see docs/formats.md."
            )
    known = {*_TEXTS, "nominal", *votes, *asked}
    for name in names:
        if name not in known and not name.startswith(AUX_PREFIX):
            raise CatalogRefused(
                f'{path} has the column {shown(name)}, which is no answer of the tree "{tree.key}": '
                f"take it out, or name it aux_{name} if a network shall see it."
            )
    return names


def _texts(table: pa.Table, name: str, path: Path) -> tuple[str, ...]:
    column = table.column(name)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise CatalogRefused(
            f"{path} has the column {name} of type {column.type}: write texts there."
        )
    values = column.to_pylist()
    for row, value in enumerate(values, start=1):
        if value is None or len(value) > _MAX_TEXT or "\0" in value:
            raise CatalogRefused(
                f"{path}, row {row}, has the {name} {shown(value)}: write a text of at most "
                f"{_MAX_TEXT} characters."
            )
    return tuple(values)


def _flags(table: pa.Table, path: Path) -> NDArray[np.bool_]:
    column = table.column("nominal")
    if not pa.types.is_boolean(column.type) or column.null_count:
        raise CatalogRefused(
            f"{path} has the column nominal of {column.type}: write true or false."
        )
    return np.asarray(column.to_numpy(), np.bool_)


def _numbers(
    table: pa.Table, ids: tuple[str, ...], names: list[str], *, missing_ok: bool = False
) -> NDArray[np.float32]:
    """Return columns of any number type side by side; null is refused unless it may be missing."""
    found = np.empty((table.num_rows, len(names)), np.float32)
    for number, name in enumerate(names):
        column = table.column(name)
        try:
            values = column.cast(pa.float64()).to_numpy()
        except pa.ArrowException:
            raise CatalogRefused(
                f"The column {name} holds {column.type}: write numbers there."
            ) from None
        if column.null_count and not missing_ok:
            row = int(np.flatnonzero(column.is_null().to_numpy())[0])
            raise CatalogRefused(
                f"The galaxy {shown(ids[row])} has no value in {name}: write 0 if nobody was asked."
            )
        found[:, number] = values
    return found


def _check_ids(catalog: Catalog) -> None:
    seen: set[str] = set()
    for name in catalog.subject_ids:
        if name in seen or not name:
            raise CatalogRefused(
                f"The galaxy {shown(name)} stands in the catalog twice or has no name: keep one row "
                f"a galaxy, with its votes added up."
            )
        seen.add(name)
    for name, picture in zip(catalog.subject_ids, catalog.pictures, strict=True):
        parts = picture.replace("\\", "/").split("/")
        if not picture or picture.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            raise CatalogRefused(
                f"The galaxy {shown(name)} has the picture {shown(picture)}: write a path inside "
                f"the catalog's folder."
            )


def _check_numbers(catalog: Catalog) -> None:
    tree = catalog.tree
    columns = [tree.column(answer) for answer in tree.answers]
    asked = [asked_column(tree, question) for question in tree.questions]
    for values, names in ((catalog.votes, columns), (catalog.asked, asked)):
        if not (np.isfinite(values) & (values >= 0)).all():
            row, place = np.argwhere(~(np.isfinite(values) & (values >= 0)))[0]
            raise CatalogRefused(
                f"The galaxy {shown(catalog.subject_ids[row])} has {values[row, place]:g} in "
                f"{names[place]}: votes are numbers from 0 upward, and 0 where nobody was asked."
            )
    if catalog.aux is not None and np.isinf(catalog.aux).any():
        row, place = np.argwhere(np.isinf(catalog.aux))[0]
        raise CatalogRefused(
            f"The galaxy {shown(catalog.subject_ids[row])} has an infinite "
            f"{AUX_PREFIX}{catalog.aux_names[place]}: leave it out where it is not known."
        )


def _check_question(catalog: Catalog, question: Question) -> None:
    """Refuse more or fewer answers than people who were asked."""
    span = slice(question.span.start, question.span.stop)
    votes, asked = catalog.votes[:, span], catalog.asked[:, question.index]
    slack = 1e-3 * np.maximum(asked, 1)
    if question.is_single:
        wrong = np.abs(votes.sum(axis=1) - asked) > slack
        given, rule = votes.sum(axis=1), "each gives one answer, so both must be the same"
    else:
        wrong = votes.max(axis=1) > asked + slack
        given, rule = votes.max(axis=1), "nobody gives an answer twice, so it cannot be more"
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise CatalogRefused(
            f"The galaxy {shown(catalog.subject_ids[row])} has {given[row]:g} votes in question "
            f"{question.key}, and {asked[row]:g} people were asked: {rule}."
        )


def _check_reach(catalog: Catalog) -> None:
    """Refuse a question that more people were asked than gave an answer that leads to it.

    Where a question's answers are not known (nobody counts as asked), as many as may have reached
    it may have gone on from it.
    """
    tree = catalog.tree
    most: dict[int, NDArray[np.float32]] = {0: catalog.asked[:, 0]}

    def reached(question: Question) -> NDArray[np.float32]:
        """Return the most people who can have been asked, (N,)."""
        if question.index in most:
            return most[question.index]
        total = np.zeros(len(catalog), np.float32)
        for parent in tree.questions:
            leading = [a.index for a in parent.answers if a.next == question.index]
            passes_on = not parent.is_single and parent.next == question.index
            if not leading and not passes_on:
                continue
            known = catalog.asked[:, parent.index] > 0
            through = (
                catalog.asked[:, parent.index]
                if passes_on
                else catalog.votes[:, leading].sum(axis=1)
            )
            total += np.where(known, through, reached(parent))
        most[question.index] = total
        return total

    for question in tree.questions[1:]:
        allowed, asked = reached(question), catalog.asked[:, question.index]
        # Without an answer to the first question nothing is known of who came how far.
        wrong = (asked > allowed + 1e-3 * np.maximum(allowed, 1)) & (catalog.asked[:, 0] > 0)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise CatalogRefused(
                f"The galaxy {shown(catalog.subject_ids[row])} has question {question.key} asked of "
                f"{asked[row]:g} people, but at most {allowed[row]:g} gave an answer that leads to "
                f"it: correct {asked_column(tree, question)}."
            )
