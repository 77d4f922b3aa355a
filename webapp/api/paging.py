"""Going through a list page by page: what comes in meanwhile moves no page."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from inference.errors import shown
from webapp.api.problems import Refused

LIMIT, MOST = 100, 1000
OWN = ("cursor", "limit")  # what is no filter
_COUNT = re.compile(r"[1-9]\d{0,3}", re.ASCII)
_MAX_ID = 2**63 - 1


@dataclass(frozen=True)
class Place:
    """Where a page begins, and how long it is.

    Attributes:
        after: the id after which it begins.
        path, query: of the request; the query without cursor.
    """

    after: int
    limit: int
    path: str
    query: QueryDict

    @classmethod
    def of(cls, path: str, query: QueryDict) -> "Place":
        """Read cursor and limit.

        Raises:
            Refused: the limit is no number of rows, or the cursor is none of this very query.
        """
        limit = query.get("limit", str(LIMIT))
        if not _COUNT.fullmatch(limit) or int(limit) > MOST:
            raise Refused(f"limit={shown(limit)} is no number from 1 to {MOST}: correct it.")
        place = cls(0, int(limit), path, query)
        cursor = query.get("cursor")
        return place if cursor is None else cls(place.read(cursor), int(limit), path, query)

    def read(self, cursor: str) -> int:
        """Return the id that a cursor holds.

        Raises:
            Refused: nobody gave it out, or it belongs to another query.
        """
        try:
            after, digest = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        except (ValueError, TypeError, binascii.Error, RecursionError):
            raise Refused(
                f"cursor={shown(cursor)} is no cursor: follow the address in `next` as it is."
            ) from None
        if digest != self.digest():
            raise Refused(
                f"cursor={shown(cursor)} belongs to another query: begin this one without it."
            )
        if type(after) is not int or not 0 <= after <= _MAX_ID:
            raise Refused(f"cursor={shown(cursor)} was changed: begin without it.")
        return after

    def digest(self) -> str:
        """Return what a query is recognized by: the address and its filters in any order."""
        filters = sorted(
            (name, value)
            for name, values in self.query.lists()
            if name not in OWN
            for value in values
        )
        return hashlib.sha256(json.dumps([self.path, filters]).encode()).hexdigest()[:12]

    def next(self, after: int) -> str:
        """Return the address of the page after a row, without scheme and host."""
        packed = json.dumps([after, self.digest()]).encode()
        rest = [
            (name, value)
            for name, values in self.query.lists()
            if name != "cursor"
            for value in values
        ]
        cursor = base64.urlsafe_b64encode(packed).decode()
        return f"{self.path}?{urlencode([*rest, ('cursor', cursor)])}"


def cut(rows: Sequence[Any], place: Place) -> tuple[list[Any], bool]:
    """Return the rows of a page out of one more than it holds, and whether others follow."""
    return list(rows[: place.limit]), len(rows) > place.limit
