"""The three pictures that are made of every picture: display, thumbnail, stamp; and its bands.

All are JPEG without metadata, resampled with Lanczos, and the same bytes for the same picture.
"""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image

from inference.vision.picture import Picture

DISPLAY_MAX_PX = 1024
DISPLAY_GOAL_PX = 424  # what Galaxy Zoo has always shown
MAX_FACTOR = 4
THUMBNAIL_PX = 160
STAMP_PX = 224

_DISPLAY_QUALITY = 90
_THUMBNAIL_QUALITY = 85
# Whole pixels are averaged first until no more than this factor is left for Lanczos: at 3 nobody
# sees a difference and large pictures take a tenth of the time; a thumbnail is content with less.
_GAP, _THUMBNAIL_GAP = 3.0, 1.25
_STAMP_QUALITY = 95  # every new model reads the stamps again, so they lose the least


@dataclass(frozen=True)
class Rendition:
    """One JPEG."""

    content: bytes
    sha256: str
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Renditions:
    """What is stored of a picture beside the original; bands by name, as large as display."""

    display: Rendition
    thumbnail: Rendition
    stamp: Rendition
    bands: tuple[tuple[str, Rendition], ...] = ()


def render(picture: Picture) -> Renditions:
    """Return the three renditions, and one of each band.

    - display: long side at most 1,024 px. A picture below 424 px is enlarged to 424 px, yet at most
      four times: browsers enlarge with a blockier filter than Lanczos.
    - thumbnail: long side 160 px, enlarged at most four times.
    - stamp: see `stamp_image`.
    """
    image = Image.fromarray(picture.pixels)
    long_side = max(image.size)
    goal = min(max(long_side, DISPLAY_GOAL_PX), DISPLAY_MAX_PX)
    return Renditions(
        display=_jpeg(_resized(image, goal), _DISPLAY_QUALITY),
        thumbnail=_jpeg(_resized(image, THUMBNAIL_PX, gap=_THUMBNAIL_GAP), _THUMBNAIL_QUALITY),
        stamp=_jpeg(stamp_image(image), _STAMP_QUALITY, subsampling=0),
        bands=tuple(
            (name, _jpeg(_resized(Image.fromarray(band), goal), _DISPLAY_QUALITY))
            for name, band in picture.bands
        ),
    )


def recipe() -> dict[str, dict[str, Any]]:
    """Return how each rendition is made of a picture's pixels."""
    resampling = {"resampling": "Lanczos", "largest_factor": MAX_FACTOR}
    return {
        "display": resampling
        | {
            "long_side_px": [DISPLAY_GOAL_PX, DISPLAY_MAX_PX],
            "reducing_gap": _GAP,
            "jpeg_quality": _DISPLAY_QUALITY,
        },
        "thumbnail": resampling
        | {
            "long_side_px": [THUMBNAIL_PX, THUMBNAIL_PX],
            "reducing_gap": _THUMBNAIL_GAP,
            "jpeg_quality": _THUMBNAIL_QUALITY,
        },
        "stamp": {
            "crop": "the largest square around the center",
            "resampling": "Lanczos",
            "side_px": STAMP_PX,
            "reducing_gap": _GAP,
            "jpeg_quality": _STAMP_QUALITY,
            "jpeg_subsampling": "4:4:4",
        },
    }


def stamp_image(image: Image.Image) -> Image.Image:
    """Return an RGB image at model size, 224 x 224 px: training and serving both use this one.

    The largest square around the center is kept and resampled with Lanczos. Galaxies are centered
    in their cutouts, and a padded border would be an edge that a network learns.
    """
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return square.resize((STAMP_PX, STAMP_PX), Image.Resampling.LANCZOS, reducing_gap=_GAP)


def _resized(image: Image.Image, long_side_px: int, gap: float = _GAP) -> Image.Image:
    factor = min(long_side_px / max(image.size), MAX_FACTOR)
    if factor == 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=gap)


def _jpeg(image: Image.Image, quality: int, subsampling: int = 2) -> Rendition:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    content = buffer.getvalue()
    return Rendition(content, hashlib.sha256(content).hexdigest(), image.width, image.height)
