"""Drift of a campaign: which galaxies are compared, and what its owner reads."""

from datetime import timedelta

import numpy as np
import pytest
from django.urls import reverse

from inference.errors import EvidenceRefused
from inference.formats.card import EMBEDDING_SIZE
from tests import make
from webapp.predictions.models import Prediction, Space
from webapp.registry.promotion import promote_model
from webapp.retraining import drift, tasks
from webapp.retraining.models import DriftReport, TrainingRun
from webapp.subjects.models import Subject

pytestmark = pytest.mark.django_db


def embeddings(n, toward, seed=0, size=8):
    rows = 0.3 * np.random.default_rng(seed).standard_normal((n, size))
    rows[:, toward] += 1
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


@pytest.fixture
def model(campaign, training):
    """The model in use, made by a run of this campaign."""
    made = make.model(workflow=campaign)
    TrainingRun.objects.filter(pk=training.pk).update(status="done", model=made)
    promote_model(workflow=campaign, model=made, why="The first.", by=None)
    return made


def test_galaxies_are_told_apart_by_when_the_votes_were_read(campaign, model):
    run = TrainingRun.objects.get()
    late = Subject.objects.order_by("pk").last()
    Subject.objects.filter(pk=late.pk).update(created_at=run.snapshot_at + timedelta(seconds=1))
    Subject.objects.exclude(pk=late.pk).update(created_at=run.snapshot_at)
    make.subjects(3)  # of a set that this campaign does not ask about
    seen, new = drift.sides(campaign, model)
    assert (seen.count(), list(new)) == (59, [late])


def test_a_model_from_elsewhere_has_no_sides(campaign):
    assert drift.sides(campaign, make.model(workflow=campaign)) is None


def test_a_drift_is_shown_to_the_owner_with_its_figure(campaign, model, alice, client):
    client.force_login(alice)
    page = reverse("dashboard:runs", args=[campaign.slug])
    assert "New galaxies" not in client.get(page).content.decode()
    drift.store_drift(
        workflow=campaign, model=model, reference=embeddings(300, 0), new=embeddings(200, 1, 1)
    )
    html = client.get(page).content.decode()
    assert "The 200 newest galaxies look different from 300 of those" in html
    assert 'class="alert alert-bad"' in html
    again = drift.store_drift(
        workflow=campaign, model=model, reference=embeddings(300, 0), new=embeddings(200, 0, 1)
    )
    assert not again.has_drifted
    assert DriftReport.objects.count() == 1
    assert "look like 300 of those" in client.get(page).content.decode()


def test_what_was_said_of_another_model_is_shown_no_more(campaign, model):
    drift.store_drift(
        workflow=campaign, model=model, reference=embeddings(300, 0), new=embeddings(200, 1)
    )
    other = make.model(workflow=campaign)
    promote_model(workflow=campaign, model=other, why="Another.", by=None)
    assert drift.report_of(campaign) is None


def test_what_is_no_embedding_leaves_the_last_report(campaign, model):
    given = {"workflow": campaign, "model": model, "reference": embeddings(300, 0)}
    first = drift.store_drift(**given, new=embeddings(200, 1))
    with pytest.raises(EvidenceRefused):
        drift.store_drift(**given, new=2 * embeddings(200, 1))
    assert DriftReport.objects.get() == first


def looked_at(model, subjects, toward):
    """The model has seen galaxies, and nothing waits for it."""
    seen = embeddings(len(subjects), toward, toward, EMBEDDING_SIZE)
    n_answers = model.tree.n_answers
    rows = [
        Prediction(
            model=model,
            subject=subject,
            concentrations=[1.0] * n_answers,
            ignorance=0.1,
            embedding=row,
        )
        for subject, row in zip(subjects, seen, strict=True)
    ]
    newest = Prediction.objects.bulk_create(rows)[-1].pk
    Space.objects.update_or_create(
        model=model, defaults={"last_prediction_id": newest, "status": "done"}
    )


def newcomers(campaign, model, toward):
    """60 galaxies that came after the votes were read, and the 60 from before."""
    snapshot_at = TrainingRun.objects.get().snapshot_at
    Subject.objects.update(created_at=snapshot_at)
    old = list(Subject.objects.order_by("pk"))
    new = make.subjects(60, old[0].subject_set)
    looked_at(model, old, 0)
    looked_at(model, new, toward)
    return new


def test_galaxies_unlike_those_trained_on_are_announced_on_the_campaign_page(
    campaign, model, alice, client
):
    newcomers(campaign, model, toward=1)
    tasks.measure_drifts()
    report = drift.report_of(campaign)
    assert (report.has_drifted, report.n_reference, report.n_new) == (True, 60, 60)
    client.force_login(alice)
    html = client.get(reverse("dashboard:campaign", args=[campaign.slug])).content.decode()
    assert report.words.replace("'", "&#x27;") in html
    assert f"distance {report.distance:.3f} of 1" in report.words


def test_galaxies_like_those_trained_on_are_not_announced(campaign, model, alice, client):
    newcomers(campaign, model, toward=0)
    tasks.measure_drifts()
    assert not drift.report_of(campaign).has_drifted
    client.force_login(alice)
    html = client.get(reverse("dashboard:campaign", args=[campaign.slug])).content.decode()
    assert "newest galaxies" not in html


def test_drift_is_measured_again_only_after_new_predictions(campaign, model):
    new = newcomers(campaign, model, toward=0)
    assert drift.measure_drifts() == 1
    assert drift.measure_drifts() == 0
    looked_at(model, make.subjects(10, new[0].subject_set), 1)
    Space.objects.update(status="pending")
    assert drift.measure_drifts() == 0  # some galaxies are yet to be compared
    Space.objects.update(status="done")
    assert drift.measure_drifts() == 1
    assert drift.report_of(campaign).n_new == 70
