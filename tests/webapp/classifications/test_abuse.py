"""Bots and random clickers: slowed, raised, outweighed, and taken out if an owner says so."""

import random
import time
import uuid

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests import make
from webapp.accounts.identity import Identity
from webapp.accounts.models import Volunteer
from webapp.classifications import exclusion, recount, reweigh, waits
from webapp.classifications.models import Classification, Skill, Standing, Suspicion
from webapp.classifications.services import PACE_WAIT_S
from webapp.common import work
from webapp.consensus.models import Consensus
from webapp.workflows.models import Workflow

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
N_GALAXIES, N_PEOPLE, N_FAKES, N_UNSEEN = 300, 9, 12, 50


# One bot that sends as fast as it can


@pytest.fixture
def campaign():
    workflow = make.workflow(n_subjects=30)
    Workflow.objects.filter(pk=workflow.pk).update(slug="bots")
    workflow.refresh_from_db()
    return workflow


def form(person: Identity, workflow: Workflow) -> dict[str, str]:
    shown = make.shown(person, workflow)
    return {"uuid": str(uuid.uuid4()), "shown": shown.sign(), "path": "0"}


def seated(client) -> Identity:
    """Give a client a browser id, and return who that is to the site."""
    client.get("/c/bots/classify/")
    browser = client.cookies["browser"].value.strip('"').split(":")[0]
    return Identity(user=None, browser=uuid.UUID(browser))


def test_a_bot_is_slowed_and_raised_and_nobody_else_notices(client, campaign, settings):
    settings.ANSWERS_PER_MINUTE = 5
    bot, person = seated(client), make.visitor()

    answers = [client.post("/c/bots/submit/", form(bot, campaign), headers=HTMX) for _ in range(8)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    for answer in answers[5:]:
        assert 0 < int(answer.headers["Retry-After"]) <= 60
        assert "More than 5 answers a minute" in answer.content.decode()
    assert Classification.objects.count() == 5
    (raised,) = Suspicion.objects.all()
    assert raised.volunteer.uuid == bot.holder
    assert raised.words == "Sent more than 5 answers in a minute."
    assert raised.status == "open"

    shown = make.shown(person, campaign)
    galaxy = campaign.subject_sets.get().subjects.get(pk=shown.subject_id)
    assert make.classification(person, campaign, galaxy).state == Standing.State.COUNTED


def test_what_came_too_fast_can_be_sent_again(client, campaign, settings, monkeypatch):
    settings.ANSWERS_PER_MINUTE = 1
    bot = seated(client)
    client.post("/c/bots/submit/", form(bot, campaign), headers=HTMX)
    again = form(bot, campaign)
    assert client.post("/c/bots/submit/", again, headers=HTMX).status_code == 429

    settings.ANSWERS_PER_MINUTE = 2
    monkeypatch.setattr(waits, "now_s", lambda: time.monotonic() + PACE_WAIT_S)
    assert client.post("/c/bots/submit/", again, headers=HTMX).status_code == 200
    assert Classification.objects.count() == 2


def test_who_was_told_to_wait_is_refused_without_the_database(client, campaign, settings):
    settings.ANSWERS_PER_MINUTE = 1
    bot = seated(client)
    client.post("/c/bots/submit/", form(bot, campaign), headers=HTMX)
    again = form(bot, campaign)
    assert client.post("/c/bots/submit/", again, headers=HTMX).status_code == 429

    with CaptureQueriesContext(connection) as queries:
        refused = client.post("/c/bots/submit/", again, headers=HTMX)
    assert refused.status_code == 429
    assert queries.captured_queries == []
    assert f"Send it again in {refused.headers['Retry-After']} seconds" in refused.content.decode()
    assert Client().post("/c/bots/submit/", again, headers=HTMX).status_code == 422  # no bot's


@pytest.mark.parametrize("view", ["submit", "queue"])
def test_a_visitor_who_was_told_to_wait_is_refused_before_anything_is_looked_at(
    client, campaign, settings, monkeypatch, view
):
    settings.ANSWERS_PER_MINUTE = 1
    bot, address = seated(client), reverse(f"classifications:{view}", args=["bots"])
    client.post(address, form(bot, campaign))
    assert client.post(address, form(bot, campaign)).status_code == 429

    monkeypatch.setattr(waits, "identity_of", None)  # what views ask
    refused = client.post(address, form(bot, campaign))
    assert refused.status_code == 429
    assert refused.headers["Content-Length"] == str(len(refused.content))
    assert client.get("/c/bots/").status_code == 200


def test_only_so_many_who_wait_are_remembered(monkeypatch):
    monkeypatch.setattr(waits, "MOST", 2)
    remembered, people = waits.Waits(), [uuid.uuid4() for _ in range(4)]
    for person, wait_s in zip(people, (0, 60, 60, 60), strict=True):
        remembered.note(person, wait_s)
    assert [remembered.left_s(person) for person in people] == [0, 60, 60, 0]


# Many fake accounts


def crowd(count: int) -> list[Volunteer]:
    return Volunteer.objects.bulk_create(Volunteer(uuid=uuid.uuid4()) for _ in range(count))


def answers_of(workflow: Workflow, said: dict[tuple[int, int], int]) -> None:
    """Store what each volunteer said of each galaxy, by their ids, and count it."""
    now = timezone.now()
    given = [
        Classification(
            uuid=uuid.uuid4(), workflow=workflow, subject_id=subject, volunteer_id=volunteer,
            tree=workflow.tree, path=[answer], stream="random", shown_at=now,
        )
        for (volunteer, subject), answer in said.items()
    ]  # fmt: skip
    standings = [
        Standing(
            workflow=workflow, subject_id=row.subject_id, volunteer_id=row.volunteer_id,
            classification=row, state=Standing.State.COUNTED,
        )
        for row in Classification.objects.bulk_create(given, batch_size=2000)
    ]  # fmt: skip
    Standing.objects.bulk_create(standings, batch_size=2000)
    list(recount.differences(workflow, repair=True))


@pytest.fixture
def flooded():
    """A campaign most of whose accounts are fakes; a sixth of it nobody else has seen yet."""
    chance = random.Random(3)
    certainty = {"questions": ["shape"], "probability": 0.9, "votes": 5}
    workflow = make.workflow(
        n_subjects=N_GALAXIES,
        rule={"format": 2, "votes": 100, "certainty": certainty, "artifact": None},
    )
    subjects = list(
        workflow.subject_sets.get().subjects.order_by("pk").values_list("pk", flat=True)
    )
    truth = {subject: number % 3 for number, subject in enumerate(subjects)}
    people = [volunteer.pk for volunteer in crowd(N_PEOPLE)]
    fakes = [volunteer.pk for volunteer in crowd(N_FAKES)]
    said = {
        (person, subject): truth[subject] if chance.random() < 0.85 else chance.randrange(3)
        for subject in subjects[N_UNSEEN:]
        for person in people
    }
    said |= {(fake, subject): chance.randrange(3) for subject in truth for fake in fakes}
    answers_of(workflow, said)
    return workflow, truth, people, fakes


def weigh(workflow: Workflow) -> None:
    row = work.claim(reweigh.start_reweighing(workflow=workflow))
    assert row
    work.run(row, reweigh.run_reweighing)
    row.refresh_from_db()
    assert row.status == "done", row.traceback


def n_wrong(truth: dict[int, int]) -> int:
    """How many galaxies have retired under another answer than the true one."""
    rows = Consensus.objects.filter(retired_at__isnull=False)
    return sum(np.argmax(row.weighted) != truth[row.subject_id] for row in rows)


def n_retired(subject_ids: list[int]) -> int:
    rows = Consensus.objects.filter(subject__in=subject_ids, retired_at__isnull=False)
    return rows.count()


def test_fakes_in_the_majority_are_raised_and_fool_no_retirement(flooded):
    workflow, truth, people, fakes = flooded
    unseen, seen = list(truth)[:N_UNSEEN], list(truth)[N_UNSEEN:]
    assert n_retired(unseen) > 0  # by chance the fakes were of one mind
    assert n_wrong(truth) > 0

    weigh(workflow)

    weights = dict(Skill.objects.values_list("volunteer", "weight"))
    assert min(weights[pk] for pk in people) > 0.9
    assert max(weights[pk] for pk in fakes) < 0.35
    raised = set(Suspicion.objects.values_list("volunteer", flat=True))
    assert raised <= set(fakes)
    assert len(raised) >= 0.75 * N_FAKES
    assert n_retired(unseen) == 0
    assert n_wrong(truth) == 0
    assert n_retired(seen) > 0.8 * len(seen)
    assert list(recount.differences(workflow)) == []

    owner, excluded = make.user(), 3
    for one in Suspicion.objects.select_related("volunteer")[:excluded]:
        exclusion.exclude_volunteer(
            workflow=workflow, volunteer=one.volunteer, by=owner, reason="bot"
        )
    exclusion.apply_decisions()
    left = Consensus.objects.filter(subject__in=unseen).values_list("n_classifications", flat=True)
    assert set(left) == {N_FAKES - excluded}
    assert list(recount.differences(workflow)) == []
