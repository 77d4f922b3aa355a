"""Galaxies cut from the Hubble deep field that scikit-image's wheel carries: the demo's subjects.

The picture is a color JPEG of 1000 x 872 px (NASA, ESA). It has no sky coordinates, so a galaxy is
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
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

CREDIT = "Hubble Space Telescope deep field, NASA/ESA, as distributed with scikit-image."

# A source: pixels that stand this far above the sky's noise, once smoothed by a pixel. Touching
# sources are parted at the valleys between peaks that are still apart after more smoothing.
_SMOOTHING_PX = 1.0
_THRESHOLD_SIGMA = 3.0
_PEAK_SMOOTHING_PX = 2.5
_PEAK_DISTANCE_PX = 7
_MIN_AREA_PX = 60
# Below this area a galaxy is a few blurred pixels at any size of the screen.
_MIN_SHOWN_AREA_PX = 110
# The frame is this much larger than the circle around 95% of the galaxy's pixels. Small galaxies
# share one frame: enlarged more, they would be nothing but blur.
_MARGIN = 1.8
_MIN_SIDE_PX = 36.0
# The pictures made for display enlarge this to 424 px, smoothly since it is smooth already.
_SHOWN_SIDE_PX = 256
_COMPRESSION = 4  # of 9: twice as fast as the default, 2% larger
# The mosaic's last rows and columns are dark.
_BORDER_PX = 3
# A star has a core that is white to saturation, and a halo that is brighter along the cross of
# spikes than between them; what lies in the halo is taken for a piece of it.
_STAR_CORE = 250
_STAR_CONTRAST = 1.2
_STAR_RADII_PX = (10, 20)
_STAR_HALO_PX = 22.0


@dataclass(frozen=True)
class Cutout:
    """One galaxy.

    Attributes:
        survey_id: "HDF-<x>-<y>", the center in whole pixels, each with four digits.
        x_px, y_px: the center in the deep field, pixels from its top left corner.
        size_px: side of the square that was cut, pixels of the deep field.
        n_px: pixels of the galaxy above the threshold.
        content: PNG of 256 x 256 px, the same bytes each time.
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

    @property
    def side_px(self) -> float:
        """Side of the square that shows it with a margin."""
        return max(2 * self.reach_px * _MARGIN, _MIN_SIDE_PX)


def galaxies() -> list[Cutout]:
    """Return the galaxies that are large enough to be looked at, largest first."""
    field = skimage.data.hubble_deep_field()  # type: ignore[no-untyped-call]
    found = sources(field)
    halos = [source for source in found if _is_star(field, source)]
    chosen = [
        source
        for source in found
        if source.n_px >= _MIN_SHOWN_AREA_PX
        and _is_inside(source, field.shape)
        and all(_distance(source, star) > _STAR_HALO_PX for star in halos)
    ]
    chosen.sort(key=lambda source: (-source.n_px, source.x_px, source.y_px))
    picture = Image.fromarray(field)
    return [_cutout(picture, source) for source in chosen]


def sources(field: NDArray[np.uint8]) -> list[Source]:
    """Return everything of 60 px or more that stands out in an image of shape (H, W, 3)."""
    light = field.mean(axis=2)
    smooth = ndimage.gaussian_filter(light, _SMOOTHING_PX)
    sky = np.median(smooth)
    noise = 1.4826 * np.median(np.abs(smooth - sky))
    is_source = smooth > sky + _THRESHOLD_SIGMA * noise
    smoother = ndimage.gaussian_filter(light, _PEAK_SMOOTHING_PX)
    peaks = peak_local_max(  # type: ignore[no-untyped-call]
        smoother, min_distance=_PEAK_DISTANCE_PX, labels=is_source.astype(int)
    )
    markers = np.zeros(light.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels = watershed(-smoother, markers, mask=is_source)  # type: ignore[no-untyped-call]
    return list(_measured(light - sky, labels))


def _measured(light: NDArray[np.float64], labels: NDArray[np.int32]) -> Iterator[Source]:
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        is_part = labels[box] == number
        if (n_px := int(is_part.sum())) < _MIN_AREA_PX:
            continue
        y_px, x_px = np.nonzero(is_part)
        weight = np.clip(light[box][is_part], 0.1, None)
        center_x, center_y = np.average(x_px, weights=weight), np.average(y_px, weights=weight)
        distance = np.hypot(x_px - center_x, y_px - center_y)
        yield Source(
            x_px=float(center_x) + box[1].start,
            y_px=float(center_y) + box[0].start,
            reach_px=float(np.percentile(distance, 95)),
            n_px=n_px,
        )


def _is_star(field: NDArray[np.uint8], source: Source) -> bool:
    """Whether it has the four-armed spikes that the telescope's mirror mount draws."""
    left, top = max(round(source.x_px) - 4, 0), max(round(source.y_px) - 4, 0)
    core = field[top : top + 9, left : left + 9]
    if core.min(axis=2).max() < _STAR_CORE:
        return False
    row, column = np.unravel_index(
        ndimage.gaussian_filter(core.mean(axis=2), 1).argmax(), core.shape[:2]
    )
    turns = np.arange(72) * 2 * np.pi / 72
    radii = np.arange(*_STAR_RADII_PX)
    around = [
        top + row + np.outer(np.sin(turns), radii),
        left + column + np.outer(np.cos(turns), radii),
    ]
    halo = ndimage.map_coordinates(field.mean(axis=2), around, order=1).mean(axis=1)
    # A cross comes back after each quarter turn; a neighbor or an edge-on disk does not.
    arms = halo.reshape(4, 18).min(axis=0)
    return bool(arms.max() > _STAR_CONTRAST * np.median(halo))


def _distance(source: Source, other: Source) -> float:
    return math.hypot(source.x_px - other.x_px, source.y_px - other.y_px)


def _is_inside(source: Source, shape: tuple[int, ...]) -> bool:
    reach = source.side_px / 2 + _BORDER_PX
    return reach <= source.x_px <= shape[1] - reach and reach <= source.y_px <= shape[0] - reach


def _cutout(picture: Image.Image, source: Source) -> Cutout:
    side, x_px, y_px = source.side_px, source.x_px + 0.5, source.y_px + 0.5
    box = (x_px - side / 2, y_px - side / 2, x_px + side / 2, y_px + side / 2)
    # Bicubic: Lanczos draws rings around the small bright ones when it enlarges tenfold.
    shown = picture.resize((_SHOWN_SIDE_PX, _SHOWN_SIDE_PX), Image.Resampling.BICUBIC, box=box)
    buffer = BytesIO()
    shown.save(buffer, "PNG", compress_level=_COMPRESSION)
    return Cutout(
        survey_id=f"HDF-{round(source.x_px):04d}-{round(source.y_px):04d}",
        x_px=source.x_px,
        y_px=source.y_px,
        size_px=side,
        n_px=source.n_px,
        content=buffer.getvalue(),
    )
