"""Folders of their own for what the tests of files write, and a campaign to write of."""

import pytest

from tests import make
from webapp.accounts.models import Role


@pytest.fixture(autouse=True)
def _folders(tmp_path, settings):
    settings.EXPORTS_ROOT = tmp_path / "exports"
    settings.RELEASES_ROOT = tmp_path / "releases"


@pytest.fixture
def alice():
    return make.user("alice", Role.SCIENTIST)


@pytest.fixture
def campaign(alice):
    """Seven galaxies with positions; six have answers, three of them are retired."""
    workflow = make.owned(alice, n_subjects=7, status="live")
    galaxies = list(workflow.subject_sets.get().subjects.order_by("pk"))
    for number, galaxy in enumerate(galaxies):
        type(galaxy).objects.filter(pk=galaxy.pk).update(
            ra_deg=10.0 + number, dec_deg=-5.0, healpix=number
        )
        for person in range(min(number, 3)):
            make.classification(make.visitor(), workflow, galaxy, path=[person % 2])
    return workflow
