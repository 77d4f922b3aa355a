"""One file of bytes to one picture: JPEG, PNG or FITS, judged by content and never by name."""

import os
import re
import stat
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin, PngImagePlugin

from inference.vision.contents import kind_of, unpacked
from inference.vision.picture import (
    MAX_FILE_BYTES,
    Picture,
    PictureRefused,
    check_size,
    too_large,
)

_SRGB = ImageCms.createProfile("sRGB")
# In entropy-coded data FF is followed by 00, by a restart marker, or by another FF.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9


def read_picture(source: bytes | Path) -> Picture:
    """Return the picture in a file, its metadata gone, its EXIF orientation applied.

    Raises:
        PictureRefused: one sentence for the person who sent it.
        MemoryError: only where the process is limited; it is not the file that is judged then.
    """
    content = source if isinstance(source, bytes) else content_of(source)
    if len(content) > MAX_FILE_BYTES:
        raise PictureRefused(too_large(len(content)))
    kind = kind_of(content)
    try:
        if kind in ("gzip", "bzip2"):
            content, kind = unpacked(content, kind), "fits"
        return _READERS[kind](content)
    except (PictureRefused, MemoryError):
        raise
    except Exception as error:  # the decoders raise a dozen kinds for one broken file
        raise PictureRefused(
            f"The {kind.upper()} file of {len(content):,} bytes is damaged or cut off and cannot "
            f"be decoded: export it again."
        ) from error


def content_of(path: Path) -> bytes:
    """Return what is in a file.

    Raises:
        PictureRefused: it cannot be read, is no file, or has too many bytes.
    """
    try:
        with open(path, "rb", buffering=0, opener=_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise PictureRefused(f"{str(path)!r} is no file: name a JPEG, PNG or FITS picture.")
            if status.st_size > MAX_FILE_BYTES:
                raise PictureRefused(too_large(status.st_size))
            return file.readall()
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        raise PictureRefused(
            f"The file {str(path)!r} cannot be read ({words}): name a JPEG, PNG or FITS picture."
        ) from None


def _at_once(name: str, flags: int) -> int:
    """Open a file; a pipe that nobody writes to would be waited for until somebody does."""
    return os.open(name, flags | os.O_NONBLOCK)


def _read_jpeg(content: bytes) -> Picture:
    image = JpegImagePlugin.JpegImageFile(BytesIO(content))
    check_size(*image.size)
    if image.mode == "CMYK":
        raise PictureRefused(
            "The JPEG has four inks (CMYK), which is for print: save it in RGB and upload it again."
        )
    end = check_jpeg_end(content)
    image.load()
    notes = _trailing(content, end)
    return _picture(image, "jpeg", notes)


def check_jpeg_end(content: bytes) -> int:
    """Return where the end-of-image marker ends, walking over the segments.

    Raises:
        PictureRefused: there is none, so the file was cut off.
    """
    position = 2
    while match := _JPEG_MARKER.search(content, position):
        if match[1][0] == _JPEG_END:
            return match.end()
        # Every other marker heads a segment with its length; entropy-coded data follow a scan's.
        (length,) = struct.unpack_from(">H", content, match.end())
        position = match.end() + length
    raise PictureRefused(
        f"The JPEG is cut off: its {len(content):,} bytes have no end marker: upload it again."
    )


def _read_png(content: bytes) -> Picture:
    image = PngImagePlugin.PngImageFile(BytesIO(content))
    check_size(*image.size)
    if image.is_animated:
        raise PictureRefused(
            f"The PNG is an animation of {image.n_frames:,} frames: save one frame as a picture."
        )
    end = _end_of_png(content)
    image.load()
    notes = _trailing(content, end)
    if content[24] == 16:
        notes.append("16 bits a channel were reduced to 8")
    return _picture(image, "png", notes)


def _end_of_png(content: bytes) -> int:
    position = 8
    while position + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, position)
        position += 12 + length
        if name == b"IEND":
            return int(position)
    raise PictureRefused(
        f"The PNG is cut off: its {len(content):,} bytes have no end chunk: upload it again."
    )


def _trailing(content: bytes, end: int) -> list[str]:
    """Bytes after the picture are never kept, so a page or script hidden there is gone."""
    n_bytes = len(content.rstrip(b"\0")) - end
    return [f"{n_bytes:,} bytes after the end of the picture were ignored"] if n_bytes > 0 else []


def _picture(image: Image.Image, kind: str, notes: list[str]) -> Picture:
    profile = image.info.get("icc_profile")
    upright = _upright(image, notes)
    opaque = _opaque(upright, notes)
    pixels = np.array(_in_srgb(opaque, profile, notes), dtype=np.uint8)
    if pixels.min() == pixels.max():
        notes.append(f"every pixel has the same value, {pixels.flat[0]}")
    return Picture(pixels, kind, notes=tuple(notes))


def _upright(image: Image.Image, notes: list[str]) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001  the EXIF parser raises a dozen kinds, and the pixels are fine
        notes.append("its EXIF data could not be read, so its orientation is as stored")
        return image


def _opaque(image: Image.Image, notes: list[str]) -> Image.Image:
    """Return an image in mode L or RGB; what is transparent becomes black, the color of the sky."""
    if image.mode.startswith("I"):  # 16-bit gray, the full range to the full range
        levels = np.asarray(image).astype(np.uint32)
        return Image.fromarray((levels // 257).clip(0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("L" if image.mode in ("1", "L") else "RGB")
    layers = image.convert("RGBA")
    if layers.getchannel("A").getextrema() != (255, 255):
        notes.append("transparent parts are shown black")
    black = Image.new("RGBA", layers.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, layers).convert("RGB")


def _in_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            notes.append("its color profile could not be used and was ignored")
        else:
            return converted or image.convert("RGB")
    return image.convert("RGB")


def _read_fits(content: bytes) -> Picture:
    # What reads FITS takes a second to load, and most who read pictures never meet one.
    from inference.vision.fits import read_fits  # noqa: PLC0415

    return read_fits(content)


_READERS = {"jpeg": _read_jpeg, "png": _read_png, "fits": _read_fits}
