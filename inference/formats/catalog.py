"""A catalog of votes: one Parquet row a galaxy, one column an answer, the tree in its metadata.

docs/formats.md describes the columns. `read_catalog` refuses what contradicts itself, with the
galaxy, the column, the value and the remedy; what it returns can be trained on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from inference.errors import TreeRefused, shown
from inference.formats.atomic import file_sha256, whole_file
from inference.formats.catalog_checks import VoteChecks, check_aux, check_texts
from inference.formats.catalog_columns import (
    AUX_PREFIX,
    GROUP,
    NOMINAL,
    PICTURE,
    PICTURE_SHA256,
    SUBJECT_ID,
    CatalogRefused,
    asked_column,
    asked_columns,
    check_tree,
    meanings,
    vote_columns,
)
from inference.formats.split import split_of
from inference.formats.strict_json import read_object
from inference.formats.tree import Tree

__all__ = [
    "Catalog",
    "CatalogRefused",
    "asked_column",
    "check_pictures",
    "read_catalog",
    "write_catalog",
]

FORMAT = 1
MAX_GALAXIES = 20_000_000
_METADATA_KEY = b"tuning-fork"
_MAX_METADATA_BYTES = 2_000_000


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
        """Return the galaxies at these places, in this order."""

        def taken(texts: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(texts[place] for place in places)

        return replace(
            self,
            subject_ids=taken(self.subject_ids),
            groups=taken(self.groups),
            pictures=taken(self.pictures),
            picture_sha256s=taken(self.picture_sha256s),
            votes=self.votes[places],
            asked=self.asked[places],
            nominal=self.nominal[places],
            aux=None if self.aux is None else self.aux[places],
        )

    def carried_to(self, tree: Tree) -> Self:
        """Return the votes over another version of the tree, matched by the answers' keys.

        Raises:
            CatalogRefused: an answer that has votes is not in the other tree, or its question is
                of another kind there.
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
        for older in self.tree.questions:
            newer = next((q for q in tree.questions if q.key == older.key), None)
            if newer is None:
                continue
            if newer.kind != older.kind and self.asked[:, older.index].any():
                raise CatalogRefused(
                    f'The catalog has votes for "{older.key}" as a {older.kind}-choice question, '
                    f'and the tree "{tree.key}" has it as {newer.kind}-choice: train on the '
                    f"catalog's own tree."
                )
            asked[:, newer.index] = self.asked[:, older.index]
        return replace(self, tree=tree, votes=votes, asked=asked)

    def check(self) -> None:
        """Raise CatalogRefused if the votes contradict themselves or the tree."""
        check_tree(self.tree)
        self._check_shapes()
        check_texts(
            {
                SUBJECT_ID: self.subject_ids,
                GROUP: self.groups,
                PICTURE: self.pictures,
                PICTURE_SHA256: self.picture_sha256s,
            }
        )
        VoteChecks(self.tree, self.subject_ids, self.votes, self.asked).run()
        if self.aux is not None:
            check_aux(self.aux, self.aux_names, self.subject_ids)

    def _check_shapes(self) -> None:
        n, n_aux = len(self), len(self.aux_names)
        shapes = {
            "groups": ((len(self.groups),), (n,)),
            "pictures": ((len(self.pictures),), (n,)),
            "picture_sha256s": ((len(self.picture_sha256s),), (n,)),
            "votes": (self.votes.shape, (n, self.tree.n_answers)),
            "asked": (self.asked.shape, (n, self.tree.n_questions)),
            "nominal": (self.nominal.shape, (n,)),
            "aux": ((n, 0) if self.aux is None else self.aux.shape, (n, n_aux)),
        }
        for name, (shape, wanted) in shapes.items():
            if shape != wanted:
                raise CatalogRefused(
                    f"The {name} of {n:,} galaxies have the shape {shape}: make them {wanted}."
                )


def write_catalog(catalog: Catalog, path: Path) -> None:
    """Store a catalog; the file has its name only when it is whole.

    Raises:
        CatalogRefused: the catalog contradicts itself, or the folder cannot be written to.
    """
    catalog.check()
    about = {"format": FORMAT, "tree": json.loads(catalog.tree.to_json())}
    metadata = {_METADATA_KEY: json.dumps(about, ensure_ascii=False).encode()}
    table = pa.table(_table_columns(catalog)).replace_schema_metadata(metadata)
    try:
        with whole_file(path) as file:
            pq.write_table(table, file, compression="zstd", write_page_checksum=True)
    except OSError as error:
        raise CatalogRefused(
            f"The catalog {path} cannot be written ({error.strerror or error}): name another place."
        ) from None


def read_catalog(path: Path, *, tree: Tree | None = None) -> Catalog:
    """Return the catalog in a Parquet file.

    Args:
        tree: carry the votes over to this version of the tree, by key.

    Raises:
        CatalogRefused: one sentence with the galaxy, the column, the value and the remedy.
    """
    try:
        with path.open("rb") as file:
            parquet = pq.ParquetFile(file, page_checksum_verification=True)
            own = _tree_of(parquet, path)
            found = meanings(parquet.schema_arrow.names, own, str(path))
            _check_types(parquet, found, path)
            table = parquet.read(use_threads=False)
            table.validate(full=True)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or str(error).strip().split("\n")[0].rstrip(".")
        raise CatalogRefused(
            f"{path} is no Parquet file that can be read ({words[:200]}): name a catalog, or make "
            f"it again."
        ) from None
    catalog = _catalog(_Columns(table, found, path), own)
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
                f"The picture {shown(name)} has the SHA-256 {actual[:12]}, and the catalog expects "
                f"{expected[:12]}: it is another picture under the same name, so take the right "
                f"one."
            )


def _table_columns(catalog: Catalog) -> dict[str, Any]:
    columns: dict[str, Any] = {
        SUBJECT_ID: pa.array(catalog.subject_ids, pa.string()),
        GROUP: pa.array(catalog.groups, pa.string()),
        PICTURE: pa.array(catalog.pictures, pa.string()),
        PICTURE_SHA256: pa.array(catalog.picture_sha256s, pa.string()),
        NOMINAL: pa.array(catalog.nominal, pa.bool_()),
    }
    columns |= zip(vote_columns(catalog.tree), catalog.votes.T, strict=True)
    columns |= zip(asked_columns(catalog.tree), catalog.asked.T, strict=True)
    if catalog.aux is not None:
        for name, values in zip(catalog.aux_names, catalog.aux.T, strict=True):
            columns[AUX_PREFIX + name] = pa.array(values, mask=np.isnan(values))
    return columns


def _tree_of(parquet: pq.ParquetFile, path: Path) -> Tree:
    about = (parquet.schema_arrow.metadata or {}).get(_METADATA_KEY)
    if about is None:
        raise CatalogRefused(
            f"{path} does not say which decision tree its votes are about: write it with "
            f"`write_catalog`, which puts the tree into the file."
        )
    try:
        return _tree_in(read_object(about, refused=CatalogRefused, max_bytes=_MAX_METADATA_BYTES))
    except (CatalogRefused, TreeRefused) as refusal:
        raise CatalogRefused(f"{path} carries no tree that can be used. {refusal}") from None


def _tree_in(about: Mapping[str, Any]) -> Tree:
    if about.get("format") != FORMAT:
        raise CatalogRefused(
            f"It is a catalog of the format {shown(about.get('format'))}, and this software knows "
            f"{FORMAT}: update the software."
        )
    document = about.get("tree")
    return Tree.parse(document if isinstance(document, Mapping) else {})


def _check_types(parquet: pq.ParquetFile, found: dict[str, str], path: Path) -> None:
    """Refuse, before anything is read, what would not be texts, flags and numbers."""
    if parquet.metadata.num_rows > MAX_GALAXIES:
        raise CatalogRefused(
            f"{path} has {parquet.metadata.num_rows:,} galaxies: use at most {MAX_GALAXIES:,}."
        )
    for column, name in found.items():
        kind = parquet.schema_arrow.field(name).type
        if column in (SUBJECT_ID, GROUP, PICTURE, PICTURE_SHA256):
            fits, wanted = _is_text(kind), "texts"
        elif column == NOMINAL:
            fits, wanted = pa.types.is_boolean(kind), "true and false"
        else:
            fits, wanted = _is_number(kind), "numbers"
        if not fits:
            raise CatalogRefused(f"{path} has {kind} in the column {name}: write {wanted} there.")


def _is_text(kind: pa.DataType) -> bool:
    is_indexed: bool = pa.types.is_dictionary(kind)
    kind = kind.value_type if is_indexed else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _catalog(columns: "_Columns", tree: Tree) -> Catalog:
    ids = columns.texts(SUBJECT_ID)
    n = len(ids)
    aux = [name for name in columns.found if name.startswith(AUX_PREFIX)]
    return Catalog(
        tree=tree,
        subject_ids=ids,
        groups=columns.texts(GROUP) if GROUP in columns.found else ids,
        pictures=columns.texts(PICTURE),
        picture_sha256s=(
            columns.texts(PICTURE_SHA256) if PICTURE_SHA256 in columns.found else ("",) * n
        ),
        votes=columns.numbers(vote_columns(tree)),
        asked=columns.numbers(asked_columns(tree)),
        nominal=columns.flags(NOMINAL) if NOMINAL in columns.found else np.zeros(n, np.bool_),
        aux_names=tuple(name.removeprefix(AUX_PREFIX) for name in aux),
        aux=columns.numbers(aux, may_be_missing=True) if aux else None,
    )


@dataclass(frozen=True, eq=False)
class _Columns:
    """The columns of a file whose types are checked."""

    table: pa.Table
    found: dict[str, str]  # the file's name for each column of ours
    path: Path

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(self._full(name).to_pylist())

    def flags(self, name: str) -> NDArray[np.bool_]:
        return np.asarray(self._full(name).to_numpy(), np.bool_)

    def numbers(self, names: Sequence[str], *, may_be_missing: bool = False) -> NDArray[np.float32]:
        """Return columns of any type of number side by side, NaN where one is missing."""
        values = np.empty((self.table.num_rows, len(names)), np.float32)
        with np.errstate(over="ignore"):  # what is infinite then is refused with its galaxy
            for place, name in enumerate(names):
                column = self.table[self.found[name]] if may_be_missing else self._full(name)
                values[:, place] = column.cast(pa.float64(), safe=False).to_numpy()
        return values

    def _full(self, name: str) -> pa.ChunkedArray:
        """Return a column that has a value in every row."""
        column = self.table[self.found[name]]
        if column.null_count:
            row = int(np.flatnonzero(column.is_null().to_numpy())[0])
            galaxy = shown(self.table[self.found[SUBJECT_ID]][row].as_py())
            raise CatalogRefused(
                f"{self.path}, row {row + 1:,}, galaxy {galaxy}, has no value in the column "
                f"{self.found[name]}: write one, and for votes 0 where nobody was asked."
            )
        return column
