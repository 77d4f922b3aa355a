"""A classification from the first page to the tally, the retirement and the recount."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client

from inference.formats.tree import load_built_in
from tests import make
from webapp.classifications.models import Classification, Handout, Standing
from webapp.consensus.models import Consensus, Progress, Queue
from webapp.consensus.tasks import measure_progress

pytestmark = pytest.mark.django_db(transaction=True)
STATEMENTS_AT_MOST = 12
HTMX = {"HX-Request": "true"}
SMOOTH = (0, 0, 1)  # smooth, completely round, nothing odd: buttons of the Galaxy Zoo 2 tree


@pytest.fixture
def campaign(monkeypatch):
    """Four galaxies, each done with three answers.

    The search for the next one begins at the queue's head. From a random place in so short a queue
    it would often run into the end and begin anew, with one statement more.
    """
    monkeypatch.setattr("webapp.classifications.queries.random.random", lambda: 0.0)
    return make.workflow(tree=load_built_in("galaxy-zoo-2"), n_subjects=4)


class Visitor:
    """A browser that walks by addresses and posts as htmx does."""

    def __init__(self, workflow, client: Client | None = None) -> None:
        self.workflow = workflow
        self.client = client or Client()

    def walk(self, *buttons: int) -> dict[str, str]:
        """Open the page of a galaxy, press these answers, return the form that Done would send."""
        page = self.client.get(f"/c/{self.workflow.slug}/classify/", follow=True)
        place = page.redirect_chain[-1][0]
        for button in buttons:
            page = self.client.get(place, {"answers": choices(page)[button]})
        return form(page)

    def post(self, fields: dict[str, str]):
        return self.client.post(f"/c/{self.workflow.slug}/submit/", fields, headers=HTMX)

    def classify(self, *buttons: int) -> int:
        """Classify one galaxy; return it."""
        fields = self.walk(*buttons)
        assert self.post(fields).status_code == 200
        return Classification.objects.get(uuid=fields["uuid"]).subject_id


def choices(page) -> list[str]:
    """What the answer buttons of a page send."""
    return re.findall(r'class="answer" type="submit" name="answers" value="([^"]*)"', text(page))


def form(page) -> dict[str, str]:
    found = re.findall(r'name="(uuid|shown|path)" value="([^"]*)"', text(page))
    return dict(found)


def text(page) -> str:
    return str(page.content.decode())


def signed_in(workflow) -> Visitor:
    client = Client()
    client.force_login(make.user())
    return Visitor(workflow, client)


def is_bounded(listed: list[str]) -> bool:
    """Whether a transaction was written with few statements, its own included."""
    assert {"BEGIN", "COMMIT"} <= set(listed)
    return len(listed) <= STATEMENTS_AT_MOST


def test_one_answer_goes_all_the_way(campaign):
    visitor = Visitor(campaign)
    fields = visitor.walk(*SMOOTH)
    handout = Handout.objects.get(uuid=fields["uuid"])
    shown = handout.subject_id

    response = visitor.post(fields)

    stored = Classification.objects.get()
    assert (str(stored.uuid), stored.subject_id) == (fields["uuid"], shown)
    assert (stored.stream, stored.score) == (handout.stream, handout.score)
    assert stored.standing.state == Standing.State.COUNTED
    tree = campaign.tree.tree
    tally = Consensus.objects.get(workflow=campaign, subject_id=shown)
    voted = {tree.answers[index].key for index, votes in enumerate(tally.votes) if votes}
    assert voted == {tree.answers[index].key for index in stored.path}
    assert sum(tally.votes) == sum(tally.asked) == len(stored.path) == 3
    assert tally.n_classifications == 1
    next_up = Handout.objects.get()  # the answered one is gone
    assert next_up.subject_id != shown
    assert form(response)["uuid"] == str(next_up.uuid)
    assert response.headers["Classification-Id"] == str(stored.pk)


def test_the_last_answer_retires_the_galaxy(campaign):
    for _ in range(2):
        visitor = Visitor(campaign)
        for _ in range(4):
            visitor.classify(*SMOOTH)
    assert Queue.objects.filter(workflow=campaign, stream="random").count() == 4

    subject = Visitor(campaign).classify(*SMOOTH)

    tally = Consensus.objects.get(workflow=campaign, subject_id=subject)
    assert (tally.n_classifications, tally.retired_reason) == (3, "count")
    assert not Queue.objects.filter(workflow=campaign, subject_id=subject).exists()
    assert Consensus.objects.filter(retired_at__isnull=False).count() == 1


def test_progress_and_recount_agree_with_what_was_answered(campaign, capsys):
    for _ in range(2):
        visitor = Visitor(campaign)
        for _ in range(4):
            visitor.classify(*SMOOTH)
    Visitor(campaign).classify(*SMOOTH)

    # Much later: a sum that was dear waits longer, and a busy machine makes it dear.
    with time_machine.travel(datetime.now(tz=UTC) + timedelta(hours=1)):
        measure_progress()

    progress = Progress.objects.get(workflow=campaign)
    assert (progress.n_counted, progress.n_needed) == (9, 12)
    assert (progress.n_retired, progress.n_subjects) == (1, 4)
    home = text(Client().get("/"))
    assert "9 of 12" in home
    assert "1 of 4" in home
    call_command("recount")
    assert "0 differences" in capsys.readouterr().out


def test_galaxies_left_unanswered_come_back_before_any_repeat(campaign):
    visitor = Visitor(campaign)
    for _ in range(10):  # opened and left; the tabs are closed
        visitor.walk()
    answered = {visitor.classify(*SMOOTH) for _ in range(4)}
    assert len(answered) == 4
    states = Standing.objects.values_list("state", flat=True)
    assert list(states) == [Standing.State.COUNTED] * 4


def test_the_first_vote_of_a_visitor_is_cheap(campaign, statements):
    visitor = Visitor(campaign)
    fields = visitor.walk(*SMOOTH)
    with statements() as listed:
        assert visitor.post(fields).status_code == 200
    assert is_bounded(listed), listed


def test_a_later_vote_is_cheap(campaign, statements):
    visitor = Visitor(campaign)
    visitor.classify(*SMOOTH)
    fields = visitor.walk(*SMOOTH)
    with statements() as listed:
        assert visitor.post(fields).status_code == 200
    assert is_bounded(listed), listed


@pytest.mark.parametrize("n_before", [0, 1])
def test_a_vote_of_somebody_signed_in_is_cheap(campaign, statements, n_before):
    visitor = signed_in(campaign)
    for _ in range(n_before):
        visitor.classify(*SMOOTH)
    fields = visitor.walk(*SMOOTH)
    with statements() as listed:
        assert visitor.post(fields).status_code == 200
    assert is_bounded(listed), listed


def test_a_vote_that_retires_is_cheap(campaign, statements):
    for _ in range(2):
        visitor = Visitor(campaign)
        for _ in range(4):
            visitor.classify(*SMOOTH)
    last = signed_in(campaign)  # the dearest case: a session is read, the first vote retires
    fields = last.walk(*SMOOTH)
    with statements() as listed:
        assert last.post(fields).status_code == 200
    assert Consensus.objects.filter(retired_at__isnull=False).count() == 1
    assert is_bounded(listed), listed


def test_a_replay_is_cheap_and_stores_nothing(campaign, statements):
    visitor = Visitor(campaign)
    fields = visitor.walk(*SMOOTH)
    first = visitor.post(fields)
    with statements() as listed:
        again = visitor.post(fields)
    assert is_bounded(listed), listed
    assert again.headers["Classification-Id"] == first.headers["Classification-Id"]
    assert Classification.objects.count() == 1
    assert Consensus.objects.filter(n_classifications=1).count() == 1
