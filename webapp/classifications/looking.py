"""How a picture was looked at: magnified, turned, in which light; it is stored with the answers.

What a volunteer left as it came is not in it, so most are empty.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from inference.errors import InferenceError
from inference.formats.strict_json import read_object
from webapp.common.errors import DomainError

View = dict[str, Any]

MAX_TEXT = 1000
MAX_ZOOM = 16
STRETCHES = ("sqrt", "asinh", "square")
LEAST_PERCENT, MOST_PERCENT = 20, 300  # of brightness and contrast
_MAX_NAME, _MAX_BANDS, _MAX_SECONDS = 40, 20, 10_000_000


class NotAView(DomainError):
    """What a page says of how its picture was looked at cannot be true."""


def read_view(text: str) -> View | None:
    """Return what a page says; None for nothing.

    Keys, each only where it was changed: zoom, (1, 16]; rotation, 90, 180 or 270 degrees clockwise;
    invert; brightness and contrast, percent; stretch; band, the rendering shown at Done; seconds,
    for each rendering that was looked at, where there are several.

    Raises:
        NotAView: it is no JSON object, or a key or value is none of these, or stands twice.
    """
    if not text:
        return None
    try:
        view = dict(read_object(text, refused=InferenceError, max_bytes=MAX_TEXT))
    except InferenceError:
        raise NotAView(_refusal(text)) from None
    for name, value in view.items():
        if name not in _CHECKS or not _CHECKS[name](value):
            raise NotAView(_refusal(f"{name}: {value}"))
    return view


def _refusal(what: str) -> str:
    return _(
        "%(what)s is not how a picture can be looked at: the answer was not stored. Reload the "
        "page and answer again."
    ) % {"what": f"{what[:60]!r}"}


def _is_number(value: object, least: float, most: float) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and least <= value <= most  # type: ignore[operator]


def _is_percent(value: object) -> bool:
    return isinstance(value, int) and _is_number(value, LEAST_PERCENT, MOST_PERCENT)


def _is_name(value: object) -> bool:
    # PostgreSQL keeps neither NUL nor half a surrogate pair.
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= _MAX_NAME


def _are_seconds(value: object) -> bool:
    if not isinstance(value, Mapping) or len(value) > _MAX_BANDS:
        return False
    return all(
        _is_name(name) and _is_number(seconds, 0, _MAX_SECONDS) for name, seconds in value.items()
    )


_CHECKS: dict[str, Callable[[object], bool]] = {
    "zoom": lambda value: _is_number(value, 1, MAX_ZOOM),
    "rotation": lambda value: _is_number(value, 90, 270) and value in (90, 180, 270),
    "invert": lambda value: value is True,
    "brightness": _is_percent,
    "contrast": _is_percent,
    "stretch": lambda value: value in STRETCHES,
    "band": _is_name,
    "seconds": _are_seconds,
}
