"""Addresses of other services that know a position; the site itself asks none of them."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from django.utils.translation import gettext as _

SURVEY = "CDS/P/DESI-Legacy-Surveys/DR10/color"
FIELD_DEG = 0.03  # shown where the scale of our own picture is not known
MAX_FIELD_DEG = 5.0
RADIUS_ARCSEC = 10
SIDE_PX = 424


@dataclass(frozen=True)
class SkyLink:
    """A service and where it shows a position."""

    name: str
    words: str
    url: str


def sky_links(ra_deg: float, dec_deg: float, field_deg: float | None = None) -> list[SkyLink]:
    """Return where others show a position, given to 6 decimals of a degree.

    Args:
        field_deg: the side of our own picture, degrees.
    """
    ra, dec = f"{ra_deg % 360:.6f}", f"{dec_deg:.6f}"
    field = f"{min(field_deg or FIELD_DEG, MAX_FIELD_DEG):.6f}"
    return [
        SkyLink("Legacy Survey", _("viewer"), _legacy(ra, dec)),
        SkyLink("hips2fits", _("cutout as FITS"), _hips2fits(ra, dec, field)),
        SkyLink("SIMBAD", _("within 10 arcseconds"), _simbad(ra, dec)),
        SkyLink("NED", _("within 10 arcseconds"), _ned(ra, dec)),
        SkyLink("Aladin Lite", _("sky around it"), _aladin(ra, dec, field)),
    ]


def _legacy(ra: str, dec: str) -> str:
    parts = {"ra": ra, "dec": dec, "layer": "ls-dr10", "zoom": 16, "mark": f"{ra},{dec}"}
    return f"https://www.legacysurvey.org/viewer?{urlencode(parts, safe=',')}"


def _hips2fits(ra: str, dec: str, field: str) -> str:
    parts = {
        "hips": SURVEY.replace("/color", "/r"), "ra": ra, "dec": dec, "fov": field,
        "width": SIDE_PX, "height": SIDE_PX, "projection": "TAN", "coordsys": "icrs",
        "format": "fits",
    }  # fmt: skip
    return f"https://alasky.cds.unistra.fr/hips-image-services/hips2fits?{urlencode(parts)}"


def _simbad(ra: str, dec: str) -> str:
    parts = {
        "Coord": f"{ra} {_signed(dec)}", "CooFrame": "ICRS", "CooEpoch": 2000, "CooEqui": 2000,
        "Radius": RADIUS_ARCSEC, "Radius.unit": "arcsec",
    }  # fmt: skip
    return f"https://simbad.cds.unistra.fr/simbad/sim-coo?{urlencode(parts, quote_via=quote)}"


def _ned(ra: str, dec: str) -> str:
    parts = {
        "search_type": "Near Position Search", "in_csys": "Equatorial", "in_equinox": "J2000.0",
        "ra": f"{ra}d", "dec": f"{dec}d", "radius": f"{RADIUS_ARCSEC / 60:.6f}",
    }  # fmt: skip
    return f"https://ned.ipac.caltech.edu/conesearch?{urlencode(parts, quote_via=quote)}"


def _aladin(ra: str, dec: str, field: str) -> str:
    parts = {"target": f"{ra} {_signed(dec)}", "fov": field, "survey": SURVEY}
    return (
        f"https://aladin.cds.unistra.fr/AladinLite/?{urlencode(parts, safe='/', quote_via=quote)}"
    )


def _signed(dec: str) -> str:
    return dec if dec.startswith("-") else f"+{dec}"
