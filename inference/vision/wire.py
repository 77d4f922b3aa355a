"""The messages between a process and its child: a JSON header, then byte strings. No pickle.

One message is the header's length (4 bytes, big endian), the header, and the blobs, whose lengths
the header lists under "sizes".
"""

import json
from collections.abc import Sequence
from typing import Any, BinaryIO

_LENGTH_BYTES = 4


def packed(fields: dict[str, Any], blobs: Sequence[bytes] = ()) -> bytes:
    """Return one message; blobs follow the fields in order."""
    return b"".join([head(fields, blobs), *blobs])


def head(fields: dict[str, Any], blobs: Sequence[bytes]) -> bytes:
    """Return what a message begins with: sent before its blobs it spares copies of large ones."""
    header = json.dumps({**fields, "sizes": [len(blob) for blob in blobs]}).encode()
    return len(header).to_bytes(_LENGTH_BYTES, "big") + header


def taken(inbox: bytearray) -> tuple[dict[str, Any], list[bytes]] | None:
    """Remove the first message from the inbox and return it, or None while it is incomplete."""
    start = _LENGTH_BYTES + int.from_bytes(inbox[:_LENGTH_BYTES], "big")
    if len(inbox) < max(start, _LENGTH_BYTES + 1):
        return None
    fields: dict[str, Any] = json.loads(inbox[_LENGTH_BYTES:start])
    end = start + sum(fields["sizes"])
    if len(inbox) < end:
        return None
    body = bytes(inbox[start:end])
    del inbox[:end]
    return fields, _split(body, fields["sizes"])


def received(stream: BinaryIO) -> tuple[dict[str, Any], list[bytes]] | None:
    """Wait for a message and return it, or None at the end of the stream."""
    length = stream.read(_LENGTH_BYTES)
    if len(length) < _LENGTH_BYTES:
        return None
    fields: dict[str, Any] = json.loads(stream.read(int.from_bytes(length, "big")))
    return fields, [stream.read(size) for size in fields["sizes"]]


def _split(body: bytes, sizes: Sequence[int]) -> list[bytes]:
    blobs, start = [], 0
    for size in sizes:
        blobs.append(body[start : start + size])
        start += size
    return blobs
