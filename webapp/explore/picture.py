"""A galaxy's picture: its scale, and what it was made of, so that others can make it again."""

import math
from dataclasses import dataclass
from typing import Any

from django.core.files.storage import storages

from inference.vision import stretch
from webapp.subjects import media
from webapp.subjects.models import Subject

ROUND = (1, 2, 5)
LONGEST = 0.4  # of the picture, for the bar that shows the scale


@dataclass(frozen=True)
class Scale:
    """A bar on the picture that is a round number of arcseconds long."""

    arcsec: float
    px: float

    @property
    def words(self) -> str:
        """Its length as a caption, in arcminutes where that is shorter."""
        return f"{self.arcsec / 60:g}′" if self.arcsec >= 60 else f"{self.arcsec:g}″"  # noqa: RUF001


def scale(subject: Subject) -> Scale | None:
    """Return the bar for a picture; None where its scale is not known."""
    per_px = subject.pixel_scale_arcsec
    if not per_px or per_px <= 0:
        return None
    most = LONGEST * subject.width_px * per_px
    power = 10.0 ** math.floor(math.log10(most))
    arcsec = max(step * power for step in ROUND if step * power <= most)
    return Scale(float(f"{arcsec:.6g}"), round(arcsec / per_px, 1))


def field_deg(subject: Subject) -> float | None:
    """Return the long side of the picture, degrees; None where its scale is not known."""
    if not subject.pixel_scale_arcsec:
        return None
    return max(subject.width_px, subject.height_px) * subject.pixel_scale_arcsec / 3600


def fits_url(subject: Subject) -> str:
    """Return where the original FITS is served; nothing if it came as anything else."""
    if subject.original_format != "fits":
        return ""
    if not storages["default"].exists(media.name("fits", subject.original_sha256)):
        return ""
    return media.url("fits", subject.original_sha256)


def recipe(subject: Subject) -> dict[str, Any]:
    """Return how the pictures were made of the original, in JSON's types."""
    from inference.vision import renditions  # noqa: PLC0415 - what makes pictures loads slowly

    is_fits = subject.original_format == "fits"
    return {
        "format": 1,
        "survey_id": subject.survey_id,
        "position": {"ra_deg": subject.ra_deg, "dec_deg": subject.dec_deg, "frame": "ICRS"},
        "original": {
            "name": subject.original_name,
            "format": subject.original_format,
            "sha256": subject.original_sha256,
            "notes": subject.notes,
            "filled_share": subject.filled_share,
        },
        "light_to_color": stretch.recipe() if is_fits else None,
        "renditions": renditions.recipe(),
        "display": {
            "sha256": subject.display_sha256,
            "width_px": subject.width_px,
            "height_px": subject.height_px,
            "pixel_scale_arcsec": subject.pixel_scale_arcsec,
            "north_deg": subject.north_deg,
            "is_mirrored": subject.is_mirrored,
        },
        "thumbnail": {"sha256": subject.thumbnail_sha256},
        "stamp": {"sha256": subject.stamp_sha256},
    }
