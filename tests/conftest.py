"""What every test may use; the database server is in tests/database.py."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, not whether it holds.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """Leave no test in the language that the one before has read its page in."""
    yield
    # The tests of the training have no Django.
    if translation := sys.modules.get("django.utils.translation"):
        translation.deactivate()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, which is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("There is no ../shared with the real data.")
    return SHARED
