"""What a file is by its first bytes; its name is never asked."""

import bz2
import gzip
import zlib
from io import BytesIO

from inference.vision.picture import PictureRefused

# A compressed file may unpack to 50 times its size (small ones to 20 MB), never beyond 300 MB:
# three bands of 25 megapixels at four bytes.
MAX_RATIO = 50
_FREE_BYTES = 20_000_000
_MAX_UNPACKED_BYTES = 300_000_000

_ACCEPTED = {
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"SIMPLE  =": "fits",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
}
_REFUSED = {
    b"GIF8": "a GIF picture",
    b"II*\0": "a TIFF picture",
    b"MM\0*": "a TIFF picture",
    b"BM": "a BMP picture",
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript document",
    b"PK": "a ZIP archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\xfd7zXZ": "an XZ archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"#!": "a script",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"\x80": "a binary file, perhaps a pickle",
    b"XTENSION": "a FITS extension without its primary header",
}
_MARKUP = {b"<svg": "an SVG drawing", b"<html": "an HTML page", b"<!doctype html": "an HTML page"}


def kind_of(content: bytes) -> str:
    """Return "jpeg", "png", "fits", "gzip" or "bzip2".

    Raises:
        PictureRefused: it is anything else; the sentence names what.
    """
    for magic, kind in _ACCEPTED.items():
        if content.startswith(magic):
            return kind
    raise PictureRefused(
        f"The file is {_name_of(content)} by its content, and only JPEG, PNG and FITS pictures are "
        f"accepted: convert it to one of them."
    )


def unpacked(content: bytes, kind: str) -> bytes:
    """Return the FITS file inside a gzip or bzip2 file, unpacking no more than is allowed.

    Raises:
        PictureRefused: it unpacks to too much, is damaged or cut off, or holds no FITS file.
    """
    limit = min(_MAX_UNPACKED_BYTES, max(_FREE_BYTES, MAX_RATIO * len(content)))
    inner = _read_at_most(content, kind, limit + 1)
    if len(inner) > limit:
        raise PictureRefused(
            f"The {kind} file of {len(content):,} bytes unpacks to more than {limit:,} bytes, "
            f"which is not accepted: upload the FITS file itself."
        )
    if not inner.startswith(b"SIMPLE  ="):
        raise PictureRefused(
            f"The {kind} file holds {_name_of(inner)} and no FITS file: upload the picture itself."
        )
    return inner


def _read_at_most(content: bytes, kind: str, n_bytes: int) -> bytes:
    packed = BytesIO(content)
    try:
        if kind == "gzip":
            return gzip.GzipFile(fileobj=packed).read(n_bytes)
        return bz2.BZ2File(packed).read(n_bytes)
    except (EOFError, OSError, zlib.error) as error:
        raise PictureRefused(
            f"The {kind} file of {len(content):,} bytes is cut off or damaged: upload it again."
        ) from error


def _name_of(content: bytes) -> str:
    if not content:
        return "empty (0 bytes)"
    for magic, name in _REFUSED.items():
        if content.startswith(magic):
            return name
    return _name_of_container(content) or _name_of_text(content)


def _name_of_container(content: bytes) -> str | None:
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "a WebP picture"
    if content[4:8] == b"ftyp":
        return "an AVIF, HEIC or video file"
    return None


def _name_of_text(content: bytes) -> str:
    try:
        text = content[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        text.decode("utf-8", errors="strict" if len(content) < 2048 else "ignore")
    except UnicodeDecodeError:
        return "of no kind known here"
    if text.startswith(b"<"):
        return next((name for tag, name in _MARKUP.items() if tag in text), "an XML document")
    return "of no kind known here" if b"\0" in text else "text"
