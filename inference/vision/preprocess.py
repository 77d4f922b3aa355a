"""A picture of any kind and size to what a network sees: training and serving both use this.

An ordinary JPEG takes a short way: it is decoded at a half, quarter or eighth of its size where
that leaves enough pixels, which saves most of the time. Every other picture goes through
`read_picture`. What is refused there is refused here, in the same words.
"""

import threading
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from inference.formats.card import InputSpec
from inference.vision.images import check_jpeg_end, content_of, read_picture
from inference.vision.picture import MAX_FILE_BYTES, PictureRefused, check_size

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG"
_ORIENTATION = 0x0112
_GAP = 3.0  # whole pixels are averaged until this factor is left for Lanczos
_EXACT = 1e-6  # pixels
_ONE_FITS = threading.Lock()


def read_stamp(source: bytes | Path, spec: InputSpec) -> NDArray[np.uint8]:
    """Return a picture at model size, uint8 (size_px, size_px, 3); several threads may call it.

    Raises:
        PictureRefused: the file is missing or no picture that can be used; one sentence.
        MemoryError: only where the process is limited.
    """
    content = source if isinstance(source, bytes) else content_of(source)
    stamp = _stamp_of_jpeg(content, spec) if content.startswith(_JPEG) else None
    return stamp_of(_any_picture(content), spec) if stamp is None else stamp


def stamp_of(image: Image.Image, spec: InputSpec) -> NDArray[np.uint8]:
    """Return the center of an RGB image at model size, uint8 (size_px, size_px, 3)."""
    return _center(image, image.size, spec)


def _center(image: Image.Image, size: tuple[float, float], spec: InputSpec) -> NDArray[np.uint8]:
    """Return the center of the picture that takes up this much of an image, from its top left."""
    width, height = size
    side = min(size) * spec.crop
    left, top = (width - side) / 2, (height - side) / 2
    if abs(side - spec.size_px) < _EXACT and max(left % 1, top % 1) < _EXACT:
        # Every pixel is where it shall be: resampling gives the same, and takes twice the time.
        x, y = round(left), round(top)
        resized = image.crop((x, y, x + spec.size_px, y + spec.size_px))
    else:
        resized = image.resize(
            (spec.size_px, spec.size_px),
            Image.Resampling.LANCZOS,
            box=(left, top, left + side, top + side),
            reducing_gap=_GAP,
        )
    return np.array(resized, dtype=np.uint8)


def _stamp_of_jpeg(content: bytes, spec: InputSpec) -> NDArray[np.uint8] | None:
    """Return the stamp of an ordinary JPEG, or None where the long way has something to do."""
    if len(content) > MAX_FILE_BYTES:
        return None
    try:
        image = JpegImagePlugin.JpegImageFile(BytesIO(content))
        width, height = image.size
        check_size(width, height)
        if image.mode not in ("RGB", "L") or "icc_profile" in image.info or _is_turned(image):
            return None
        check_jpeg_end(content)
        reduced = _decoded(image, int(np.ceil(spec.size_px / spec.crop)))
    except PictureRefused:
        raise
    except Exception:  # noqa: BLE001  damaged: the long way finds the words
        return None
    # A part of a block at the edge becomes a whole pixel, so the image may be larger than this.
    shrunk = round(width / reduced.width)
    return _center(reduced, (width / shrunk, height / shrunk), spec)


def _decoded(image: JpegImagePlugin.JpegImageFile, least_px: int) -> Image.Image:
    """Return an RGB image of a half, a quarter or an eighth of the size, if that is large enough.

    Args:
        least_px: what each side shall have at least.
    """
    image.draft("RGB", (least_px, least_px))
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")


def _is_turned(image: Image.Image) -> bool:
    has_metadata = "exif" in image.info or "xmp" in image.info  # XMP may tell the orientation too
    return has_metadata and image.getexif().get(_ORIENTATION, 1) != 1


def _any_picture(content: bytes) -> Image.Image:
    if content.startswith((_JPEG, _PNG)):
        return Image.fromarray(read_picture(content).pixels)
    # Astropy silences its warnings for the whole process, which only one thread at a time may do.
    with _ONE_FITS:
        return Image.fromarray(read_picture(content).pixels)
