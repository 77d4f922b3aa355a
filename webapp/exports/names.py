"""Names of columns that every database and query language takes, made from a tree's keys."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

MAX_NAME = 63  # PostgreSQL's
_LONGEST = 48  # of the part that a tree's keys make; what is around it is short


class Names:
    """Names that are given once, without regard to case."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.lower() for name in taken}

    def give(self, text: str, forms: Sequence[str]) -> str:
        """Return what to put into every form, so that no name made so is taken; take them.

        Args:
            text: what it is made from.
            forms: names with "{}" in them, as in "frac_{}_lo".
        """
        base = plain(text)
        number, found = 1, base
        while not self._are_free(found, forms):
            number += 1
            end = f"_{number}"
            found = base[: _LONGEST - len(end)].rstrip("_") + end
        self._taken |= {form.format(found) for form in forms}
        return found

    def is_free(self, name: str) -> bool:
        """Say whether a name is not taken, and take it."""
        was_free = name.lower() not in self._taken
        self._taken.add(name.lower())
        return was_free

    def _are_free(self, text: str, forms: Sequence[str]) -> bool:
        return self._taken.isdisjoint(form.format(text) for form in forms)


def plain(text: str) -> str:
    """Return a text in lower-case ASCII letters, digits and single underscores."""
    ascii_ = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "_", ascii_).strip("_")
    return words[:_LONGEST].rstrip("_") or "x"
