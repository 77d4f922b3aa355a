"""Bots and random clickers: slowed, raised, outweighed, and taken back if an owner says so."""

import random
import uuid

import numpy as np
import pytest

from tests import make
from webapp.classifications import exclusion, recount, reweigh
from webapp.classifications.models import Classification, Skill, Standing, Suspicion
from webapp.common import work
from webapp.consensus.models import Consensus

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
N_GALAXIES, N_PEOPLE, N_FAKES = 40, 9, 12


def form(person, workflow) -> dict[str, str]:
    shown = make.shown(person, workflow)
    return {"uuid": str(uuid.uuid4()), "shown": shown.sign(), "path": "0"}


def seated(client):
    """Give a client a browser and return who that is to the site."""
    client.get("/c/bots/classify/")
    browser = uuid.UUID(client.cookies["browser"].value.strip('"').split(":")[0])
    return make.Identity(user=None, browser=browser)


def test_a_bot_is_slowed_and_raised_and_nobody_else_notices(client, settings):
    settings.ANSWERS_PER_MINUTE = 5
    workflow = make.workflow(n_subjects=30)
    type(workflow).objects.filter(pk=workflow.pk).update(slug="bots")
    bot, person = seated(client), make.visitor()

    answers = [client.post("/c/bots/submit/", form(bot, workflow), headers=HTMX) for _ in range(8)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    for answer in answers[5:]:
        assert 0 < int(answer.headers["Retry-After"]) <= 60
        assert "More than 5 answers a minute" in answer.content.decode()
    assert Classification.objects.count() == 5
    (raised,) = Suspicion.objects.all()
    assert raised.volunteer.uuid == bot.holder
    assert raised.words == "Sent more than 5 answers in a minute."
    assert raised.status == "open"

    shown = make.shown(person, workflow)
    made = make.classification(person, workflow, make.Subject.objects.get(pk=shown.subject_id))
    assert made.state == Standing.State.COUNTED


def test_a_bots_answer_is_taken_a_minute_later(client, settings):
    settings.ANSWERS_PER_MINUTE = 1
    workflow = make.workflow(n_subjects=3)
    type(workflow).objects.filter(pk=workflow.pk).update(slug="bots")
    bot = seated(client)
    sent = form(bot, workflow)
    client.post("/c/bots/submit/", sent, headers=HTMX)
    again = form(bot, workflow)
    assert client.post("/c/bots/submit/", again, headers=HTMX).status_code == 429

    settings.ANSWERS_PER_MINUTE = 2
    assert client.post("/c/bots/submit/", again, headers=HTMX).status_code == 200
    assert Classification.objects.count() == 2


@pytest.fixture
def flooded():
    """A campaign in which most accounts are fakes that answer at random."""
    chance = random.Random(3)
    workflow = make.workflow(
        n_subjects=N_GALAXIES, rule={"format": 1, "votes": N_PEOPLE + N_FAKES, "artifact": None}
    )
    galaxies = list(workflow.subject_sets.get().subjects.order_by("pk"))
    truth = {galaxy.pk: number % 3 for number, galaxy in enumerate(galaxies)}
    people = [make.visitor() for _ in range(N_PEOPLE)]
    fakes = [make.visitor() for _ in range(N_FAKES)]
    for galaxy in galaxies:
        for person in people:
            sees = chance.random() < 0.85
            said = truth[galaxy.pk] if sees else chance.randrange(3)
            make.classification(person, workflow, galaxy, [said])
        for fake in fakes:
            make.classification(fake, workflow, galaxy, [chance.randrange(3)])
    weighed = work.claim(reweigh.start_reweighing(workflow=workflow))
    work.run(weighed, reweigh.run_reweighing)
    return workflow, truth, people, fakes


def test_fake_accounts_are_raised_and_outweighed_though_they_are_the_majority(flooded):
    workflow, truth, people, fakes = flooded
    of = {row.volunteer_id: row.weight for row in Skill.objects.all()}
    weights = [[of[make.volunteer(one).pk] for one in group] for group in (people, fakes)]
    assert min(weights[0]) > 0.75
    assert np.median(weights[1]) < 0.25

    raised = set(Suspicion.objects.values_list("volunteer", flat=True))
    are_fakes = {make.volunteer(one).pk for one in fakes}
    assert raised <= are_fakes
    assert len(raised) >= 0.75 * N_FAKES

    rows = list(Consensus.objects.filter(workflow=workflow))
    right = [int(np.argmax(row.weighted)) == truth[row.subject_id] for row in rows]
    assert all(right)
    # Without weights the fakes' share of every galaxy's votes is what they are of the crowd.
    raw = np.mean([row.votes[truth[row.subject_id]] / row.n_classifications for row in rows])
    weighted = np.mean([row.weighted[truth[row.subject_id]] / sum(row.weighted) for row in rows])
    assert raw < 0.65
    assert weighted > 0.8
    assert list(recount.differences(workflow)) == []


def test_what_fakes_had_retired_opens_once_they_are_excluded(flooded):
    workflow, *_ = flooded
    owner = make.user()
    assert not Consensus.objects.filter(retired_at__isnull=True).exists()
    for raised in Suspicion.objects.select_related("volunteer"):
        exclusion.exclude_volunteer(
            workflow=workflow, volunteer=raised.volunteer, by=owner, reason="random answers"
        )
    exclusion.apply_decisions()
    assert not Consensus.objects.filter(retired_at__isnull=False).exists()
    assert list(recount.differences(workflow)) == []
