"""Scoring: each galaxy gets its campaign's network's word once, whatever happens meanwhile."""

import json
from pathlib import Path

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inference.formats.card import Calibration
from inference.formats.tree import Tree, load_built_in
from inference.vision.preprocess import read_stamp
from inference.vision.session import ALPHA, Session
from tests import make
from webapp.classifications import recount
from webapp.classifications.following import follow_tree
from webapp.common import drain, wake, work
from webapp.consensus.measuring import measure_progress
from webapp.consensus.models import Consensus, Progress, Queue, Retirement
from webapp.predictions import queries, scorer, scoring, services, tasks
from webapp.predictions.models import Batch, Prediction, Scoring
from webapp.registry.promotion import promote_model, roll_back
from webapp.registry.services import model_path
from webapp.subjects import media
from webapp.subjects.models import Subject
from webapp.workflows.services import change_tree

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    workflow = make.workflow()
    galaxies = make.stamped(make.subjects(12))
    make.link(workflow, galaxies[0].subject_set)
    return workflow


def stamp_of(galaxy: Subject) -> Path:
    found = media.source("stamp", galaxy.stamp_sha256)
    assert isinstance(found, Path)
    return found


def galaxies_of(workflow) -> list[Subject]:
    return list(Subject.objects.filter(consensus__workflow=workflow).order_by("pk"))


def priors(workflow) -> list[list[float] | None]:
    rows = Consensus.objects.filter(workflow=workflow).order_by("subject")
    return list(rows.values_list("prior", flat=True))


def scales(key: str, factor: float) -> dict[str, Calibration]:
    return {"calibration": Calibration(scales={key: factor}, set_sha256="0" * 64, n_subjects=100)}


def streams(workflow) -> dict[str, int]:
    counted: dict[str, int] = {}
    for stream in Queue.objects.filter(workflow=workflow).values_list("stream", flat=True):
        counted[stream] = counted.get(stream, 0) + 1
    return counted


def test_every_galaxy_gets_what_the_network_itself_says(campaign):
    model = make.promoted(campaign)
    tasks.score_unscored()
    session = Session.open(model_path(model), gpu="off")
    stamps = [read_stamp(stamp_of(row), session.card.input) for row in galaxies_of(campaign)]
    expected = session.run(np.array(stamps))[ALPHA]
    assert np.allclose(priors(campaign), expected, rtol=1e-4)
    stored = Prediction.objects.filter(model=model).order_by("subject")
    assert np.allclose([row.concentrations for row in stored], expected, rtol=1e-4)
    assert all(row.ignorance >= 0 and not row.error for row in stored)
    assert np.allclose([np.linalg.norm(row.embedding) for row in stored], 1, atol=0.01)
    assert set(Consensus.objects.values_list("prior_model", flat=True)) == {model.pk}
    assert streams(campaign) == {"random": 12, "gain": 12, "ignorance": 12}
    assert not Batch.objects.exists()
    assert list(recount.differences(campaign)) == []


def test_concentrations_are_calibrated_by_the_card():
    workflow = make.workflow()
    make.link(workflow, make.stamped(make.subjects(3))[0].subject_set)
    key = workflow.tree.tree.questions[0].key
    plain = make.promoted(workflow, seed=5)
    tasks.score_unscored()
    before = np.array(priors(workflow))
    halved = make.network(workflow=workflow, seed=5, card=scales(key, 0.5))
    promote_model(workflow=workflow, model=halved, why="calibrated", by=None)
    tasks.score_unscored()
    assert plain.pk != halved.pk
    assert np.allclose(priors(workflow), before / 2, rtol=1e-4)


def test_a_second_run_finds_nothing_to_do(campaign):
    make.promoted(campaign)
    tasks.score_unscored()
    before = list(Prediction.objects.order_by("pk").values_list("pk", "predicted_at"))
    assert scoring.score_all(deadline_s=float("inf")) == 0
    assert list(Prediction.objects.order_by("pk").values_list("pk", "predicted_at")) == before


def test_without_a_network_nothing_happens(campaign):
    tasks.score_unscored()
    assert priors(campaign) == [None] * 12
    assert not Batch.objects.exists()


def test_the_axis_of_the_campaign_is_reached_by_key():
    turned = json.loads(load_built_in("three-class").to_json())
    turned["questions"][0]["answers"].append(turned["questions"][0]["answers"].pop(0))
    workflow = make.workflow()
    make.link(workflow, make.stamped(make.subjects(4))[0].subject_set)
    model = make.network(tree=Tree.parse(turned))
    promote_model(workflow=workflow, model=model, why="turned", by=None)
    tasks.score_unscored()
    stored = [row.concentrations for row in Prediction.objects.order_by("subject")]
    assert np.allclose(priors(workflow), np.roll(stored, 1, axis=1), rtol=1e-5)


def test_a_picture_that_cannot_be_read_is_said_and_not_tried_again(campaign):
    bad = galaxies_of(campaign)[3]
    bad.stamp_sha256 = media.store_public("stamp", b"no picture")
    bad.save()
    model = make.promoted(campaign)
    tasks.score_unscored()
    row = Prediction.objects.get(subject=bad)
    assert row.error
    assert row.concentrations is None is row.embedding
    known = Consensus.objects.get(subject=bad)
    assert (known.prior, known.prior_model) == (None, model)
    assert "ignorance" not in Queue.objects.filter(subject=bad).values_list("stream", flat=True)
    assert scoring.score_all(deadline_s=float("inf")) == 0
    assert Scoring.objects.get(model=model).n_refused == 1


def test_a_disk_that_is_not_mounted_says_nothing_of_the_pictures(campaign, settings, tmp_path):
    make.promoted(campaign)
    settings.MEDIA_ROOT = tmp_path / "nowhere"
    tasks.score_unscored()
    assert not Prediction.objects.exists()
    assert "mount it" in Batch.objects.get().error


def test_promoting_another_moves_the_pointer_and_the_rest_follows(campaign):
    first = make.promoted(campaign)
    tasks.score_unscored()
    old = priors(campaign)
    second = make.promoted(campaign)
    assert priors(campaign) == old  # the old ones serve until then
    tasks.score_unscored()
    assert not np.allclose(priors(campaign), old)
    assert Prediction.objects.filter(model=first).count() == 12
    assert Prediction.objects.filter(model=second).count() == 12


def test_after_a_rollback_only_the_priors_follow(campaign, monkeypatch):
    make.promoted(campaign)
    tasks.score_unscored()
    old = priors(campaign)
    make.promoted(campaign)
    tasks.score_unscored()
    n_predictions = Prediction.objects.count()
    roll_back(workflow=campaign, by=None)
    monkeypatch.setattr(scorer, "session_for", lambda _: pytest.fail("nothing is to be predicted"))
    tasks.score_unscored()
    assert np.allclose(priors(campaign), old, rtol=1e-6)
    assert Prediction.objects.count() == n_predictions


def test_promotion_during_a_job_leaves_each_row_its_own_model(campaign, monkeypatch):
    """F22."""
    first = make.promoted(campaign)
    second = make.network(workflow=campaign)
    store = services.store_predictions

    def meanwhile(**given):
        store(**given)
        promote_model(workflow=campaign, model=second, why="meanwhile", by=None)

    monkeypatch.setattr(services, "store_predictions", meanwhile)
    services.plan_batch()
    work.run(work.claim_next(Batch), scoring.score_batch)
    assert set(Prediction.objects.values_list("model", flat=True)) == {first.pk}
    assert priors(campaign) == [None] * 12
    monkeypatch.setattr(services, "store_predictions", store)
    tasks.score_unscored()
    assert set(Consensus.objects.values_list("prior_model", flat=True)) == {second.pk}
    assert Prediction.objects.filter(model=second).count() == 12


def test_what_was_stored_before_a_kill_is_not_predicted_again(campaign, monkeypatch):
    make.promoted(campaign)
    monkeypatch.setattr(scoring, "CHUNK", 4)
    monkeypatch.setattr(scoring, "AT_ONCE", 4)
    services.plan_batch()
    batch = work.claim_next(Batch)
    store = scoring._Chunk.store
    stored: list[object] = []

    def killed(chunk):
        if len(stored) == 2:
            raise KeyboardInterrupt  # no exception that anybody handles, as a kill is none
        store(chunk)
        stored.append(chunk)

    monkeypatch.setattr(scoring._Chunk, "store", killed)
    with pytest.raises(KeyboardInterrupt):
        scoring.score_batch(batch)
    assert Prediction.objects.count() == 8
    monkeypatch.setattr(scoring._Chunk, "store", store)
    Batch.objects.update(lease_expires_at="2020-01-01T00:00Z")
    tasks.score_unscored()
    assert Prediction.objects.count() == 12
    assert Scoring.objects.get().n_scored == 12
    assert None not in priors(campaign)


def test_a_worker_that_was_overtaken_cannot_store(campaign):
    make.promoted(campaign)
    services.plan_batch()
    slow = work.claim_next(Batch)
    Batch.objects.update(token=99)
    with pytest.raises(work.LeaseLost):
        scoring.score_batch(slow)
    assert not Prediction.objects.exists()
    assert priors(campaign) == [None] * 12


def test_no_galaxy_is_in_two_batches(campaign, monkeypatch):
    make.promoted(campaign)
    monkeypatch.setattr(services, "BATCH", 5)
    planned = [services.plan_batch() for _ in range(4)]
    ids = [pk for batch in planned if batch for pk in batch.subject_ids]
    assert sorted(ids) == [galaxy.pk for galaxy in galaxies_of(campaign)]
    assert planned[3] is None


def test_open_galaxies_come_first(campaign, monkeypatch):
    make.promoted(campaign)
    some = galaxies_of(campaign)[:5]
    for _ in range(3):
        person = make.visitor()
        for galaxy in some:
            make.classification(person, campaign, galaxy)
    monkeypatch.setattr(services, "BATCH", 7)
    assert not set(services.plan_batch().subject_ids) & {galaxy.pk for galaxy in some}
    assert set(services.plan_batch().subject_ids) == {galaxy.pk for galaxy in some}


def test_a_stop_puts_the_batch_back(campaign, monkeypatch):
    make.promoted(campaign)
    monkeypatch.setattr(scoring, "CHUNK", 4)
    monkeypatch.setattr(scoring, "AT_ONCE", 4)
    services.plan_batch()
    batch = work.claim_next(Batch)
    work.run(batch, scoring.score_batch, deadline_s=0)
    assert Prediction.objects.count() == 4
    assert Batch.objects.get().status == "pending"
    drain.ask()
    try:
        assert scoring.score_all(deadline_s=float("inf")) == 0
    finally:
        drain.forget()
    tasks.score_unscored()
    assert Prediction.objects.count() == 12


def test_a_model_that_does_not_load_fails_a_few_batches_and_no_more(campaign, monkeypatch):
    model = make.promoted(campaign)
    model_path(model).unlink()
    monkeypatch.setattr(services, "BATCH", 2)
    tasks.score_unscored()
    assert list(Batch.objects.values_list("status", flat=True)) == ["failed"] * 3
    assert "does not run here" in queries.pace(campaign).failed.error
    assert "Traceback" in Batch.objects.first().traceback


def test_retry_goes_on_after_the_cause_is_gone(campaign):
    model = make.promoted(campaign)
    content = model_path(model).read_bytes()
    model_path(model).unlink()
    tasks.score_unscored()
    model_path(model).write_bytes(content)
    assert services.retry_batches(workflow=campaign) == 1
    tasks.score_unscored()
    assert Prediction.objects.count() == 12


def test_a_galaxy_that_is_sure_by_its_prior_retires_and_opens_again_without():
    rule = {"format": 2, "votes": 40, "artifact": None} | {
        "certainty": {"probability": 0.9, "votes": 1}
    }
    workflow = make.workflow(rule=rule)
    make.link(workflow, make.stamped(make.subjects(2))[0].subject_set)
    dark, bright = galaxies_of(workflow)
    for galaxy in (dark, bright):
        make.classification(make.visitor(), workflow, galaxy, [0])
    assert not Consensus.objects.filter(retired_at__isnull=False).exists()
    make.promoted(workflow, seed=1)
    tasks.score_unscored()
    known = Consensus.objects.get(subject=bright)
    assert (known.retired_reason, known.n_classifications) == ("certain", 1)
    assert not Queue.objects.filter(subject=bright).exists()
    key = workflow.tree.tree.questions[0].key
    vague = make.network(workflow=workflow, seed=1, card=scales(key, 0.02))
    promote_model(workflow=workflow, model=vague, why="vague", by=None)
    tasks.score_unscored()
    assert Consensus.objects.get(subject=bright).retired_at is None
    assert Retirement.objects.filter(subject=bright, words__startswith="a network's word").exists()
    waits = Queue.objects.filter(subject=bright).values_list("stream", flat=True)
    assert sorted(waits) == ["gain", "ignorance", "random"]
    assert list(recount.differences(workflow)) == []


def test_progress_says_how_far_and_how_fast(campaign):
    assert queries.pace(campaign) is None
    make.promoted(campaign)
    measure_progress(campaign, is_rationed=False)
    pace = queries.pace(campaign)
    assert (pace.n_scored, pace.n_scorable, pace.is_done, pace.per_s) == (0, 12, False, None)
    tasks.score_unscored()
    measure_progress(campaign, is_rationed=False)
    pace = queries.pace(campaign)
    assert (pace.n_scored, pace.n_scorable, pace.is_done) == (12, 12, True)
    assert pace.provider == "CPUExecutionProvider"
    assert Scoring.objects.get().per_s > 0
    assert Progress.objects.get(workflow=campaign).n_subjects == 12


def test_no_row_is_locked_while_pictures_are_read(campaign, monkeypatch):
    """Somebody else can lock every tally while the network runs."""
    make.promoted(campaign)
    seen = []
    real = scorer.said

    def watched(*given):
        seen.append(connection.in_atomic_block and len(connection.savepoint_ids))
        return real(*given)

    monkeypatch.setattr(scorer, "said", watched)
    depth = len(connection.savepoint_ids)
    tasks.score_unscored()
    assert seen == [depth]


def test_planning_does_not_read_what_is_scored(campaign):
    make.promoted(campaign)
    tasks.score_unscored()
    with CaptureQueriesContext(connection) as said:
        assert services.plan_batch() is None
    assert len(said) < 12


def sent_by(action, monkeypatch, capture) -> list[str]:
    """The tasks that are called when what somebody does has been committed."""
    calls: list[str] = []
    monkeypatch.setattr(wake, "_send", calls.append)
    with capture(execute=True):
        action()
    return calls


def test_admission_and_promotion_wake_the_scorer(
    campaign, monkeypatch, django_capture_on_commit_callbacks
):
    task = "webapp.predictions.tasks.score_unscored"
    capture = django_capture_on_commit_callbacks
    assert task in sent_by(lambda: make.promoted(campaign), monkeypatch, capture)
    make.subjects(1, campaign.subject_sets.get())
    assert task in sent_by(lambda: make.link_again(campaign), monkeypatch, capture)


def test_another_axis_takes_the_priors_away_and_scoring_brings_them_back(campaign):
    model = make.promoted(campaign)
    tasks.score_unscored()
    before = np.array(priors(campaign))
    turned = json.loads(campaign.tree.document)
    turned["questions"][0]["answers"].append(turned["questions"][0]["answers"].pop(0))
    alice, was = make.user(), campaign.tree
    change_tree(
        workflow=campaign, tree=make.tree_version(Tree.parse(turned)), by=alice, confirmed=was
    )
    campaign.refresh_from_db()
    assert services.plan_batch() is None  # they wait to follow the tree first
    follow_tree(campaign)
    assert priors(campaign) == [None] * 12
    assert streams(campaign) == {"random": 12, "gain": 12}
    tasks.score_unscored()
    assert np.allclose(priors(campaign), np.roll(before, -1, axis=1), rtol=1e-6)
    assert Prediction.objects.filter(model=model).count() == 12
