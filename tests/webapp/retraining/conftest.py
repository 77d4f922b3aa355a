"""Folders of their own for what the tests of training write, and runs at each of their stages."""

import pytest

from tests import make
from tests.webapp.retraining import campaigns
from webapp.accounts.models import Role
from webapp.retraining import tasks
from webapp.retraining.folders import folder_of
from webapp.retraining.models import Plan
from webapp.retraining.services import start_run


@pytest.fixture(autouse=True)
def _folders(tmp_path, settings):
    settings.RUNS_DIR = tmp_path / "runs"
    settings.MODELS_ROOT = tmp_path / "models"
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def alice():
    return make.user("alice", Role.SCIENTIST)


@pytest.fixture
def campaign(alice):
    """60 galaxies with two answers each."""
    workflow = campaigns.answered(60)
    workflow.owners.add(alice)
    Plan.objects.create(workflow=workflow, config_name="smoke")
    return workflow


@pytest.fixture
def asked(campaign, alice):
    """A run that waits for a worker."""
    return start_run(workflow=campaign, by=alice)


@pytest.fixture
def training(asked):
    """A run whose directory is ready for a trainer."""
    tasks.work_on_runs()
    asked.refresh_from_db()
    assert asked.is_training, asked.error or asked.traceback
    return asked


@pytest.fixture
def folder(training):
    """The directory of that run."""
    return folder_of(training)
