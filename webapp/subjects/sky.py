"""Positions on the sky: from text to ICRS degrees and HEALPix cells."""

import re

from inference.errors import shown
from webapp.subjects.rows import RowRefused

HEALPIX_ORDER = 29
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_HOURS = re.compile(
    r"\s*[+-]?(\d{1,3})\s*[:h\s]\s*(\d{1,2})\s*[:m'\s]\s*([\d.]*)\s*[s\"]?\s*", re.ASCII
)


def position(ra: str, dec: str) -> tuple[float, float] | None:
    """Return RA in [0, 360) and Dec in [-90, 90], degrees, or None if both are empty.

    Raises:
        RowRefused: one is missing, no number, in hours, or out of range.
    """
    ra, dec = ra.strip(), dec.strip()
    if not ra and not dec:
        return None
    if not ra or not dec:
        raise RowRefused(
            f"The row has {'Dec ' + shown(dec) if dec else 'RA ' + shown(ra)} alone: give both, "
            f"or neither."
        )
    ra_deg, dec_deg = _degrees("RA", ra), _degrees("Dec", dec)
    if not 0 <= ra_deg <= 360:
        raise RowRefused(f"RA {ra} is outside 0 to 360 degrees: correct it.")
    if not -90 <= dec_deg <= 90:
        raise RowRefused(f"Dec {dec} is outside -90 to 90 degrees: correct it.")
    return ra_deg % 360.0, dec_deg


def is_number(text: str) -> bool:
    """Return whether a text is a decimal number as programs write it."""
    return _NUMBER.fullmatch(text) is not None


def _degrees(name: str, text: str) -> float:
    if is_number(text):
        return float(text)  # 1e400 becomes infinite, which no range contains
    if _HOURS.fullmatch(text):
        unit = "hours" if name == "RA" else "degrees, minutes and seconds"
        raise RowRefused(f"{name} {shown(text)} is in {unit}: give decimal degrees.")
    if is_number(text.replace(",", ".", 1)):
        raise RowRefused(f"{name} {shown(text)} has a decimal comma: write a point.")
    raise RowRefused(f"{name} {shown(text)} is no number: give decimal degrees, or leave it empty.")


def healpix(ra_deg: float, dec_deg: float) -> int:
    """Return the cell of a position, nested, order 29 (0.4 milliarcseconds)."""
    # Worker processes alone come here; the site must not pay for importing astropy.
    from astropy import units  # noqa: PLC0415
    from astropy_healpix import lonlat_to_healpix  # noqa: PLC0415

    cell = lonlat_to_healpix(
        ra_deg * units.deg, dec_deg * units.deg, nside=2**HEALPIX_ORDER, order="nested"
    )
    return int(cell)
