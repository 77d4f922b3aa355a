"""Real workers that are killed, stopped, doubled and overtaken: each galaxy is scored once."""

import os
import signal
from pathlib import Path

import pytest

from tests import make
from tests.webapp.common.processes import wait_until, worker
from webapp.classifications import recount
from webapp.consensus.models import Consensus, Queue
from webapp.predictions.models import Batch, Prediction, Scoring
from webapp.registry.promotion import promote_model, roll_back

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.slow,
]
SCRIPT = Path(__file__).with_name("worker.py")
GALAXIES = 48
LONG_S = 60.0


@pytest.fixture
def campaign():
    workflow = make.workflow()
    make.link(workflow, make.stamped(make.subjects(GALAXIES))[0].subject_set)
    return workflow


def scorer(batch=GALAXIES, chunk=4):
    return worker(str(batch), str(chunk), script=SCRIPT)


def n_predictions() -> int:
    return Prediction.objects.count()


def n_following(model) -> int:
    return Consensus.objects.filter(prior_model=model, prior__isnull=False).count()


def is_done(model) -> bool:
    return n_following(model) == GALAXIES and not Batch.objects.exists()


def assert_scored_once(workflow, model) -> None:
    """No picture was predicted and stored twice, and nothing else was hurt."""
    assert Prediction.objects.filter(model=model).count() == GALAXIES
    assert Scoring.objects.get(model=model).n_scored == GALAXIES
    assert Queue.objects.filter(workflow=workflow, stream="ignorance").count() == GALAXIES
    assert list(recount.differences(workflow)) == []


def test_what_a_killed_worker_left_is_scored_once_by_the_next(campaign):
    """F15."""
    model = make.promoted(campaign)
    with scorer() as first:
        wait_until(lambda: n_predictions() >= 8, within_s=LONG_S)
        first.kill()
        first.wait()
    n_before = n_predictions()
    assert 8 <= n_before < GALAXIES
    with scorer():
        taken_over_s = wait_until(lambda: n_predictions() > n_before, within_s=LONG_S)
        wait_until(lambda: is_done(model), within_s=LONG_S)
    assert taken_over_s < LONG_S
    assert_scored_once(campaign, model)


def test_two_workers_share_the_work(campaign):
    model = make.promoted(campaign)
    with scorer(batch=8), scorer(batch=8):
        wait_until(lambda: is_done(model), within_s=LONG_S)
    assert_scored_once(campaign, model)


def test_a_worker_that_was_stopped_cannot_store_when_it_wakes_up(campaign):
    """F16."""
    model = make.promoted(campaign)
    with scorer() as stopped:
        wait_until(lambda: n_predictions() >= 4, within_s=LONG_S)
        os.kill(stopped.pid, signal.SIGSTOP)
        try:
            with scorer():
                wait_until(lambda: is_done(model), within_s=LONG_S)
        finally:
            os.kill(stopped.pid, signal.SIGCONT)
        stopped.send_signal(signal.SIGTERM)
        assert stopped.wait(LONG_S) == 0
    assert_scored_once(campaign, model)


def test_promoting_and_rolling_back_meanwhile_ends_with_the_one_that_serves(campaign):
    """F22."""
    first = make.promoted(campaign)
    second = make.network(workflow=campaign)
    with scorer(batch=16), scorer(batch=16):
        wait_until(lambda: n_predictions() >= 8, within_s=LONG_S)
        promote_model(workflow=campaign, model=second, why="meanwhile", by=None)
        wait_until(lambda: n_following(second) >= 8, within_s=LONG_S)
        roll_back(workflow=campaign, by=None)
        wait_until(lambda: is_done(first), within_s=LONG_S)
    assert_scored_once(campaign, first)
    assert (
        Prediction.objects.filter(model=second).count()
        == Scoring.objects.get(model=second).n_scored
    )


def test_a_stop_lets_it_end_within_seconds_and_the_next_goes_on(campaign):
    model = make.promoted(campaign)
    with scorer() as asked:
        wait_until(lambda: n_predictions() >= 4, within_s=LONG_S)
        asked.send_signal(signal.SIGTERM)
        assert asked.wait(10) == 0
    assert Batch.objects.get().status == "pending"
    with scorer():
        wait_until(lambda: is_done(model), within_s=LONG_S)
    assert_scored_once(campaign, model)
