"""Skip, report, the trial and what the crowd says: what is stored, and who may."""

import re
import uuid

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse

from tests import make
from webapp.accounts.models import Role
from webapp.classifications import crowd, passing, services
from webapp.classifications.models import Classification, Handout, Passed, Standing
from webapp.classifications.shown import Shown
from webapp.common.errors import NotFound
from webapp.consensus.models import Consensus
from webapp.workflows.models import Status, Workflow

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def workflow(db) -> Workflow:
    return make.workflow(n_subjects=4, tells_crowd=True)


def galaxy(workflow: Workflow, number: int = 0):
    return workflow.subject_sets.get().subjects.order_by("pk")[number]


def page_of(client: Client, workflow: Workflow) -> Handout:
    """Open the classify page; return what was handed out."""
    place = client.get(f"/c/{workflow.slug}/classify/").headers["Location"]
    return Handout.objects.get(pk=place.rstrip("/").rpartition("/")[2])


def pass_over(client: Client, handout: Handout, action: str = "skip", **options):
    place = f"/c/{handout.workflow.slug}/{action}/"
    return client.post(place, {"shown": Shown.of(handout).sign()}, **options)


@pytest.mark.parametrize("action", ["skip", "report"])
def test_no_vote_is_stored_and_another_galaxy_comes(client, workflow, action):
    seen = []
    handout = page_of(client, workflow)
    for _ in range(3):
        seen.append(handout.subject_id)
        part = pass_over(client, handout, action, headers=HTMX)
        assert 'id="task"' in part.content.decode()
        place = part.headers["HX-Push-Url"]
        handout = Handout.objects.get(pk=place.rstrip("/").rpartition("/")[2])
    assert len({*seen, handout.subject_id}) == 4
    assert Classification.objects.count() == Standing.objects.count() == 0
    assert {row.n_classifications for row in Consensus.objects.all()} == {0}
    assert Passed.objects.filter(is_report=action == "report").count() == 3


def test_without_javascript_a_skip_leads_to_the_next_page(client, workflow):
    handout = page_of(client, workflow)
    page = pass_over(client, handout, follow=True)
    assert "Skipped: nothing was stored." in page.content.decode()
    assert str(handout.pk) not in page.redirect_chain[-1][0]


def test_a_person_counts_once_a_galaxy_and_a_report_stays_one(client, workflow):
    handout = page_of(client, workflow)
    for action in ("skip", "report", "skip", "report"):
        pass_over(client, handout, action)
    (row,) = passing.passed_over(workflow)
    assert (row.subject.pk, row.n_reports, row.n_skips) == (handout.subject_id, 1, 0)


def test_the_owners_see_both_and_nobody_else(client, workflow):
    owner = make.user("owner", Role.SCIENTIST)
    workflow.owners.add(owner)
    for action in ("skip", "report", "report"):
        visitor = Client()
        made = page_of(visitor, workflow)
        Handout.objects.filter(pk=made.pk).update(subject=galaxy(workflow))
        made.refresh_from_db()
        pass_over(visitor, made, action)

    place = reverse("dashboard:flagged", args=[workflow.slug])
    client.force_login(owner)
    html = client.get(place).content.decode()
    row = re.search(rf">{galaxy(workflow).survey_id}</a>.*?</tr>", html, re.DOTALL)
    assert row
    assert re.findall(r'<td class="num">(\d+)</td>', row[0]) == ["2", "1"]
    assert Client().get(place).status_code == 302


def test_a_page_of_somebody_else_or_a_forged_one_is_refused(client, workflow):
    handout = page_of(client, workflow)
    said = pass_over(Client(), handout, headers=HTMX)
    assert (said.status_code, "before you signed in" in said.content.decode()) == (409, True)
    for text in ("", "x", Shown.of(handout).sign() + "x"):
        place = f"/c/{workflow.slug}/skip/"
        said = client.post(place, {"shown": text}, headers=HTMX)
        assert said.status_code == 409
        assert "not made by this site" in said.content.decode()
    assert Passed.objects.count() == 0


def test_a_galaxy_that_has_left_the_campaign_is_not_noted(client, workflow):
    handout = page_of(client, workflow)
    Consensus.objects.all().delete()
    assert pass_over(client, handout, headers=HTMX).status_code == 409
    assert Passed.objects.count() == 0


@pytest.mark.parametrize("action", ["skip", "report", "change", "tell"])
def test_looking_changes_nothing(client, workflow, action):
    assert client.get(f"/c/{workflow.slug}/{action}/").status_code == 405
    draft = make.workflow(n_subjects=1, status=Status.DRAFT)
    assert client.post(f"/c/{draft.slug}/{action}/").status_code == 404


def test_a_paused_campaign_hands_out_no_other(client, workflow):
    handout = page_of(client, workflow)
    Workflow.objects.update(status=Status.PAUSED)
    part = pass_over(client, handout, headers=HTMX)
    assert part.headers["HX-Redirect"] == f"/c/{workflow.slug}/classify/"
    assert Passed.objects.count() == 1


# What the crowd says.


def test_the_crowd_is_counted_with_its_interval(workflow):
    alice = make.visitor()
    for path in ([0], [0], [1]):
        make.classification(make.visitor(), workflow, galaxy(workflow, 1), path)
    Workflow.objects.update(rule={"format": 1, "votes": 100, "artifact": None})
    workflow.refresh_from_db()
    for path in ([0], [0], [1]):
        make.classification(make.visitor(), workflow, galaxy(workflow), path)
    given = make.classification(alice, workflow, galaxy(workflow), [0])

    said = crowd.tell_crowd(identity=alice, classification=given.uuid)

    (line,) = said.lines
    assert (said.n_people, line.n_asked, line.fraction, line.is_given) == (4, 4, 0.75, True)
    # Wilson's interval of 3 in 4: by its formula, worked out by hand with z = 1.96.
    assert (line.low, line.high) == pytest.approx((0.3006, 0.9544), abs=1e-4)
    assert line.answer == workflow.tree.tree.answers[0].label
    assert Standing.objects.get(classification=given.classification_id).told_at


def test_nothing_is_told_before_answering_of_others_or_if_the_campaign_does_not(workflow):
    alice, bob = make.visitor(), make.visitor()
    given = make.classification(alice, workflow, galaxy(workflow))
    make.classification(bob, workflow, galaxy(workflow, 1))
    for identity, name in ((bob, given.uuid), (alice, uuid.uuid4())):
        with pytest.raises(NotFound):
            crowd.tell_crowd(identity=identity, classification=name)
    Workflow.objects.update(tells_crowd=False)
    with pytest.raises(NotFound):
        crowd.tell_crowd(identity=alice, classification=given.uuid)
    assert not Standing.objects.filter(told_at__isnull=False).exists()


def answered(client: Client, workflow: Workflow, **options):
    handout = page_of(client, workflow)
    sent = {"uuid": handout.pk, "shown": Shown.of(handout).sign(), "path": "0"}
    return handout.pk, client.post(f"/c/{workflow.slug}/submit/", sent, **options)


def test_the_page_offers_it_only_where_the_campaign_does(client, workflow):
    stored, part = answered(client, workflow, headers=HTMX)
    place = f"/c/{workflow.slug}/tell/"
    assert f'hx-post="{place}"' in part.content.decode()
    assert " % (" not in part.content.decode()

    told = client.post(place, {"classification": stored}, headers=HTMX).content.decode()
    assert "1 answer counts so far:" in told
    assert "100 % (21 to 100 %) of 1" in told
    assert "<html" not in told
    whole = client.post(place, {"classification": stored}).content.decode()
    assert "<html" in whole

    Workflow.objects.update(tells_crowd=False)
    _, part = answered(client, workflow, headers=HTMX)
    assert place not in part.content.decode()


# The trial.


def rows() -> dict[str, int]:
    """The rows of every table."""
    return {model._meta.db_table: model._default_manager.count() for model in apps.get_models()}


@pytest.mark.parametrize("status", [Status.LIVE, Status.DRAFT])
def test_ten_galaxies_of_a_trial_store_nothing(client, status):
    owner = make.user("owner", Role.SCIENTIST)
    workflow = make.owned(owner, n_subjects=5, status=status)
    if status == Status.DRAFT:
        client.force_login(owner)
    before = rows()
    for _ in range(10):
        page = client.get(f"/c/{workflow.slug}/demo/", follow=True)
        html = page.content.decode()
        assert "This is a trial: nothing of it is stored." in html
        place = page.redirect_chain[-1][0]
        part = client.get(f"{place}question/", {"answers": "0"}, headers=HTMX)
        assert part.headers["HX-Push-Url"] == f"{place}?answers=0"
        done = client.get(f"{place}?answers=0").content.decode()
        assert 'method="post"' not in done.split("<main")[1].split("</main>")[0]
    assert rows() == before
    assert client.get(f"{place}?answers=99").status_code == 422
    assert client.get(f"{place}question/?answers=0").status_code == 302
    assert "browser" not in client.cookies


def test_a_trial_of_a_draft_is_its_owners_only(client):
    draft = make.workflow(n_subjects=1, status=Status.DRAFT)
    subject = galaxy(draft)
    for place in ("", f"{subject.pk}/", f"{subject.pk}/question/"):
        got = client.get(f"/c/{draft.slug}/demo/{place}", headers=HTMX)
        assert got.status_code == 404


def test_a_trial_shows_galaxies_of_its_campaign_only(client, workflow):
    other = galaxy(make.workflow(n_subjects=1))
    assert client.get(f"/c/{workflow.slug}/demo/{other.pk}/").status_code == 404
    empty = make.workflow()
    assert "No galaxies yet" in client.get(f"/c/{empty.slug}/demo/").content.decode()


# Bad images (UX-T8): two choose it, the third puts the galaxy on the list; the rule stops or not.


@pytest.mark.parametrize("then", ["flag", "retire"])
def test_the_third_bad_image_is_listed_once_with_its_votes(client, then):
    owner = make.user("owner", Role.SCIENTIST)
    workflow = make.owned(owner, n_subjects=1)
    artifact = workflow.tree.tree.artifacts[0]
    stop = {"answers": [workflow.tree.tree.name(artifact)], "votes": 3, "then": then}
    Workflow.objects.update(rule={"format": 1, "votes": 10, "artifact": stop})
    workflow.refresh_from_db()
    client.force_login(owner)
    place = reverse("dashboard:flagged", args=[workflow.slug])
    for n_votes in range(1, 6):
        make.classification(make.visitor(), workflow, galaxy(workflow), [artifact.index])
        html = client.get(place).content.decode()
        assert ("1 galaxy is flagged." in html) is (n_votes >= 3)
        is_retired = Consensus.objects.get().retired_at is not None
        assert is_retired is (then == "retire" and n_votes >= 3)
        if n_votes == 3:
            assert html.count("Volunteer ") == 3
    handed = services.hand_out(identity=make.visitor(), workflow=workflow)
    assert handed
    assert (handed[1] is None) is (then == "flag")
