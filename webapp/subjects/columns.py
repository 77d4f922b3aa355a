"""Which column of a manifest is what: the picture, the survey's name, the position.

The names are those that Zooniverse, Zoobot and the Galaxy Zoo releases use (docs/formats.md).
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from inference.errors import shown
from webapp.subjects import sky
from webapp.subjects.manifest import Line
from webapp.subjects.rows import (
    Row,
    RowRefused,
    SourceRefused,
    check_survey_id,
    path_problem,
    stem,
)

FILE_COLUMNS = (
    "file", "filename", "file_name", "file_loc", "image", "images", "image_name", "image_file",
    "picture", "path", "location", "location:1", "locations", "file_name_1", "file_1", "image_1",
)  # fmt: skip
ID_COLUMNS = (
    "external_id", "survey_id", "subject_id", "id_str", "id", "iauname", "dr7objid", "dr8_id",
    "objid", "galaxyid", "name",
)  # fmt: skip
RA_COLUMNS = ("ra", "ra_deg", "radeg", "raj2000", "ra_j2000", "right_ascension", "_raj2000")
DEC_COLUMNS = (
    "dec",
    "dec_deg",
    "decdeg",
    "dej2000",
    "decj2000",
    "dec_j2000",
    "declination",
    "_dej2000",
)

_ENOUGH_RA = 20


class Lookup:
    """Finds pictures by what people write: the path, the file's name, the name without suffix."""

    def __init__(self, names: Collection[str]) -> None:
        self._paths = set(names)
        self._bases = _unique(names, lambda name: name.rpartition("/")[2])
        self._stems = _unique(names, stem)

    def named(self, cell: str) -> str | None:
        """Return the picture with this path, or with this file name in whatever folder."""
        text = cell.strip().removeprefix("./")
        return text if text in self._paths else self._bases.get(text)

    def titled(self, cell: str) -> str | None:
        """Return the picture that has this name without its suffix."""
        return self._stems.get(cell.strip())

    def found(self, cell: str) -> str:
        """Return the picture that a cell means.

        Raises:
            RowRefused: there is none, or the cell is none of ours to follow.
        """
        text = cell.strip()
        if "://" in text:
            raise RowRefused(
                f"{shown(text)} is an address on the internet, and this site fetches nothing: put "
                f"the picture beside the manifest and write its name."
            )
        if name := self.named(text) or self.titled(text):
            return name
        if not text:
            raise RowRefused("The row names no picture: fill the name in.")
        if problem := path_problem(text.removeprefix("./")):
            raise RowRefused(f"The picture's name {shown(text)} {problem}.")
        raise RowRefused(f"There is no picture {shown(text)}: add it, or correct the name.")


def _unique(names: Collection[str], key: Callable[[str], str]) -> dict[str, str]:
    """Return names by a shorter form, without those that share it."""
    counts = Counter(map(key, names))
    return {short: name for name in names if counts[short := key(name)] == 1}


@dataclass(frozen=True)
class Columns:
    """The places of the columns that mean something to us; the rest is metadata."""

    header: tuple[str, ...]
    file: int
    survey_id: int | None
    ra: int | None
    dec: int | None

    def row(self, line: Line, lookup: Lookup) -> Row:
        """Return what a line says; a bad one says why instead."""
        if line.problem:
            return Row(line.number, "", refusal=line.problem)
        cell = line.cells[self.file].strip()
        try:
            name = lookup.found(cell)
            survey_id = stem(name) if self.survey_id is None else line.cells[self.survey_id]
            ra_deg, dec_deg = self._position(line.cells) or (None, None)
            return Row(
                number=line.number,
                name=name,
                survey_id=check_survey_id(survey_id),
                ra_deg=ra_deg,
                dec_deg=dec_deg,
                metadata=self._metadata(line.cells),
            )
        except RowRefused as refusal:
            return Row(line.number, cell, refusal=str(refusal))

    def _position(self, cells: Sequence[str]) -> tuple[float, float] | None:
        if self.ra is None or self.dec is None:
            return None
        return sky.position(cells[self.ra], cells[self.dec])

    def _metadata(self, cells: Sequence[str]) -> dict[str, str]:
        """Every other column as it came; the marks # ! % keep their meaning for who reads it."""
        return {
            name: cell
            for place, (name, cell) in enumerate(zip(self.header, cells, strict=True))
            if place != self.file
        }

    def words(self) -> list[str]:
        """Return what was understood, for the report."""
        said = [f"Pictures are named in the column {shown(self.header[self.file])}."]
        if self.survey_id is None:
            said.append("The survey id is the picture's name without its suffix.")
        else:
            said.append(f"The survey id is the column {shown(self.header[self.survey_id])}.")
        if self.ra is not None and self.dec is not None:
            said.append(
                f"Positions are the columns {shown(self.header[self.ra])} and "
                f"{shown(self.header[self.dec])}, in degrees."
            )
        return said


@dataclass
class Survey:
    """What one walk through all lines of a manifest has shown.

    Attributes:
        named, titled: for each column, in how many lines it is a picture's name, or that without
            its suffix.
        n_ra, max_ra_deg: how many right ascensions are numbers, and the largest.
    """

    n_lines: int = 0
    named: "Counter[int]" = field(default_factory=Counter)
    titled: "Counter[int]" = field(default_factory=Counter)
    n_ra: int = 0
    max_ra_deg: float = 0.0

    def note(self, line: Line, lookup: Lookup, ra: int | None) -> None:
        """Count one line in."""
        self.n_lines += 1
        for place, cell in enumerate(line.cells):
            self.named[place] += lookup.named(cell) is not None
            self.titled[place] += lookup.titled(cell) is not None
        if ra is not None and line.cells and sky.is_number(line.cells[ra].strip()):
            self.n_ra += 1
            self.max_ra_deg = max(self.max_ra_deg, float(line.cells[ra]))

    @property
    def looks_like_hours(self) -> bool:
        """Whether so many right ascensions below 24 can hardly be degrees."""
        return self.n_ra >= _ENOUGH_RA and self.max_ra_deg < 24


def understood(
    header: tuple[str, ...], lines: Iterable[Line], lookup: Lookup
) -> tuple[Columns, Survey]:
    """Return what the columns are, after one walk through all lines.

    Raises:
        SourceRefused: no column names pictures, or only half a position is there.
    """
    ra, dec = _first(header, RA_COLUMNS), _first(header, DEC_COLUMNS)
    survey = Survey()
    for line in lines:
        survey.note(line, lookup, ra)
    if (ra is None) != (dec is None):
        there = header[ra if ra is not None else dec or 0]
        raise SourceRefused(
            f"The manifest has the column {shown(there)} and not the other half of the position: "
            f"name both, as in ra and dec, or give this one another name."
        )
    file = _file_column(header, survey)
    return Columns(header, file, _first(header, ID_COLUMNS), ra, dec), survey


def _file_column(header: Sequence[str], survey: Survey) -> int:
    """The column in which most cells name a picture that exists; else its title decides."""
    if any(survey.named.values()):
        return _most(survey.named)
    if (place := _first(header, FILE_COLUMNS)) is not None:
        return place
    if any(survey.titled.values()):
        return _most(survey.titled)
    raise SourceRefused(
        f"No column of the manifest names a picture that is there; the columns are "
        f"{', '.join(header)[:200]}. Name one of them file, or add the pictures."
    )


def _most(counts: "Counter[int]") -> int:
    """Return the column with most hits, of several the leftmost."""
    return max(counts, key=lambda place: (counts[place], -place))


def _first(header: Sequence[str], wanted: Sequence[str]) -> int | None:
    bare = [name.lstrip("#!%").strip().lower() for name in header]
    return next((bare.index(name) for name in wanted if name in bare), None)
