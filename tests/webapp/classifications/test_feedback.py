"""Known galaxies: alike until Done, told of afterwards, mixed in as the rate says."""

import math
import re
import uuid
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inference.formats.tree import load_built_in
from tests import make
from webapp.accounts.models import Role
from webapp.classifications import feedback, gold, queries, services
from webapp.classifications.models import Classification, Handout, Skill, Standing
from webapp.consensus.models import Stream
from webapp.consensus.services import mark_gold
from webapp.workflows import gold_rate
from webapp.workflows.gold_rate import change_gold_rate

pytestmark = pytest.mark.django_db
PICTURE = r"/media/display/\w{2}/\w{64}\.jpg"
HTMX = {"HX-Request": "true"}
WORDS = "Look at the faint arms on the left."
GZ2 = load_built_in("galaxy-zoo-2")


def galaxies(workflow):
    return list(workflow.subject_sets.get().subjects.order_by("pk"))


@pytest.fixture
def alice():
    return make.user("alice", Role.SCIENTIST)


@pytest.fixture
def campaign(alice):
    """Two galaxies; of the first experts say that it is a spiral."""
    workflow = make.owned(alice, n_subjects=2)
    put(workflow, alice, [0])
    return workflow


def put(workflow, alice, path, words=WORDS, number=0):
    galaxy = galaxies(workflow)[number]
    gold.put_gold(workflow=workflow, subject=galaxy, by=alice, path=path, words=words)
    workflow.refresh_from_db()


def open_page(client, workflow, subject):
    """Hand this very galaxy to the client's browser, and open its page."""
    if "browser" not in client.cookies:
        client.get(f"/c/{workflow.slug}/classify/")
        Handout.objects.all().delete()
    holder = uuid.UUID(client.cookies["browser"].value.strip('"').split(":")[0])
    made = Handout.objects.create(
        holder=holder, workflow=workflow, subject=subject, tree=workflow.tree, stream="random"
    )
    return client.get(f"/c/{workflow.slug}/classify/{made.pk}/?answers=0")


def field(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, name
    return found[1]


def sent(page, path: str) -> dict[str, str]:
    html = page.content.decode()
    return {"uuid": field(html, "uuid"), "shown": field(html, "shown"), "path": path}


def answer(client, workflow, subject, path: str, **options):
    page = open_page(client, workflow, subject)
    return client.post(f"/c/{workflow.slug}/submit/", sent(page, path), **options)


# Before Done (UX-F5)


def masked(html: str) -> str:
    """Replace what is of this one galaxy and visit, character by character."""

    def mask(found: re.Match[str]) -> str:
        return found[1] + "x" * len(found[2])

    html = re.sub(r"([^0-9a-f])([0-9a-f]{64})", mask, html)  # the picture's name
    html = re.sub(r"(.)([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", mask, html)
    html = re.sub(r'(name="csrfmiddlewaretoken" value=")([^"]*)', mask, html)
    html = re.sub(r'(x-csrftoken": ")([^"]*)', mask, html)
    html = re.sub(r"(/favorites/)\d+", r"\1", html)
    # The numbers of two galaxies may have another length, as 9 and 10 have.
    return re.sub(r'(name="shown" value=")[^"]*', r"\1", html)


def test_a_known_galaxy_looks_like_any_other_before_done(client, campaign, time_machine):
    time_machine.move_to("2026-03-01T12:00:00.123456Z", tick=False)
    known, other = galaxies(campaign)
    pages, n_queries = [], []
    for subject in (known, other):
        open_page(client, campaign, other)  # whatever the first page of a browser costs
        with CaptureQueriesContext(connection) as seen:
            pages.append(open_page(client, campaign, subject))
        n_queries.append(len(seen))
    first, second = (masked(page.content.decode()) for page in pages)

    assert first == second
    sizes = [len(page.content) for page in pages]
    # What is signed names the galaxy, and stands there twice; so do addresses. From 99 to 100 its
    # number becomes one digit longer.
    assert abs(sizes[0] - sizes[1]) <= 16
    own = {"Content-Length": "as above", "X-Request-ID": "of each request", "Link": "its picture"}
    assert all(re.fullmatch(f"<{PICTURE}>; rel=preload;.*", page.headers["Link"]) for page in pages)
    headers = [dict(page.headers) | own for page in pages]
    assert headers[0] == headers[1]
    assert n_queries[0] == n_queries[1]
    assert WORDS not in pages[0].content.decode()


def test_what_the_page_signs_has_one_length_whatever_the_reason(campaign):
    shown = make.shown_subject(make.visitor(), campaign, galaxies(campaign)[0])
    reasons = [(Stream.GOLD, 0.123456789), (Stream.GAIN, 1e-17 / 3), (Stream.RANDOM, None)]
    signed = {len(replace(shown, stream=stream, score=score).sign()) for stream, score in reasons}
    assert len(signed) == 1


# After Done (UX-F4)


def test_a_difference_is_told_with_its_reason_and_changes_nothing(client, campaign):
    known = galaxies(campaign)[0]
    part = answer(client, campaign, known, "1", headers=HTMX)

    html = part.content.decode()
    assert part.status_code == 200
    assert "You: Elliptical. Experts: Spiral." in html
    assert WORDS in html
    assert known.thumbnail_url in html
    assert "Your answer stays as you gave it" in html
    stored = Classification.objects.get()
    assert stored.path == [1]
    assert part.headers["HX-Push-Url"].endswith(f"?after={stored.uuid}")
    assert Standing.objects.get().state == "counted"


def test_an_agreement_is_a_short_thanks(client, campaign):
    html = answer(client, campaign, galaxies(campaign)[0], "0", headers=HTMX).content.decode()
    assert "see it as you do. Thank you." in html
    assert "Experts: " not in html


def test_without_javascript_the_next_page_tells_it_too_and_keeps_it_while_answering(
    client, campaign
):
    page = answer(client, campaign, galaxies(campaign)[0], "1", follow=True)
    html = page.content.decode()
    assert "You: Elliptical. Experts: Spiral." in html
    assert 'name="after"' in html

    address, _ = page.redirect_chain[-1]
    again = client.get(f"{address}&answers=0").content.decode()
    assert "You: Elliptical. Experts: Spiral." in again
    assert again.count('name="after"') == 3  # Back, trail and summary keep it
    question = client.get(f"{address.replace('/?', '/question/?')}&answers=0", headers=HTMX)
    assert "after=" in question.headers["HX-Push-Url"]


def test_an_ordinary_galaxy_has_no_feedback(client, campaign):
    part = answer(client, campaign, galaxies(campaign)[1], "1", headers=HTMX)
    assert '<div id="feedback"></div>' in part.content.decode()  # where it would be
    assert "after=" not in part.headers["HX-Push-Url"]


def test_nobody_reads_the_feedback_of_others(client, campaign):
    stranger = make.visitor()
    recorded = make.classification(stranger, campaign, galaxies(campaign)[0], [1])
    page = open_page(client, campaign, galaxies(campaign)[1])
    place = page.wsgi_request.path
    for after in (recorded.uuid, uuid.uuid4(), "nothing", "%00"):
        html = client.get(f"{place}?after={after}").content.decode()
        assert "Experts" not in html
        assert 'name="after"' not in html


def test_a_replay_tells_the_same(client, campaign):
    page = open_page(client, campaign, galaxies(campaign)[0])
    form = sent(page, "1")
    for _ in range(2):
        part = client.post(f"/c/{campaign.slug}/submit/", form, headers=HTMX)
        assert "Experts: Spiral." in part.content.decode()
    assert Classification.objects.count() == 1


def test_experts_words_cannot_run(client, campaign, alice):
    put(campaign, alice, [0], words="<script>alert(1)</script>")
    html = answer(client, campaign, galaxies(campaign)[0], "1", headers=HTMX).content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


# What is a difference


def test_of_several_answers_that_experts_give_each_is_right():
    shares = dict.fromkeys(range(3), 0.0) | {0: 0.5, 1: 0.35, 2: 0.15}
    fractions = [shares[0], shares[1], shares[2], 0.0]
    tree = load_built_in("three-class")
    alike = [not feedback.differences(tree, [index], fractions) for index in range(4)]
    assert alike == [True, True, False, False]


def test_where_experts_spread_most_thinly_their_leading_answer_is_right():
    tree = load_built_in("three-class")
    fractions = [0.24, 0.24, 0.24, 0.28]
    assert not feedback.differences(tree, [3], fractions)
    assert feedback.differences(tree, [0], fractions)


def test_only_questions_that_both_were_asked_can_differ():
    smooth, featured = GZ2.questions[0].answers[:2]
    walks = [path for path in GZ2.paths() if path[0] == featured.index]
    experts = [1.0 if index == smooth.index else 0.0 for index in GZ2.questions[0].span]
    fractions = experts + [None] * (GZ2.n_answers - len(experts))
    found = feedback.differences(GZ2, walks[0], fractions)
    assert [(one.given, one.experts) for one in found] == [(featured.label, smooth.label)]


# My galaxies (UX-B4)


def test_my_galaxies_says_how_often_experts_and_crowd_agree(client, campaign, alice):
    first, second = galaxies(campaign)
    put(campaign, alice, [0], number=1)
    answer(client, campaign, first, "0")
    answer(client, campaign, second, "1")
    volunteer = Standing.objects.first().volunteer
    skill = Skill.objects.create(
        workflow=campaign, volunteer=volunteer, weight=1, agreement=0.781, n_answers=19
    )

    html = client.get("/my/").content.decode()
    assert "2 galaxies of yours too; you agree with them on 1 of 2 questions." in html
    assert "Another volunteer" not in html  # 19 answers say too little

    Skill.objects.filter(pk=skill.pk).update(n_answers=20)
    assert (
        "Another volunteer would give 78 % of your answers too."
        in client.get("/my/").content.decode()
    )


def test_somebody_without_any_is_told_nothing(client, campaign):
    answer(client, campaign, galaxies(campaign)[1], "0")
    assert 'class="agreement' not in client.get("/my/").content.decode()


# How often


@pytest.mark.parametrize(("n_answered", "share"), [(0, 0.5), (10, 0.2), (50, 0.1), (100, 0.05)])
def test_a_thousand_draws_follow_the_rate(alice, n_answered, share):
    workflow = make.owned(alice, n_subjects=n_answered + 20, gold_rate=gold_rate.DEFAULT)
    subjects = galaxies(workflow)
    known = {subject.pk for subject in subjects[-10:]}
    mark_gold(workflow=workflow, subject_ids=sorted(known), is_gold=True)
    person = make.visitor()
    for subject in subjects[:n_answered]:
        make.classification(person, workflow, subject, [0])

    drawn = [queries.next_subject(workflow=workflow, identity=person) for _ in range(1000)]

    n_gold = sum(pick.stream == Stream.GOLD for pick in drawn)
    four_sigma = 4 * math.sqrt(1000 * share * (1 - share))
    assert abs(n_gold - 1000 * share) < four_sigma
    assert all(pick.subject_id in known for pick in drawn if pick.stream == Stream.GOLD)


def test_who_has_answered_all_gold_goes_on_with_the_others(alice):
    workflow = make.owned(alice, n_subjects=3)
    put(workflow, alice, [0])
    change_gold_rate(workflow=workflow, steps=[[0, 1.0]], by=alice)
    workflow.refresh_from_db()
    person = make.visitor()
    make.classification(person, workflow, galaxies(workflow)[0], [0])
    seen = set()
    for _ in range(2):
        shown = make.shown(person, workflow)
        seen.add(shown.subject_id)
        services.record_classification(identity=person, uuid=shown.handout, shown=shown, path=[0])
    assert seen == {subject.pk for subject in galaxies(workflow)[1:]}
