"""A picture of any kind and size to what a network sees: training and serving both use this.

An ordinary JPEG takes a short way: it is decoded at a half, quarter or eighth of its size where
that leaves enough pixels, which saves most of the time. Every other picture goes through
`read_picture`. What is refused there is refused here, in the same words.
"""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from inference.formats.card import InputSpec
from inference.vision.images import check_jpeg_end, read_picture
from inference.vision.picture import MAX_FILE_BYTES, PictureRefused, check_size, too_large

_ORIENTATION = 0x0112
_GAP = 3.0  # whole pixels are averaged until this factor is left for Lanczos


def read_stamp(source: bytes | Path, spec: InputSpec) -> NDArray[np.uint8]:
    """Return a picture at model size, uint8 (size_px, size_px, 3).

    Raises:
        PictureRefused: the file is missing or no picture that can be used; one sentence.
    """
    content = source if isinstance(source, bytes) else _content_of(source)
    if content.startswith(b"\xff\xd8\xff") and len(content) <= MAX_FILE_BYTES:
        plain = _plain_jpeg(content, spec)
        if plain is not None:
            return stamp_of(plain, spec)
    return stamp_of(Image.fromarray(read_picture(content).pixels), spec)


def stamp_of(image: Image.Image, spec: InputSpec) -> NDArray[np.uint8]:
    """Return the center of an RGB image at model size, uint8 (size_px, size_px, 3).

    The box is the same share of a picture of any size, so a reduced picture gives the same view.
    """
    side = min(image.size) * spec.crop
    left, top = (image.width - side) / 2, (image.height - side) / 2
    size = (spec.size_px, spec.size_px)
    box = (left, top, left + side, top + side)
    resized = image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=_GAP)
    return np.asarray(resized, dtype=np.uint8)


def _plain_jpeg(content: bytes, spec: InputSpec) -> Image.Image | None:
    """Return a reduced RGB image, or None where the long way has something to do."""
    try:
        image = JpegImagePlugin.JpegImageFile(BytesIO(content))
        check_size(*image.size)
        if image.mode not in ("RGB", "L") or "icc_profile" in image.info:
            return None
        if "exif" in image.info and image.getexif().get(_ORIENTATION, 1) != 1:
            return None
        check_jpeg_end(content)
        wanted = int(np.ceil(spec.size_px / spec.crop))
        image.draft("RGB", (wanted, wanted))
        image.load()
    except PictureRefused:
        raise
    except Exception:  # noqa: BLE001  damaged: the long way finds the words
        return None
    return image if image.mode == "RGB" else image.convert("RGB")


def _content_of(path: Path) -> bytes:
    try:
        if (n_bytes := path.stat().st_size) > MAX_FILE_BYTES:
            raise PictureRefused(too_large(n_bytes))
        return path.read_bytes()
    except OSError as error:
        raise PictureRefused(
            f"The file {path} cannot be read ({error.strerror}): name a JPEG, PNG or FITS picture."
        ) from None
