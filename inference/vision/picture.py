"""What a decoded picture is, how large one may be, and how one is refused."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inference.errors import InferenceError

MAX_FILE_BYTES = 60_000_000
MAX_PIXELS = 25_000_000
MIN_SIDE_PX = 8


class PictureRefused(InferenceError):
    """A file that cannot become a picture for volunteers; the text says why and what to do."""


@dataclass(frozen=True)
class SkyFrame:
    """Where a picture lies on the sky, as its own WCS says.

    Attributes:
        ra_deg, dec_deg: center of the picture, ICRS, [0, 360) and [-90, 90].
        pixel_scale_arcsec: side of a square with the area of one pixel, arcseconds.
        north_deg: angle of north on the picture as shown, from up, counterclockwise, (-180, 180].
        is_mirrored: east is to the right of north (on the sky it is to the left).
    """

    ra_deg: float
    dec_deg: float
    pixel_scale_arcsec: float
    north_deg: float
    is_mirrored: bool

    def resized(self, factor: float) -> "SkyFrame":
        """Return the frame of the same picture with `factor` times as many pixels a side."""
        return replace(self, pixel_scale_arcsec=self.pixel_scale_arcsec / factor)


@dataclass(frozen=True)
class Picture:
    """A decoded picture without any metadata.

    Attributes:
        pixels: uint8 of shape (height, width, 3), sRGB, the first row at the top.
        format: "jpeg", "png" or "fits".
        sky: None unless the file has a celestial WCS.
        filled_share: share of pixels without a value in at least one band, [0, 1].
        notes: what a scientist should know of its quality, at most 200 characters each.
        bands: name and uint8 of shape (height, width) of each band, bluest first, where the picture
            was made of several; a name is unique and at most 16 characters.
    """

    pixels: NDArray[np.uint8]
    format: str
    sky: SkyFrame | None = None
    filled_share: float = 0.0
    notes: tuple[str, ...] = ()
    bands: tuple[tuple[str, NDArray[np.uint8]], ...] = ()

    @property
    def width_px(self) -> int:
        """Width, pixels."""
        return int(self.pixels.shape[1])

    @property
    def height_px(self) -> int:
        """Height, pixels."""
        return int(self.pixels.shape[0])


def check_size(width_px: int, height_px: int) -> None:
    """Refuse a picture by the size its header claims, before anything is decoded.

    Raises:
        PictureRefused: more than MAX_PIXELS, or a side below MIN_SIDE_PX.
    """
    if width_px * height_px > MAX_PIXELS:
        megapixels = width_px * height_px / 1e6
        raise PictureRefused(
            f"The picture is {width_px:,} x {height_px:,} px ({megapixels:,.1f} megapixels), and "
            f"at most {MAX_PIXELS // 10**6} megapixels are accepted: cut out the galaxy or scale "
            f"the picture down."
        )
    if min(width_px, height_px) < MIN_SIDE_PX:
        raise PictureRefused(
            f"The picture is {width_px:,} x {height_px:,} px, and each side needs at least "
            f"{MIN_SIDE_PX} px: make a larger cutout."
        )


def too_large(n_bytes: int) -> str:
    """Return the sentence for a file of more than MAX_FILE_BYTES."""
    return (
        f"The file has {n_bytes:,} bytes, and at most {MAX_FILE_BYTES:,} are accepted: cut out the "
        f"galaxy or scale the picture down."
    )
