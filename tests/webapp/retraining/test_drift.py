"""Drift of a campaign: which galaxies are compared, and what its owner reads."""

from datetime import timedelta

import numpy as np
import pytest
from django.urls import reverse

from inference.errors import EvidenceRefused
from tests import make
from webapp.registry.promotion import promote_model
from webapp.retraining import drift
from webapp.retraining.models import DriftReport, TrainingRun
from webapp.subjects.models import Subject

pytestmark = pytest.mark.django_db


def embeddings(n, toward, seed=0):
    rows = 0.3 * np.random.default_rng(seed).standard_normal((n, 8))
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
    assert "The 200 newest galaxies look different from the 300" in html
    assert 'class="alert alert-bad"' in html
    again = drift.store_drift(
        workflow=campaign, model=model, reference=embeddings(300, 0), new=embeddings(200, 0, 1)
    )
    assert not again.has_drifted
    assert DriftReport.objects.count() == 1
    assert "look like the 300" in client.get(page).content.decode()


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
