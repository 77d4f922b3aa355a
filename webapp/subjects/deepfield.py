"""Galaxies cut from the Hubble deep field that scikit-image's wheel carries: the demo's subjects.

The picture is a color JPEG of 1000 × 872 px (NASA, ESA). It has no sky coordinates, so a galaxy is
named by the position of its center in it, and no RA or Dec is made up.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

CREDIT = "Hubble Space Telescope deep field, NASA/ESA, as distributed with scikit-image."

# A source: pixels that stand this far above the sky's noise, once smoothed by a pixel.
_SMOOTHING_PX = 1.0
_THRESHOLD_SIGMA = 3.0
_MIN_AREA_PX = 60
# Below this area a galaxy is a few blurred pixels at any size of the screen.
_MIN_SHOWN_AREA_PX = 110
# The frame is this much larger than the galaxy; smaller ones share one frame of 44 px.
_MARGIN = 1.7
_MIN_SIDE_PX = 44.0
_SHOWN_SIDE_PX = 424
# The frame's edge: the last rows and columns of the mosaic are dark.
_BORDER_PX = 3
# A star: a saturated round core, and spikes that make its outline sparse in its bounding box.
_STAR_PEAK = 250.0
_STAR_MAX_FILL = 0.5
_STAR_MIN_ROUNDNESS = 0.7


@dataclass(frozen=True)
class Cutout:
    """One galaxy.

    Attributes:
        survey_id: "HDF-<x>-<y>", the center in whole pixels, each with four digits.
        x_px, y_px: the center in the deep field, pixels from its top left corner.
        size_px: side of the square that was cut, pixels of the deep field.
        n_px: pixels of the galaxy above the threshold.
        content: PNG of 424 × 424 px, the same bytes each time.
    """

    survey_id: str
    x_px: float
    y_px: float
    size_px: float
    n_px: int
    content: bytes


@dataclass(frozen=True)
class Source:
    """What stands out from the sky; lengths in pixels of the deep field."""

    x_px: float
    y_px: float
    reach_px: float
    n_px: int
    peak: float
    fill: float
    roundness: float

    @property
    def side_px(self) -> float:
        """Side of the square that shows it with a margin."""
        return max(2 * self.reach_px * _MARGIN, _MIN_SIDE_PX)

    @property
    def is_star(self) -> bool:
        """Whether it has the spikes that the telescope's mirror mount draws around a star."""
        return (
            self.peak >= _STAR_PEAK
            and self.fill < _STAR_MAX_FILL
            and self.roundness > _STAR_MIN_ROUNDNESS
        )


def galaxies() -> list[Cutout]:
    """Return the galaxies that are large enough to be looked at, largest first."""
    field = skimage.data.hubble_deep_field()
    picture = Image.fromarray(field)
    chosen = [
        source
        for source in sources(field)
        if source.n_px >= _MIN_SHOWN_AREA_PX
        and not source.is_star
        and _is_inside(source, picture.size)
    ]
    chosen.sort(key=lambda source: (-source.n_px, source.x_px, source.y_px))
    return [_cutout(picture, source) for source in chosen]


def sources(field: NDArray[np.uint8]) -> list[Source]:
    """Return everything of 60 px or more that stands out in an image of shape (H, W, 3)."""
    light = field.mean(axis=2)
    smooth = ndimage.gaussian_filter(light, _SMOOTHING_PX)
    sky = np.median(smooth)
    noise = 1.4826 * np.median(np.abs(smooth - sky))
    labels, _ = ndimage.label(smooth > sky + _THRESHOLD_SIGMA * noise)
    return list(_measured(light - sky, labels))


def _measured(light: NDArray[np.float64], labels: NDArray[np.int32]) -> Iterator[Source]:
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        is_part = labels[box] == number
        n_px = int(is_part.sum())
        if n_px < _MIN_AREA_PX:
            continue
        y_px, x_px = np.nonzero(is_part)
        weight = np.clip(light[box][is_part], 0.1, None)
        center_x, center_y = np.average(x_px, weights=weight), np.average(y_px, weights=weight)
        short, long = np.linalg.eigvalsh(np.cov(x_px, y_px, aweights=weight))
        yield Source(
            x_px=float(center_x) + box[1].start,
            y_px=float(center_y) + box[0].start,
            reach_px=float(np.max(np.hypot(x_px - center_x, y_px - center_y))),
            n_px=n_px,
            peak=float(weight.max()),
            fill=n_px / is_part.size,
            roundness=math.sqrt(max(short, 0.0) / long),
        )


def _is_inside(source: Source, size_px: tuple[int, int]) -> bool:
    reach = source.side_px / 2 + _BORDER_PX
    return all(
        reach <= center <= size - reach
        for center, size in zip((source.x_px, source.y_px), size_px, strict=True)
    )


def _cutout(picture: Image.Image, source: Source) -> Cutout:
    side, x_px, y_px = source.side_px, source.x_px + 0.5, source.y_px + 0.5
    box = (x_px - side / 2, y_px - side / 2, x_px + side / 2, y_px + side / 2)
    # Bicubic: Lanczos draws rings around the small bright ones when it enlarges tenfold.
    shown = picture.resize((_SHOWN_SIDE_PX, _SHOWN_SIDE_PX), Image.Resampling.BICUBIC, box=box)
    buffer = BytesIO()
    shown.save(buffer, "PNG")
    return Cutout(
        survey_id=f"HDF-{round(source.x_px):04d}-{round(source.y_px):04d}",
        x_px=source.x_px,
        y_px=source.y_px,
        size_px=side,
        n_px=source.n_px,
        content=buffer.getvalue(),
    )
