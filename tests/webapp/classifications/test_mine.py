"""The pages on which somebody finds what they did; their figures are those of the rows."""

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from tests import make
from webapp.accounts.identity import Identity
from webapp.classifications import favorites, history, services
from webapp.classifications.looking import read_view
from webapp.classifications.models import Classification, Favorite
from webapp.subjects.models import Subject

pytestmark = pytest.mark.django_db

# The same figures by another way: row by row, in SQL of its own.
RECOUNT = """
    SELECT date_trunc(%(by)s, received_at, 'UTC')::date, workflow.slug, count(*),
           count(*) FILTER (WHERE EXISTS (
               SELECT FROM classifications_standing standing
               WHERE standing.classification_id = answer.id AND state = 'counted')),
           sum(CASE WHEN seconds < 0 THEN 0 WHEN seconds > 120 THEN 120 ELSE seconds END) / 3600
    FROM (
        SELECT *, extract(epoch FROM CASE WHEN client_finished_at - client_started_at IS NULL
            THEN received_at - shown_at ELSE client_finished_at - client_started_at END) AS seconds
        FROM classifications_classification
    ) answer
    JOIN workflows_workflow workflow ON workflow.id = answer.workflow_id
    JOIN accounts_volunteer volunteer ON volunteer.id = answer.volunteer_id
    WHERE volunteer.user_id = %(user)s
      AND NOT EXISTS (SELECT FROM classifications_classification later
                      WHERE later.supersedes_id = answer.id)
    GROUP BY 1, 2 ORDER BY 1 DESC, 2
"""
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def ada(client):
    user = make.user()
    client.force_login(user)
    return user


def answered_by(identity, workflow):
    """Store an answer to a galaxy that this person has not seen."""
    return make.classification(
        identity, workflow, Subject.objects.get(pk=make.shown(identity, workflow).subject_id)
    )


def done_by(user, workflow, *, days=0, seconds=10.0):
    """Store one answer of a person as if it had been given that many days after noon."""
    recorded = answered_by(make.visitor(user), workflow)
    received_at = NOON + timedelta(days=days)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # past the append-only trigger
        cursor.execute(
            "UPDATE classifications_classification SET received_at = %s, shown_at = %s, "
            "client_started_at = NULL, client_finished_at = NULL WHERE id = %s",
            [received_at, received_at - timedelta(seconds=seconds), recorded.classification_id],
        )
        cursor.execute("SET session_replication_role = DEFAULT")
    return recorded


@pytest.fixture
def busy(ada):
    """Somebody with two campaigns, four months and a pause or two."""
    first, second = make.workflow(n_subjects=12), make.workflow(n_subjects=4)
    for number, seconds in enumerate([3, 45, 119.5, 120, 121, 90_000, 0, 20]):
        done_by(ada, first, days=number * 11, seconds=seconds)
    for number in range(3):
        done_by(ada, second, days=number, seconds=30)
    done_by(make.user("bob"), first)
    return ada


@pytest.mark.parametrize("by", history.By)
def test_every_figure_is_that_of_a_recount(busy, by):
    with connection.cursor() as cursor:
        cursor.execute(RECOUNT, {"by": by, "user": busy.pk})
        rows = [(*row[:4], round(float(row[4]), 9)) for row in cursor.fetchall()]

    lines = history.lines(Identity(busy, uuid.uuid4()), by)

    assert sorted(rows) == sorted(
        (
            line.begins_on, line.slug, line.figures.n_galaxies, line.figures.n_counted,
            round(line.figures.hours, 9),
        )
        for line in lines
    )  # fmt: skip
    total = history.total(Identity(busy, uuid.uuid4()))
    assert total.n_galaxies == sum(row[2] for row in rows) == 11
    assert total.hours == pytest.approx(sum(row[4] for row in rows))


def test_a_pause_is_no_time_at_a_galaxy(ada):
    workflow = make.workflow(n_subjects=2)
    done_by(ada, workflow, seconds=90_000)
    done_by(ada, workflow, seconds=-5)
    assert history.total(Identity(ada, uuid.uuid4())).hours == pytest.approx(120 / 3600)


def test_the_statistics_say_the_rule(busy, client):
    html = client.get("/my/statistics/?by=month").content.decode()
    assert "at most 120 seconds count" in html
    assert "March 2026" in html
    for odd in ("?by=year", "?by=", "?page=x", "?page=99"):
        assert client.get(f"/my/statistics/{odd}").status_code == 200


def test_my_data_has_a_row_for_every_answer(busy, client):
    answer = client.get("/my/data.csv")
    text = b"".join(answer.streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 11
    assert tuple(rows[0]) == history.COLUMNS
    assert rows[0]["received_at"] == "2026-03-01T12:00:00+00:00"
    assert rows[0]["state"] == "counted"
    assert float(rows[0]["seconds"]) == 3.0


@pytest.mark.parametrize("view", ['{"invert": true, "zoom": 2.5}', "{}", ""])
def test_my_data_say_how_the_picture_was_looked_at(ada, client, view):
    workflow = make.workflow(n_subjects=1)
    services.record_classification(
        identity=make.visitor(ada),
        uuid=uuid.uuid4(),
        shown=make.shown(make.visitor(ada), workflow),
        path=[0],
        view=read_view(view),
    )
    text = b"".join(client.get("/my/data.csv").streaming_content).decode()
    assert [row["picture_view"] for row in csv.DictReader(io.StringIO(text))] == [view]


def test_my_data_is_the_same_in_german_and_holds_no_formula(ada, client):
    workflow = make.workflow(n_subjects=1)
    workflow.subject_sets.get().subjects.update(
        survey_id="=cmd()", ra_deg=1.5, dec_deg=-2.25, healpix=1
    )
    done_by(ada, workflow)
    texts = [
        b"".join(
            client.get("/my/data.csv", headers={"Accept-Language": language}).streaming_content
        )
        for language in ("en", "de")
    ]
    assert texts[0] == texts[1]
    assert b"'=cmd()" in texts[0]
    assert b",1.5,-2.25," in texts[0]


def test_nobody_sees_what_another_did(client, ada):
    row = done_by(make.user("bob"), make.workflow(n_subjects=1))
    assert client.get(f"/my/galaxy/{row.uuid}/").status_code == 404
    assert b"".join(client.get("/my/data.csv").streaming_content).count(b"\n") == 1
    assert client.get("/my/certificate/").status_code == 404


def test_a_new_browser_finds_empty_pages(client):
    assert "Nothing here yet" in client.get("/my/").content.decode()
    assert "Nothing here yet" in client.get("/my/statistics/").content.decode()
    assert client.get("/my/data.csv").status_code == 302
    assert client.get("/my/certificate/").status_code == 302


def test_the_wall_filters_and_leads_back_to_each_galaxy(busy, client):
    row = Classification.objects.filter(volunteer__user=busy).latest("pk")
    slug, chosen = row.workflow.slug, row.path[0]

    def shown(query):
        return client.get(f"/my/{query}").content.decode().count("/my/galaxy/")

    assert shown("") == 11
    assert shown(f"?campaign={slug}") == 3
    with_answer = shown(f"?campaign={slug}&answer={chosen}")
    own = Classification.objects.filter(volunteer__user=busy, workflow__slug=slug)
    assert with_answer == sum(chosen in each.path for each in own)
    assert shown("?show=counted") + shown("?show=not-counted") == 11
    assert shown("?show=favorites") == 0
    favorites.set_favorite(user=busy, subject=row.subject, is_favorite=True)
    assert shown("?show=favorites") == 1
    for odd in ("?campaign=no", "?answer=7", "?show=x", "?campaign=%00"):
        assert shown(odd) == 11

    html = client.get(f"/my/galaxy/{row.uuid}/").content.decode()
    assert row.subject.display_url in html
    assert row.tree.tree.answers[chosen].label in html


def test_a_favorite_is_marked_once_and_unmarked(ada, client):
    subject = make.workflow(n_subjects=1).subject_sets.get().subjects.get()
    place = f"/favorites/{subject.pk}/"
    for _ in range(2):
        answer = client.post(place, {"favorite": "1", "next": "/my/"})
        assert answer.headers["Location"] == "/my/"
    assert Favorite.objects.get().subject == subject

    part = client.post(place, {"favorite": "0", "next": "/my/"}, headers={"HX-Request": "true"})
    assert 'aria-pressed="false"' in part.content.decode()
    assert 'value="1"' in part.content.decode()
    assert not Favorite.objects.exists()
    assert client.post("/favorites/999999999/", {"favorite": "1"}).status_code == 404
    assert client.get(place).status_code == 405


def test_a_visitor_signs_in_and_comes_back_to_the_galaxy_with_the_answers(client):
    workflow = make.workflow(n_subjects=1)
    place = client.get(f"/c/{workflow.slug}/classify/").headers["Location"]
    subject = workflow.subject_sets.get().subjects.get()
    page = f"http://testserver{place}?answers=0"
    answer = client.post(
        f"/favorites/{subject.pk}/",
        {"favorite": "1"},
        headers={"HX-Request": "true", "HX-Current-URL": page},
    )
    assert answer.headers["HX-Redirect"] == f"/accounts/login/?next={place}%3Fanswers%3D0"
    assert not Favorite.objects.exists()


def test_the_first_to_look_is_thanked_for_it_and_only_they(client):
    workflow = make.workflow(n_subjects=1)
    ada, ben = (Identity(None, uuid.uuid4()) for _ in range(2))
    subject = workflow.subject_sets.get().subjects.get()
    for who, is_first in ((ada, True), (ben, False)):
        given = answered_by(who, workflow)
        found = history.sitting(
            list(given.own), user=None, subject_id=subject.pk, given=given.classification_id
        )
        assert found.was_first is is_first


def test_a_sitting_ends_with_a_long_silence(ada):
    workflow = make.workflow(n_subjects=6)
    identity = Identity(ada, uuid.uuid4())
    for days in range(3):
        done_by(ada, workflow, days=days)
    recorded = [answered_by(identity, workflow) for _ in range(2)]
    found = history.sitting(list(recorded[-1].own), user=ada, subject_id=1)
    assert (found.n_saved, found.is_favorite, found.was_first) == (2, False, False)
    assert history.sitting([], user=None, subject_id=1).n_saved == 0
