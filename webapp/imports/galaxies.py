"""Subjects of another project as galaxies without pictures: they have votes and are not shown.

They come of a subject export, or of the manifest that a project once brought its subjects with.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.db.models import F

from inference.errors import shown
from webapp.common.wake import wake
from webapp.imports.tables import (
    MOST_OF_NAME,
    Row,
    RowRefused,
    header,
    json_cell,
    rows,
    storable,
)
from webapp.subjects import sky
from webapp.subjects.models import Subject, SubjectSet
from webapp.subjects.rows import RowRefused as PositionRefused

NEEDS = ("subject_id", "metadata")
SIZE_PX = 424  # of the sign that stands where a picture would
_RA, _DEC = ("ra", "ra_deg"), ("dec", "dec_deg")


# What a manifest may call its subjects, in the order in which a column is taken for their name.
NAMES = ("subject_id", "id", "name", "survey_id", "iauname", "iau_name", "objid", "filename",
         "file_name", "image")  # fmt: skip
_MARKS = "#!%/"  # before a name: who sees the column on Zooniverse
NAME = "name of the manifest"  # the cell of a row that comes of one


def read(path: Path) -> Iterator[tuple[int, Row]]:
    """Yield the subjects of an export; those of a manifest in the form of one.

    Raises:
        FileRefused: it is neither.
    """
    names = header(path)
    plain = {name.lstrip(_MARKS).strip().lower(): name for name in reversed(names)}
    named = next((plain[name] for name in NAMES if name in plain), None)
    if set(NEEDS) <= set(names) or named is None or "classification_id" in plain:
        yield from rows(path, needs=NEEDS)
        return
    for number, row in rows(path, needs=()):
        cells = {name: cell for name, cell in row.items() if name and cell}
        yield number, {NAME: row.get(named, ""), "metadata": json.dumps(cells), "locations": ""}


def of_row(subject_set_id: int, row: Row) -> Subject:
    """Return the galaxy of a row of a subject export or of a manifest, not yet saved.

    Raises:
        RowRefused: it has no id, or its metadata or position cannot be read.
    """
    if NAME in row:
        if not 0 < len(row[NAME]) <= MOST_OF_NAME:
            raise RowRefused(
                f"The subject is called {shown(row[NAME])}: a name has 1 to {MOST_OF_NAME} letters."
            )
        return made(subject_set_id, row[NAME], json_cell(row, "metadata", dict), {})
    if not row["subject_id"].isdigit() or len(row["subject_id"]) > 20:
        raise RowRefused(f"The subject's id is {shown(row['subject_id'])}, and it is a number.")
    metadata = json_cell(row, "metadata", dict)
    return made(subject_set_id, row["subject_id"], metadata, json_cell(row, "locations", dict))


def made(
    subject_set_id: int, name: str, metadata: Mapping[str, Any], locations: Mapping[str, Any]
) -> Subject:
    """Return a galaxy that has no picture here.

    Raises:
        RowRefused: it has no id, or no position that can be.
    """
    position = _position(metadata)
    return Subject(
        subject_set_id=subject_set_id,
        survey_id=name,
        ra_deg=position[0] if position else None,
        dec_deg=position[1] if position else None,
        healpix=sky.healpix(*position) if position else None,
        original_name=str(next(iter(locations.values()), ""))[:255],
        original_sha256="",
        original_format="",
        display_sha256="",
        thumbnail_sha256="",
        stamp_sha256="",
        width_px=SIZE_PX,
        height_px=SIZE_PX,
        metadata=storable(dict(metadata)),
    )


def _position(metadata: Mapping[str, Any]) -> tuple[float, float] | None:
    lower = {str(key).lstrip(_MARKS).strip().lower(): value for key, value in metadata.items()}
    ra, dec = (
        next((str(lower[name]) for name in names if lower.get(name) not in (None, "")), "")
        for names in (_RA, _DEC)
    )
    try:
        return sky.position(ra, dec)
    except PositionRefused as error:
        raise RowRefused(str(error)) from None


def store(subject_set_id: int, subjects: Mapping[str, Subject]) -> set[str]:
    """Store galaxies that the set has not, in the caller's transaction; return which were new.

    The set's row is locked first, so that what is read then is what there is.
    """
    SubjectSet.objects.filter(pk=subject_set_id).update(version=F("version") + 1)
    there = Subject.objects.filter(subject_set_id=subject_set_id, survey_id__in=subjects)
    fresh = set(subjects) - set(there.values_list("survey_id", flat=True))
    Subject.objects.bulk_create([subjects[name] for name in sorted(fresh)])
    wake("admission")
    return fresh
