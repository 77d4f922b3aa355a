"""Where a picture lies on the sky, from the WCS of its FITS header."""

import math

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io.fits import Header
from astropy.wcs import WCS

from inference.vision.picture import SkyFrame


class SkyUnreadable(ValueError):
    """A header speaks of the sky in a way that gives no position."""


def sky_frame(header: Header, *, width_px: int, height_px: int) -> SkyFrame | None:
    """Return the frame of the center pixel, or None where the header has no celestial WCS.

    FITS counts rows from the bottom and our pictures show row 1 at the bottom, so "up" on the
    picture is towards growing FITS rows.

    Raises:
        SkyUnreadable: there is a celestial WCS, and it gives no finite position.
    """
    try:
        wcs = WCS(header)
        if not wcs.has_celestial:
            return None
        if not str(header.get("CTYPE1", "")).endswith("-SIP"):
            wcs.sip = None  # left over from a frame that was drizzled; the standard says no SIP
        frame = _measured(wcs.celestial, x_px=(width_px - 1) / 2, y_px=(height_px - 1) / 2)
    except Exception as error:  # wcslib and astropy raise a dozen kinds for one broken header
        raise SkyUnreadable(str(error)) from error
    if not all(math.isfinite(v) for v in (frame.ra_deg, frame.dec_deg, frame.north_deg)):
        raise SkyUnreadable("the position is not a number")
    if not 0 < frame.pixel_scale_arcsec < 3600:
        raise SkyUnreadable(f"a pixel would be {frame.pixel_scale_arcsec:g} arcsec")
    return frame


def _measured(wcs: WCS, *, x_px: float, y_px: float) -> SkyFrame:
    """Measure scale and angles on the sky itself, so distortions and any projection count."""
    here, right, up = (_icrs(wcs, x_px + dx, y_px + dy) for dx, dy in [(0, 0), (1, 0), (0, 1)])
    # Columns: one pixel to the right, one pixel up; rows: arcseconds to the east, to the north.
    per_pixel = np.array(
        [[o.to_value("arcsec") for o in here.spherical_offsets_to(p)] for p in (right, up)]
    ).T
    north_x, north_y = np.linalg.solve(per_pixel, [0.0, 1.0])
    area = float(np.linalg.det(per_pixel))
    return SkyFrame(
        ra_deg=float(here.ra.deg),
        dec_deg=float(here.dec.deg),
        pixel_scale_arcsec=math.sqrt(abs(area)),
        north_deg=math.degrees(math.atan2(-north_x, north_y)),
        is_mirrored=area > 0,
    )


def _icrs(wcs: WCS, x_px: float, y_px: float) -> SkyCoord:
    return wcs.pixel_to_world(x_px, y_px).icrs
