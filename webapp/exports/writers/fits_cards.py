"""Cards of a FITS header: 80 characters each, in blocks of 36."""

import unicodedata
from collections.abc import Sequence

import numpy as np

CARD, BLOCK = 80, 2880
_LONGEST = 68  # characters of a text in one card, counting a doubled quote twice
_ZERO = "0" * 16

Value = str | int | bool
Card = tuple[str, Value, str]  # keyword, value, comment


def header(cards: Sequence[Card]) -> bytes:
    """Return the cards as whole blocks."""
    lines = [line for card in cards for line in _lines(*card)]
    text = "".join(lines) + "END".ljust(CARD)
    return text.ljust(-(-len(text) // BLOCK) * BLOCK).encode("ascii")


def ascii_of(text: str) -> str:
    """Return a text in the characters that a header has."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    return "".join(one if " " <= one <= "~" else "?" for one in plain)


def checked(cards: Sequence[Card], data_sum: int) -> bytes:
    """Return the header with both check sums; DATASUM is that of the data alone."""
    sums: list[Card] = [("DATASUM", str(data_sum), ""), ("CHECKSUM", _ZERO, "")]
    plain = header([*cards, *sums])
    total = ones_complement(data_sum, plain)
    return plain.replace(_ZERO.encode(), _encoded(~total & 0xFFFFFFFF).encode(), 1)


def ones_complement(start: int, data: bytes) -> int:
    """Return the sum of 32-bit words in which what overflows is added again.

    Args:
        start: the sum of what stands before; data: a multiple of four bytes.
    """
    total = start + int(np.frombuffer(data, ">u4").sum(dtype=np.uint64))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def _encoded(value: int) -> str:
    """Return 32 bits as 16 letters and digits (FITS standard 4.0, appendix J)."""
    excluded = [*range(0x3A, 0x41), *range(0x5B, 0x61)]
    found = [""] * 16
    for place in range(4):
        byte = value >> (24 - 8 * place) & 0xFF
        parts = [byte // 4 + 0x30] * 4
        parts[0] += byte % 4
        while any(part in excluded for part in parts):
            for first in (0, 2):
                if parts[first] in excluded or parts[first + 1] in excluded:
                    parts[first] += 1
                    parts[first + 1] -= 1
        for row, part in enumerate(parts):
            found[4 * row + place] = chr(part)
    return "".join(found[-1:] + found[:-1])


def _lines(key: str, value: Value, comment: str) -> list[str]:
    if isinstance(value, bool):
        return [_line(f"{key:8}= {'T' if value else 'F':>20}", comment)]
    if isinstance(value, int):
        return [_line(f"{key:8}= {value:>20}", comment)]
    quoted = ascii_of(value).replace("'", "''")
    if len(quoted) <= _LONGEST:
        return [_line(f"{key:8}= {_in_quotes(quoted)}", comment)]
    parts = _parts(quoted)
    lines = [f"{key:8}= '{parts[0]}&'"]
    lines += [f"CONTINUE  '{part}&'" for part in parts[1:-1]]
    return [line.ljust(CARD) for line in [*lines, f"CONTINUE  '{parts[-1]}'"]]


def _parts(quoted: str) -> list[str]:
    """Return a long text in pieces, none of which ends within a doubled quote."""
    found = []
    while quoted:
        end = _LONGEST - 1
        if (len(quoted[:end]) - len(quoted[:end].rstrip("'"))) % 2:
            end -= 1
        found.append(quoted[:end])
        quoted = quoted[end:]
    return found


def _in_quotes(quoted: str) -> str:
    return f"'{quoted:8}'"


def _line(text: str, comment: str) -> str:
    whole = f"{text} / {comment}" if comment else text
    return (whole if len(whole) <= CARD else text).ljust(CARD)
