"""The way of a network: votes, a run directory, a real training, a candidate, its promotion."""

import pytest

from tests import make
from tests.webapp.retraining import campaigns
from tests.webapp.retraining.trainer import needed, trainer, work_until
from webapp.registry import promotion
from webapp.registry import queries as registry
from webapp.retraining import services
from webapp.retraining.models import Plan, TrainingRun

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.processes]


@pytest.fixture
def campaign(tmp_path, settings):
    settings.RUNS_DIR = tmp_path / "runs"
    settings.MODELS_ROOT = tmp_path / "models"
    settings.MEDIA_ROOT = tmp_path / "media"
    workflow = campaigns.answered(150)
    Plan.objects.create(workflow=workflow, config_name="smoke")
    return workflow


@needed
def test_votes_become_a_candidate_that_is_promoted(campaign, tmp_path):
    run = services.start_run(workflow=campaign, by=make.user())
    with trainer(tmp_path / "runs"):
        work_until(lambda: run.refresh_from_db() or not run.is_open)
    assert run.status == "done", f"{run.error} {run.traceback} {run.log_tail}"
    print(run.live, run.metrics, run.comparison.words, run.log_tail)
