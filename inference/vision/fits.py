"""FITS files to pictures: which image is meant, whether it is whole, and its colors.

The first row of a FITS image is shown at the bottom, as every FITS viewer does.
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from inference.errors import shown
from inference.vision import stretch
from inference.vision.picture import Picture, PictureRefused, SkyFrame, check_size
from inference.vision.sky import SkyUnreadable, sky_frame

_MAX_EXTENSIONS = 100
_MAX_PLANES = 12
_MAX_VALUES = 75_000_000
# A survey's edge is written as exact zeros; a real band has next to none.
_MAX_ZERO_SHARE = 0.01

# Blue to red. Hubble and JWST filters are named by wavelength instead (F814W, F160W).
_BROAD_BANDS = "ugrizyjhk"
_HUBBLE_FILTER = re.compile(r"^F(\d{3,4})[A-Z]+\d?$", re.IGNORECASE)
# What the Legacy Surveys and Galaxy Zoo DECaLS multiply nanomaggies by: 1/0.008, 1/0.014, 1/0.019.
_DECALS_WEIGHTS = {"g": 125.0, "r": 71.43, "z": 52.63}


@dataclass(frozen=True)
class _Image:
    """One image of the file as its header describes it; nothing of it has been decoded."""

    index: int
    header: fits.Header
    width_px: int
    height_px: int
    n_planes: int

    @property
    def size(self) -> tuple[int, int]:
        return self.width_px, self.height_px


def read_fits(content: bytes) -> Picture:
    """Return the picture in a FITS file, plain or tile-compressed.

    Raises:
        PictureRefused: no image, too many axes, planes or pixels, cut off, or no finite value.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notes: list[str] = []
        images = _chosen(content, notes)
        names, bands = _bands(content, images, notes)
        sky = _sky(images[0], notes)
    filled_share = _mark_holes(bands, names, notes)
    pixels = _upright(_rendered(bands, names, notes))
    single = _single(bands, names) if len(bands) > 1 else ()
    return Picture(pixels, "fits", sky, filled_share, tuple(notes), single)


def _upright(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels[::-1])


def _single(
    bands: Sequence[stretch.Band], names: Sequence[str]
) -> tuple[tuple[str, NDArray[np.uint8]], ...]:
    """Return each band as a picture of its own, numbered where the file names none."""
    told = names if len(set(names)) == len(names) else [str(n + 1) for n in range(len(bands))]
    return tuple(
        (name, _upright(stretch.gray(band)[..., 0])) for name, band in zip(told, bands, strict=True)
    )


def _chosen(content: bytes, notes: list[str]) -> list[_Image]:
    """Pick the image, or the images that are bands of one picture, and check them whole."""
    # Compressed images stay tables here: sizes are judged before anything is unpacked.
    with fits.open(BytesIO(content), memmap=False, disable_image_compression=True) as hdus:
        images = [
            image
            for index, hdu in enumerate(islice(hdus, _MAX_EXTENSIONS))
            if (image := _described(index, hdu)) is not None
        ]
        if not images:
            raise PictureRefused(
                "The FITS file holds no two-dimensional image, only tables, spectra or headers: "
                "upload the file that has the image."
            )
        chosen = _color_set(images)
        if len(images) > len(chosen):
            notes.append(f"{len(images) - len(chosen)} further image(s) in the file were left out")
        for image in chosen:
            _check(image, hdus[image.index], len(content))
        if any(_is_altered(hdus[image.index]) for image in chosen):
            notes.append("the checksum in the file does not match its data")
    return chosen


def _described(index: int, hdu: object) -> _Image | None:
    """Return the shape of an image HDU with two or three real axes; None for what is no image."""
    header = getattr(hdu, "header", fits.Header())
    if isinstance(hdu, fits.BinTableHDU) and header.get("ZIMAGE") is True:
        prefix = "Z"
    elif type(hdu) in (fits.PrimaryHDU, fits.ImageHDU):
        prefix = ""
    else:
        return None
    axes = [int(header[f"{prefix}NAXIS{n + 1}"]) for n in range(int(header[f"{prefix}NAXIS"]))]
    while len(axes) > 2 and axes[-1] == 1:
        axes.pop()
    if len(axes) < 2 or min(axes) < 1:
        return None
    if len(axes) > 3:
        raise PictureRefused(
            f"The FITS image has {len(axes)} axes ({' x '.join(map(str, axes))}), and two or three "
            f"can be shown: cut out one image, or one plane per band."
        )
    return _Image(index, header, axes[0], axes[1], axes[2] if len(axes) == 3 else 1)


def _color_set(images: Sequence[_Image]) -> list[_Image]:
    """Return the first image, with its siblings if they are other bands of the same sky.

    A mask or an error map beside an image has its shape too, so only named bands are combined.
    """
    first = images[0]
    named = {
        name: image
        for image in reversed(images)
        if image.n_planes == 1 and image.size == first.size and (name := _band_name(image.header))
    }
    together = first.n_planes == 1 and first in named.values()
    siblings = [i for i in named.values() if i is first or _same_sky(i, first)]
    return sorted(siblings, key=lambda i: i.index) if together else [first]


def _same_sky(image: _Image, other: _Image) -> bool:
    keys = ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2")
    return all(image.header.get(key) == other.header.get(key) for key in keys)


def _check(image: _Image, hdu: object, n_bytes: int) -> None:
    check_size(image.width_px, image.height_px)
    values = image.width_px * image.height_px * image.n_planes
    if image.n_planes > _MAX_PLANES or values > _MAX_VALUES:
        raise PictureRefused(
            f"The FITS image is a cube of {image.n_planes:,} planes of {image.width_px:,} x "
            f"{image.height_px:,} px, and at most {_MAX_PLANES} planes and {_MAX_VALUES:,} values "
            f"make a picture: sum it to one plane per band."
        )
    if image.header.get("BSCALE", 1) == 0:
        raise PictureRefused(
            "The FITS image has BSCALE = 0, so every pixel would be the same: correct the header."
        )
    end = getattr(hdu, "_data_offset", 0) + getattr(hdu, "size", 0)
    if end > n_bytes:
        raise PictureRefused(
            f"The FITS file is cut off: its image should end at byte {end:,} and the file has "
            f"{n_bytes:,}: upload it again."
        )


def _is_altered(hdu: object) -> bool:
    verify = (getattr(hdu, "verify_checksum", None), getattr(hdu, "verify_datasum", None))
    try:
        return any(check is not None and check() == 0 for check in verify)
    except ValueError:  # DATASUM is no number
        return True


def _bands(
    content: bytes, images: Sequence[_Image], notes: list[str]
) -> tuple[list[str], list[stretch.Band]]:
    """Decode the planes, bluest first; names are empty where the file does not tell them."""
    with fits.open(BytesIO(content), memmap=False) as hdus:
        bands = [
            np.array(plane, dtype=np.float32)
            for image in images
            for plane in np.reshape(hdus[image.index].data, (-1, image.height_px, image.width_px))
        ]
    names = _plane_names(images)
    if not names or any(_wavelength(name) is None for name in names):
        if len(bands) > 1:
            notes.append(f"the {len(bands)} bands are not named: taken from blue to red")
        return [""] * len(bands), bands
    order = sorted(range(len(bands)), key=lambda n: _wavelength(names[n]) or 0.0)
    return [names[n] for n in order], [bands[n] for n in order]


def _plane_names(images: Sequence[_Image]) -> list[str]:
    if len(images) > 1:
        return [_band_name(image.header) for image in images]
    header, n_planes = images[0].header, images[0].n_planes
    letters = str(header.get("BANDS", ""))
    if len(letters) == n_planes:
        return list(letters)
    return [str(header.get(f"BAND{n}", "")).strip() for n in range(n_planes)]


def _band_name(header: fits.Header) -> str:
    """Return the band that FILTER, BAND or EXTNAME tells ("g", "F160W"), or ""."""
    for key in ("FILTER", "BAND", "EXTNAME"):
        words = str(header.get(key, "")).replace("-", " ").replace(".", " ").split()
        for word in words:
            if _wavelength(word) is not None:
                return word
    return ""


def _wavelength(name: str) -> float | None:
    """Return a number that grows from blue to red: about nanometers."""
    if match := _HUBBLE_FILTER.match(name):
        number = int(match[1])
        return float(number if number >= 200 else number * 10)  # F160W is 1,600 nm
    if len(name) == 1 and name.lower() in _BROAD_BANDS:
        return 300.0 + 100 * _BROAD_BANDS.index(name.lower())
    return None


def _sky(image: _Image, notes: list[str]) -> SkyFrame | None:
    try:
        return sky_frame(image.header, width_px=image.width_px, height_px=image.height_px)
    except SkyUnreadable:
        notes.append("the file's sky position could not be read and was left out")
        return None


def _mark_holes(bands: list[stretch.Band], names: Sequence[str], notes: list[str]) -> float:
    """Put NaN wherever a band has no value; return the share of pixels with such a band."""
    missing = np.zeros(bands[0].shape, dtype=bool)
    for number, band in enumerate(bands):
        hole = _hole(band, is_one_of_many=len(bands) > 1)
        label = f"band {names[number] or number + 1}" if len(bands) > 1 else "the image"
        if hole.all():
            raise PictureRefused(
                f"In the FITS file {label} has no value in any of its {band.size:,} pixels (NaN, "
                f"infinite or zero): upload a cutout that lies inside the survey."
            )
        if hole.any():
            band[hole] = np.nan
            notes.append(f"{100 * hole.mean():.2g}% of {label} had no value and was filled")
        missing |= hole
    return float(missing.mean())


def _hole(band: stretch.Band, *, is_one_of_many: bool) -> NDArray[np.bool_]:
    hole = ~np.isfinite(band)
    zero = band == 0
    return hole | zero if is_one_of_many and zero.mean() > _MAX_ZERO_SHARE else hole


def _rendered(
    bands: list[stretch.Band], names: Sequence[str], notes: list[str]
) -> NDArray[np.uint8]:
    if all(np.nanmin(band) == np.nanmax(band) for band in bands):
        notes.append(f"every pixel has the same value, {shown(float(np.nanmax(bands[0])))}")
    if len(bands) == 1:
        return stretch.gray(bands[0])
    known = [_DECALS_WEIGHTS.get(name.lower()) for name in names]
    weights = [weight for weight in known if weight is not None]
    return stretch.color(bands, weights if len(weights) == len(bands) == 3 else None)
