"""Looking at rows one by one: is the picture there, is it known, can it be decoded."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from inference.errors import shown
from inference.vision.decoder import Decoded, Decoder
from inference.vision.picture import PictureRefused
from webapp.subjects.rows import Pictures, Row, RowRefused


@dataclass(frozen=True)
class Examined:
    """A row and what came of it: a refusal, a galaxy that is known already, or a decoded picture.

    Attributes:
        content: of the picture; empty for a refused row.
        decoded: None for a refused and for a known row.
    """

    row: Row
    refusal: str = ""
    content: bytes = b""
    sha256: str = ""
    decoded: Decoded | None = None


def examine(
    rows: Iterable[Row], *, pictures: Pictures, known: Mapping[str, str], decoder: Decoder
) -> Iterator[Examined]:
    """Yield every row once, not always in order; two pictures at most are in memory.

    Args:
        known: SHA-256 of the original by survey id, for these rows' galaxies in the set.
    """
    waiting: deque[Examined] = deque()
    settled: deque[Examined] = deque()

    def contents() -> Iterator[bytes]:
        for row in rows:
            seen = _seen(row, pictures, known)
            if seen.refusal or row.survey_id in known:
                settled.append(seen)
            else:
                waiting.append(seen)
                yield seen.content

    for outcome in decoder.decode_all(contents()):
        yield from _drained(settled)
        yield _with_outcome(waiting.popleft(), outcome)
    yield from settled


def other_picture(survey_id: str) -> str:
    """Return the sentence for a galaxy whose picture is not the one that the set has."""
    return (
        f"The set has {shown(survey_id)} with another picture, and a galaxy's picture never "
        f"changes: give this one another survey id, or put it into another set."
    )


def _seen(row: Row, pictures: Pictures, known: Mapping[str, str]) -> Examined:
    if row.refusal:
        return Examined(row, refusal=row.refusal)
    try:
        content = pictures.read(row.name)
    except RowRefused as refusal:
        return Examined(row, refusal=str(refusal))
    sha256 = hashlib.sha256(content).hexdigest()
    if known.get(row.survey_id, sha256) != sha256:
        return Examined(row, refusal=other_picture(row.survey_id))
    if row.survey_id in known:
        return Examined(row, sha256=sha256)
    return Examined(row, content=content, sha256=sha256)


def _with_outcome(seen: Examined, outcome: Decoded | PictureRefused) -> Examined:
    if isinstance(outcome, PictureRefused):
        return Examined(seen.row, refusal=str(outcome))
    return Examined(seen.row, content=seen.content, sha256=seen.sha256, decoded=outcome)


def _drained(settled: "deque[Examined]") -> Iterator[Examined]:
    while settled:
        yield settled.popleft()
