"""What an ingest reads, whatever it comes from: rows, each with the name of its picture."""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from inference.errors import shown
from webapp.common.errors import DomainError

MAX_NAME = 255
MAX_SURVEY_ID = 200
MAX_ROWS = 200_000


class SourceRefused(DomainError):
    """A folder, ZIP file or manifest that cannot be read as a whole; nothing of it comes in."""


class RowRefused(Exception):
    """A row that cannot come in; the text says why and what to do."""


@dataclass(frozen=True)
class Row:
    """One galaxy of a source.

    Attributes:
        number: line of the manifest in which it begins, or number of the file.
        name: of its picture in its folder or ZIP file.
        ra_deg, dec_deg: ICRS degrees, both or neither.
        refusal: why it cannot come in; empty for a good row.
    """

    number: int
    name: str
    survey_id: str = ""
    ra_deg: float | None = None
    dec_deg: float | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    refusal: str = ""


class Pictures(Protocol):
    """Where pictures lie: a folder, a ZIP file, or memory."""

    @property
    def fingerprint(self) -> str:
        """Something that changes when the pictures do."""

    def names(self) -> Collection[str]:
        """Return the names of all pictures, in an order that stays."""

    def read(self, name: str) -> bytes:
        """Return the content of one of them.

        Raises:
            RowRefused: it is missing, too large or damaged.
        """


def path_problem(name: str) -> str:
    """Return what makes a name unfit for a picture, or an empty string.

    A name never becomes a path on our disk outside the folder it was given for.
    """
    parts = name.split("/")
    if not name or len(name) > MAX_NAME:
        return f"has {len(name):,} characters, and 1 to {MAX_NAME} are accepted"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "holds control characters"
    if "\\" in name:
        return "holds a backslash: write / between folders"
    if name.startswith("/") or name[1:2] == ":":
        return "is an absolute path: write it relative to the folder of pictures"
    if ".." in parts or "" in parts:
        return "leads out of the folder of pictures"
    return ""


def check_survey_id(text: str) -> str:
    """Return a survey's name of a galaxy without the blanks around it.

    Raises:
        RowRefused: it is empty, too long, or holds control characters.
    """
    name = text.strip()
    if not name:
        raise RowRefused("The row has no survey id: fill it in.")
    if len(name) > MAX_SURVEY_ID:
        raise RowRefused(
            f"The survey id {shown(name)} has {len(name):,} characters, and at most "
            f"{MAX_SURVEY_ID} are accepted: shorten it."
        )
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise RowRefused(f"The survey id {shown(name)} holds control characters: remove them.")
    return name


def stem(name: str) -> str:
    """Return a file's name without folders and without the endings of pictures."""
    base = name.rpartition("/")[2]
    for ending in (".gz", ".bz2", ".fz", ".fits", ".fit", ".fts", ".jpeg", ".jpg", ".png"):
        if base.lower().endswith(ending) and len(base) > len(ending):
            base = base[: -len(ending)]
    return base


def is_hidden(name: str) -> bool:
    """Return whether a file is one that systems leave behind, such as .DS_Store."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
