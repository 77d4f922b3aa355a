"""The way of a network: votes, a run directory, a real training, a candidate, its promotion."""

import re
import time

import pytest
from django.core.files.storage import storages
from django.urls import reverse

from tests import make
from tests.webapp.retraining import campaigns
from tests.webapp.retraining.trainer import needed, trainer, work_until
from webapp.accounts.models import Role
from webapp.common.models import AuditEntry
from webapp.registry import queries as registry
from webapp.registry.models import Source
from webapp.retraining import tasks
from webapp.retraining.folders import folder_of
from webapp.retraining.models import Plan, TrainingRun
from webapp.retraining.writing import DRAFTS
from webapp.subjects.models import Subject

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.processes]


@pytest.fixture
def campaign(campaign_folders, client):
    """150 galaxies with two answers each, and their owner at the pages."""
    alice = make.user("alice", Role.SCIENTIST)
    client.force_login(alice)
    workflow = campaigns.answered(150)
    workflow.owners.add(alice)
    Plan.objects.create(workflow=workflow, config_name="smoke")
    return workflow


def address(name, workflow, *rest):
    return reverse(f"dashboard:{name}", args=[workflow.slug, *rest])


def text(page):
    return re.sub(r"\s+", " ", page.content.decode().replace("&#x27;", "'"))


def retrained(client, campaign):
    """Press Retrain and wait for the end; return the run."""
    pressed = client.post(address("retrain", campaign))
    run = TrainingRun.objects.latest("pk")
    assert pressed.headers["Location"] == address("run", campaign, run.pk)
    work_until(lambda: not TrainingRun.objects.get(pk=run.pk).is_open)
    run.refresh_from_db()
    assert run.status == "done", f"{run.error}\n{run.traceback}\n{run.log_tail}"
    return run


@needed
def test_votes_become_a_candidate_that_is_promoted_and_rolled_back(campaign, client, tmp_path):
    with trainer(tmp_path / "runs"):
        first = retrained(client, campaign)
        check_first(first, text(client.get(address("run", campaign, first.pk))))
        why = {"why": "The first model of this campaign."}
        client.post(address("promote", campaign, first.model.pk), why)
        assert registry.active_model(campaign) == first.model

        # The same again: refused, until the crowd has said more.
        refused = client.post(address("retrain", campaign))
        assert refused.status_code == 422
        assert "0 classifications count since the last run, and 50 are asked for" in text(refused)
        again = [(subject, number % 3) for number, subject in enumerate(subjects_of(campaign))]
        campaigns.answer_all(campaign, again)
        second = retrained(client, campaign)

    assert not (tmp_path / "runs" / DRAFTS / first.folder).exists()
    assert second.n_classifications == 450
    page = check_comparison(client, campaign, first, second)
    check_promotion(client, campaign, first, second, page)


def check_first(run, page):
    for words in (
        "300 classifications of 150 galaxies", "Loss by epoch", "processor, ", "Wh", run.folder,
        "Training on processor", "No model was in use that could be compared with it.",
    ):  # fmt: skip
        assert words in page, words
    assert [row["epoch"] for row in run.metrics] == list(range(1, 9))
    assert (run.n_done, run.n_total) == (8, 8)
    assert sum(run.parts.values()) == 150
    model = run.model
    assert (model.source, model.registered_by.username) == (Source.RUN, "alice")
    assert model.lineage["catalog_sha256"] == run.catalog_sha256
    assert model.lineage["code_sha256"]
    assert "300 classifications of 150 galaxies" in model.card["training_data"]
    assert run.comparison.is_repeatable
    assert run.comparison.n_subjects == run.parts["test"]


def check_comparison(client, campaign, first, second):
    compared = second.comparison
    assert (second.parent, compared.champion) == (first.model, first.model)
    assert second.model != first.model
    assert compared.figures["nll"]["n"] == compared.n_subjects
    page = text(client.get(address("comparison", campaign, second.pk)))
    assert compared.words in page
    assert f"{second.model.name} beside {first.model.name}" in page
    return page


def check_promotion(client, campaign, first, second, page):
    """The comparison's own words are the reason, so promoting is one click; so is going back."""
    form = dict(re.findall(r'name="(why)" value="([^"]*)"', page))
    started = time.monotonic()
    client.post(address("promote", campaign, second.model.pk), form)
    assert registry.active_model(campaign) == second.model
    client.post(address("roll_back", campaign))
    assert time.monotonic() - started < 5
    assert registry.active_model(campaign) == first.model
    entries = AuditEntry.objects.filter(action__in=["start_run", "promote_model"]).order_by("pk")
    assert [entry.action for entry in entries] == [
        "start_run", "promote_model", "start_run", "promote_model", "promote_model",
    ]  # fmt: skip
    assert entries[3].reason == second.comparison.words
    shown = text(client.get(address("model", campaign, second.model.pk)))
    assert address("run", campaign, second.pk) in shown


def subjects_of(campaign):
    return list(Subject.objects.filter(subject_set__workflows=campaign).order_by("pk"))


def test_the_run_directory_is_what_the_formats_say(campaign, client, tmp_path):
    client.post(address("retrain", campaign))
    tasks.work_on_runs()
    run = TrainingRun.objects.get()
    assert (run.status, run.phase, run.lease_expires_at) == ("running", "train", None)

    folder = folder_of(run)
    request, catalog = folder.read_request(), folder.read_catalog()
    assert len(catalog) == 150
    assert catalog.votes.sum() == catalog.asked.sum() == 300
    assert set(catalog.groups) == set(Subject.objects.values_list("survey_id", flat=True))
    assert len(folder.open_stamps(request.input, 150)) == 150
    assert (request.catalog_sha256, request.stamps_sha256) == (
        run.catalog_sha256, run.stamps_sha256,
    )  # fmt: skip
    assert storages["default"].exists(catalog.pictures[0])
    tasks.watch_runs()
    page = text(client.get(address("run", campaign, run.pk)))
    assert "no trainer has taken it yet" in page
    assert str(tmp_path / "runs") in page
