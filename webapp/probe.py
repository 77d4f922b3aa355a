"""Asks whether a process of a container lives: `python -m webapp.probe ADDRESS_OR_FILE`.

An address must answer 200 within three seconds; a file must have been touched within 45. Needs
nothing but Python, and ends with 1 and a sentence where it does not.
"""

import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

WITHIN_S = 3.0
SILENT_AFTER_S = 45.0


def trouble_at(place: str) -> str:
    """Return what is wrong at an address or with a file; empty if nothing is."""
    return _of_address(place) if place.startswith("http://") else _of_file(Path(place))


def _of_address(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=WITHIN_S):  # noqa: S310 - http only
            return ""
    except (urllib.error.URLError, OSError) as error:
        return f"{address} does not answer: {error}"


def _of_file(path: Path) -> str:
    try:
        age_s = time.time() - path.stat().st_mtime
    except OSError as error:
        return f"Nothing has touched {path}: {error.strerror}"
    return f"Nothing has touched {path} for {age_s:.0f} s" if age_s > SILENT_AFTER_S else ""


if __name__ == "__main__":
    if found := trouble_at(sys.argv[1]):
        sys.exit(found)
