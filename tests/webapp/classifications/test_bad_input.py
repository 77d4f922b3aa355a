"""What a browser, a broken program or an attacker may send instead of an answer.

Always one sentence, never an error of the program, and nothing is stored.
"""

import dataclasses
import re
import uuid
from typing import Any
from urllib.parse import quote

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.formats.tree import load_built_in
from tests import make
from webapp.accounts.models import Volunteer
from webapp.classifications import recount
from webapp.classifications.models import Classification, Handout, Standing
from webapp.classifications.shown import SALT, Shown
from webapp.classifications.urls import urlpatterns
from webapp.consensus.models import Consensus
from webapp.workflows.models import Workflow

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
BOTH_WAYS = pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
TRACE = re.compile(r"Traceback|File \"|webapp/|psycopg|DataError|django\.")
TAGS = re.compile(r"<head>.*?</head>|<[^>]*>", re.DOTALL)
FORM = "application/x-www-form-urlencoded"
FUZZED = settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@pytest.fixture
def workflow() -> Workflow:
    return make.workflow(n_subjects=3)


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


def fields(client: Client, workflow: Workflow, **other: Any) -> dict[str, Any]:
    """The form of the next galaxy, the first answer chosen, some of its fields spoiled."""
    place = client.get(f"/c/{workflow.slug}/classify/").headers["Location"]
    handout = Handout.objects.get(pk=place.rstrip("/").rpartition("/")[2])
    return {"uuid": str(uuid.uuid4()), "shown": Shown.of(handout).sign(), "path": "0"} | other


def submit(client: Client, workflow: Workflow, form: Any, headers: Any = None, **how: Any) -> Any:
    return client.post(f"/c/{workflow.slug}/submit/", form, headers=headers, **how)


def words(answer: Any) -> str:
    """What a person reads of an answer."""
    return " ".join(TAGS.sub(" ", answer.content.decode()).split())


def assert_refused(answer: Any, *codes: int, n_stored: int = 0) -> None:
    """One sentence, no trace of the program, and nothing that was not there before."""
    assert answer.status_code in (codes or (422,)), words(answer)
    assert not TRACE.search(answer.content.decode())
    assert re.search(r"[a-z ]{10,}\.", words(answer)), words(answer)
    if answer.status_code == 422:
        assert b'role="alert"' in answer.content
    assert "Classification-Id" not in answer.headers
    assert "Saved" not in words(answer)
    assert_stored(n_stored)


def assert_stored(n_stored: int) -> None:
    assert Classification.objects.count() == n_stored
    assert Standing.objects.count() == n_stored
    assert Volunteer.objects.count() == n_stored
    assert sum(Consensus.objects.values_list("n_classifications", flat=True)) == n_stored
    for workflow in Workflow.objects.all():
        assert list(recount.differences(workflow)) == []


PATHS = [
    "", "-", "0-", "-0", "--", "0--1", "4", "99", "9999", "10000", "0-0", "0-1", "1-0", "0,1",
    "0 1", "+0", "0x0", "1e3", "1.0", "\u0663", "\u0966", "0\n1", "0\0", "\0", "None", "p0",
    "true", "[0]", "1" * 41, "-1", "\u202e0", "0" * 2000, "0" * 5000, "0-" * 400_000 + "0",
    "' OR 1=1 --",
]  # fmt: skip


class TestTheAnswer:
    @BOTH_WAYS
    @pytest.mark.parametrize("path", PATHS, ids=lambda path: repr(path[:12]))
    def test_that_is_no_path_is_refused(self, browser, workflow, path, headers):
        assert_refused(submit(browser, workflow, fields(browser, workflow, path=path), headers))

    def test_that_is_missing_or_off_the_path_names_the_question(self, browser):
        workflow = make.workflow(tree=load_built_in("galaxy-zoo-2"), n_subjects=1)
        for path in ("0", "0-0", "0-1-2"):
            answer = submit(browser, workflow, fields(browser, workflow, path=path), HTMX)
            assert_refused(answer)
            assert re.search(r"question|Question", words(answer))

    def test_of_another_campaigns_tree_is_refused(self, browser, workflow):
        tree = load_built_in("galaxy-zoo-2")
        path = next(path for path in tree.paths() if len(path) > 3)
        form = fields(browser, workflow, path="-".join(map(str, path)))
        assert_refused(submit(browser, workflow, form, HTMX))

    @BOTH_WAYS
    def test_to_a_retired_galaxy_is_stored_and_not_counted(self, browser, headers):
        workflow = make.workflow(n_subjects=1)
        form = fields(browser, workflow)
        subject = workflow.subject_sets.get().subjects.get()
        for _ in range(3):
            make.classification(make.visitor(), workflow, subject)

        answer = submit(browser, workflow, form, headers)

        assert answer.status_code == (200 if headers else 302)
        assert Classification.objects.count() == 4
        assert Consensus.objects.get().n_classifications == 3
        page = answer if headers else browser.get(answer.headers["Location"], follow=True)
        assert "does not count" in words(page)


UUIDS = [
    "", "0", "1", "-1", "1e3", "x" * 36, "\0" * 36, "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz",
    str(uuid.UUID(int=7))[:-1], str(uuid.UUID(int=7)) + "0", "9" * 40, "é" * 32, "a" * 100_000,
]  # fmt: skip


class TestTheUuid:
    @BOTH_WAYS
    @pytest.mark.parametrize("name", UUIDS, ids=lambda name: repr(name[:12]))
    def test_that_is_none_is_refused(self, browser, workflow, name, headers):
        assert_refused(submit(browser, workflow, fields(browser, workflow, uuid=name), headers))

    @BOTH_WAYS
    def test_of_another_volunteer_is_refused(self, browser, workflow, headers):
        theirs = Client()
        form = fields(theirs, workflow)
        assert submit(theirs, workflow, form).status_code == 302

        answer = submit(browser, workflow, fields(browser, workflow, uuid=form["uuid"]), headers)

        assert_refused(answer, n_stored=1)
        assert form["uuid"] in words(answer)

    def test_of_an_own_answer_to_another_galaxy_is_refused(self, browser, workflow):
        form = fields(browser, workflow)
        submit(browser, workflow, form)
        again = fields(browser, workflow, uuid=form["uuid"])
        assert_refused(submit(browser, workflow, again, HTMX), n_stored=1)

    @BOTH_WAYS
    def test_that_comes_again_gets_the_same_answer(self, browser, workflow, headers):
        form = fields(browser, workflow)
        answers = [submit(browser, workflow, form, headers) for _ in range(5)]
        assert {answer.status_code for answer in answers} == {200 if headers else 302}
        assert len({answer.headers["Classification-Id"] for answer in answers}) == 1
        assert_stored(1)


class TestThePageThatWasShown:
    @BOTH_WAYS
    @pytest.mark.parametrize("spoil", [
        lambda signed: "", lambda signed: signed[:-1], lambda signed: signed[1:],
        lambda signed: signed[: len(signed) // 2], lambda signed: signed + "A",
        lambda signed: signed.rpartition(":")[0], lambda signed: signed.swapcase(),
        lambda signed: "\0" + signed, lambda signed: signed * 10, lambda signed: "x" * 900_000,
        lambda signed: signed.replace(":", "\u0589"), lambda signed: "[]", lambda signed: "::",
        lambda signed: signing.dumps([1, 2, 3], salt="another"),
        lambda signed: signing.dumps(signing.loads(signed, salt=SALT), key="x" * 50, salt=SALT),
    ])  # fmt: skip
    def test_and_was_changed_on_its_way_is_refused(self, browser, workflow, spoil, headers):
        form = fields(browser, workflow)
        form["shown"] = spoil(form["shown"])
        assert_refused(submit(browser, workflow, form, headers))

    @BOTH_WAYS
    @pytest.mark.parametrize("field", ["subject_id", "workflow_id", "tree_id"])
    def test_and_names_what_is_gone_is_refused(self, browser, workflow, field, headers):
        form = fields(browser, workflow)
        changed: dict[str, Any] = {field: 10**9}
        gone = dataclasses.replace(Shown.read(form["shown"]), **changed)
        answer = submit(browser, workflow, form | {"shown": gone.sign()}, headers)
        assert_refused(answer)

    @BOTH_WAYS
    def test_to_somebody_else_is_refused(self, browser, workflow, headers):
        form = fields(Client(), workflow)
        browser.get(f"/c/{workflow.slug}/classify/")
        assert_refused(submit(browser, workflow, form, headers))

    def test_a_long_time_ago_is_still_answered(self, browser, workflow):
        form = fields(browser, workflow)
        Handout.objects.all().delete()
        assert submit(browser, workflow, form, HTMX).status_code == 200
        assert_stored(1)

    def test_without_a_cookie_is_refused(self, workflow):
        form = fields(Client(), workflow)
        assert_refused(submit(Client(), workflow, form))


TIMES = [
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0001-01-01", "9999-12-31T23:59:59Z",
    "1e400", "nan", "-1",
    "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0661", "2026-02-30", "2026-01-01T25:00",
    "\0", "x" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("moment", TIMES, ids=lambda moment: repr(moment[:26]))
def test_a_clients_clock_never_breaks_a_page(browser, workflow, moment):
    form = fields(browser, workflow, started_at=moment, finished_at=moment)

    answers = [submit(browser, workflow, form, HTMX) for _ in range(2)]

    assert {answer.status_code for answer in answers} <= {200, 422}
    assert_stored(1 if answers[0].status_code == 200 else 0)
    assert browser.get("/my/").status_code == 200


def test_a_clock_that_is_ten_years_off_is_stored_as_it_is(browser, workflow):
    form = fields(browser, workflow, started_at="2016-01-01T00:00:00Z")
    assert submit(browser, workflow, form, HTMX).status_code == 200
    stored = Classification.objects.get()
    assert stored.client_started_at
    assert stored.client_started_at.year == 2016
    assert stored.received_at.year > 2016


class TestTheBody:
    @BOTH_WAYS
    def test_of_ten_megabytes_is_refused(self, browser, workflow, headers):
        form = fields(browser, workflow, path="0-" * 5_000_000)
        assert_refused(submit(browser, workflow, form, headers), 400, 413)
        body = "path=" + "0-" * 5_000_000
        answer = submit(browser, workflow, body, headers, content_type=FORM)
        assert_refused(answer, 400, 413)

    def test_with_ten_thousand_fields_is_refused(self, browser, workflow):
        body = "&".join(f"a{number}=1" for number in range(10_000))
        assert_refused(submit(browser, workflow, body, content_type=FORM), 400, 413)

    @pytest.mark.parametrize("kind", [
        "application/json", "text/plain", "", "multipart/form-data",
        "multipart/form-data; boundary=x", "multipart/form-data; boundary=" + "x" * 300,
        f"{FORM}; charset=utf-16", f"{FORM}; charset=no-such", "nonsense; ;;=",
    ])  # fmt: skip
    def test_of_another_kind_is_refused(self, browser, workflow, kind):
        for body in (
            b"", b"{}", b"[" * 10_000, b'{"uuid": NaN, "path": 1e400}', b"\xff\xfe\x00",
            b"\0" * 1000, b"path=%00&shown=%ED%A0%80&uuid=%FF", b"path=0;shown=1",
            b"--x\r\n\r\n", b"=&=&==", b"%%%zz",
        ):  # fmt: skip
            for headers in ({}, HTMX):
                address = f"/c/{workflow.slug}/submit/"
                answer = browser.generic("POST", address, body, kind, headers=headers)
                assert_refused(answer, 400, 415, 422)

    def test_with_files_is_stored_without_them_or_refused(self, browser, workflow):
        file = SimpleUploadedFile("path", b"\0" * 100_000)
        answer = submit(browser, workflow, fields(browser, workflow) | {"file": file}, HTMX)
        assert answer.status_code == 200
        assert_refused(
            submit(browser, workflow, fields(browser, workflow) | {"shown": file}, HTMX),
            n_stored=1,
        )

    def test_with_a_field_twice_is_read_by_its_last(self, browser, workflow):
        """As every form library does; what matters is that only one answer is stored."""
        form = fields(browser, workflow)
        body = "&".join(f"{name}={quote(value)}" for name, value in form.items())
        answer = submit(browser, workflow, f"path=2&{body}", HTMX, content_type=FORM)
        assert answer.status_code == 200
        assert Classification.objects.get().path == [0]
        assert_stored(1)


class TestTheRequest:
    @pytest.mark.parametrize(
        "method", ["get", "head", "put", "delete", "patch", "options", "trace"]
    )
    def test_that_is_no_post_stores_nothing(self, browser, workflow, method):
        form = fields(browser, workflow)
        answer = browser.generic(
            method.upper(), f"/c/{workflow.slug}/submit/", query_params=form,
            headers={"X-HTTP-Method-Override": "POST"},
        )  # fmt: skip
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "POST"
        assert_stored(0)

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    def test_that_would_write_to_a_page_is_refused(self, browser, workflow, method):
        place = browser.get(f"/c/{workflow.slug}/classify/").headers["Location"]
        for address in ("/", "/my/", f"/c/{workflow.slug}/", place, f"{place}question/"):
            answer = browser.generic(method, address, "_method=GET", content_type=FORM)
            assert answer.status_code == 405, address

    @BOTH_WAYS
    @pytest.mark.parametrize("token", [None, "", "x", "a" * 64, "\x7f" * 10_000])
    def test_without_its_token_is_refused(self, workflow, token, headers):
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        form = fields(client, workflow)
        given = {"X-CSRFToken": token} if token is not None else {}
        answer = submit(client, workflow, form, headers | given)
        assert_refused(answer, 403)
        assert "reload the page" in words(answer)

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil"])
    def test_of_another_site_is_refused(self, workflow, origin):
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        form = fields(client, workflow)
        page = client.get(f"/c/{workflow.slug}/classify/", follow=True).content.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token
        given = {"X-CSRFToken": token[1]}
        assert_refused(submit(client, workflow, form, given | {"Origin": origin}), 403)
        assert submit(client, workflow, form, given).status_code == 302  # it was the origin

    @pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "a:b:c", "\x00"])
    def test_for_another_host_is_refused(self, browser, workflow, host):
        form = fields(browser, workflow)
        for answer in (
            submit(browser, workflow, form, {"Host": host}),
            browser.get("/", headers={"Host": host}),
        ):
            assert_refused(answer, 400)

    def test_with_forwarded_headers_gets_only_own_addresses(self, browser, workflow):
        spoofed = {"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "1\n2", "X-Real-IP": "x"}
        for address in ("/", f"/c/{workflow.slug}/classify/"):
            answer = browser.get(address, headers=spoofed, follow=True)
            assert answer.status_code == 200
            assert b"evil.example" not in answer.content

    @pytest.mark.parametrize("value", ["", "x", "\xff", "a:b", "9" * 4000, "%00", "null", '"'])
    def test_with_broken_cookies_is_answered(self, browser, workflow, value):
        for name in ("session", "csrf", "browser", "messages", "theme"):
            browser.cookies[name] = value
        form = fields(browser, workflow)
        assert submit(browser, workflow, form, HTMX).status_code == 200
        assert_stored(1)


NUMBERS = [
    "-1",
    "0",
    "2147483648",
    "9223372036854775808",
    "9" * 40,
    "9" * 5000,
    "1e3",
    "\u0663",
    "1.5",
]
SPOILED = [*NUMBERS, "", "\0", "%00", "%ff%fe", "%ED%A0%80", "..%2f..%2fetc", "'", "x" * 3000, "🌌"]


@BOTH_WAYS
@pytest.mark.parametrize("value", SPOILED, ids=lambda value: repr(value[:12]))
def test_a_spoiled_address_is_answered_with_a_sentence(browser, workflow, value, headers):
    place = browser.get(f"/c/{workflow.slug}/classify/").headers["Location"]
    part, raw = value if "%" in value else quote(value), value
    for address in (
        f"/c/{part}/", f"/c/{part}/classify/", f"/c/{workflow.slug}/classify/{part}/",
        f"/c/{workflow.slug}/classify/{part}/question/", f"/my/?page={part}",
        f"{place}?answers={part}", f"{place}?answers=0&next=1&choice={part}",
        f"{place}question/?answers={part}", f"{place}question/?next=&choice={part}&choice={part}",
        f"{place}?answers={part}&answers=0", f"/?{part}={part}",
        f"{place}?answers=0&dropped={part}", f"/c/{workflow.slug}/demo/{part}/",
    ):  # fmt: skip
        answer = browser.get(address, headers=headers)
        assert answer.status_code < 500, address
        assert not TRACE.search(answer.content.decode()), address
        if answer.status_code >= 400:
            assert re.search(r"[a-z ]{10,}\.", words(answer)), (address, words(answer))
    answer = browser.post(f"/c/{part}/submit/", {"path": raw}, headers=headers)
    assert_refused(answer, 404, 405, 422)


@BOTH_WAYS
def test_an_address_with_a_million_answers_is_refused(browser, workflow, headers):
    place = browser.get(f"/c/{workflow.slug}/classify/").headers["Location"]
    many = "-".join(["0"] * 1_000_000)
    for address in (place, f"{place}question/"):
        for query in ({"answers": many}, {"answers": "", "next": "1", "choice": ["0"] * 900}):
            answer = browser.get(address, query, headers=headers)
            assert answer.status_code in (302, 400, 422), words(answer)
            assert not TRACE.search(answer.content.decode())


@BOTH_WAYS
def test_what_somebody_types_is_shown_as_text(browser, workflow, headers):
    script = "<script>alert(1)</script>"
    place = browser.get(f"/c/{workflow.slug}/classify/").headers["Location"]
    answers = [
        submit(browser, workflow, fields(browser, workflow, path=script), headers),
        submit(browser, workflow, fields(browser, workflow, uuid=script), headers),
        browser.get(place, {"answers": script}, headers=headers),
    ]
    for answer in answers:
        assert_refused(answer)
        assert script not in answer.content.decode()


ANY_TEXT = st.one_of(
    st.text(st.characters(), max_size=60),
    st.text(st.sampled_from("0123456789-p,;: \0\u0660\u202e'\"<>%"), max_size=40),
    st.sampled_from([*PATHS[:40], *UUIDS, *TIMES]).map(lambda text: text[:3000]),
    st.binary(max_size=40).map(lambda data: data.decode("latin-1")),
)
ANY_FORM = st.dictionaries(
    st.sampled_from(["uuid", "shown", "path", "started_at", "finished_at", "view"]),
    ANY_TEXT,
    min_size=1,
)
ANY_QUERY = st.dictionaries(st.sampled_from(["answers", "choice", "next", "page", "x"]), ANY_TEXT)


@BOTH_WAYS
@FUZZED
@given(spoiled=ANY_FORM)
def test_whatever_a_form_says_is_answered(browser, workflow, headers, spoiled):
    before = Classification.objects.count()
    form = fields(browser, workflow) | spoiled
    body = "&".join(
        f"{name}={quote(value, errors='surrogatepass')}" for name, value in form.items()
    )

    answer = submit(browser, workflow, body, headers, content_type=FORM)

    assert answer.status_code in (200, 204, 302, 422), words(answer)
    assert not TRACE.search(answer.content.decode())
    is_stored = "Classification-Id" in answer.headers
    assert is_stored == (answer.status_code != 422)
    assert Classification.objects.count() - before in ((0, 1) if is_stored else (0,))
    assert browser.get("/my/").status_code == 200


@BOTH_WAYS
@FUZZED
@given(query=ANY_QUERY)
def test_whatever_an_address_says_is_answered(browser, workflow, headers, query):
    place = browser.get(f"/c/{workflow.slug}/classify/").headers["Location"]
    asked = {name: value.encode("utf-8", "surrogatepass") for name, value in query.items()}
    for address in ("/", "/my/", f"/c/{workflow.slug}/", place, f"{place}question/"):
        answer = browser.get(address, asked, headers=headers)
        assert answer.status_code in (200, 302, 422), (address, words(answer))
        assert not TRACE.search(answer.content.decode())


# Every address of this app: is it somebody's own, and a page or a part? UX-H1, I22.
KINDS = {
    "home": "page", "my_galaxies": "page", "campaign": "page", "classify": "way",
    "galaxy": "page", "question": "part", "submit": "post", "my_galaxy": "page",
    "my_statistics": "page", "my_data": "file", "certificate": "way", "favorite": "post",
    "demo": "way", "demo_galaxy": "page", "demo_question": "part",
    "skip": "post", "report": "post", "change": "post", "tell": "post",
    "queue": "post", "ahead": "script", "questions": "script", "token": "script",
}  # fmt: skip


def test_the_walk_knows_every_address():
    assert {pattern.name for pattern in urlpatterns} == set(KINDS)


def walk(client: Client, workflow: Workflow) -> dict[str, str]:
    place = client.get(f"/c/{workflow.slug}/classify/").headers["Location"]
    trial = client.get(f"/c/{workflow.slug}/demo/").headers["Location"]
    return {
        "demo": f"/c/{workflow.slug}/demo/", "demo_galaxy": trial,
        "demo_question": f"{trial}question/",
        "home": "/", "my_galaxies": "/my/", "campaign": f"/c/{workflow.slug}/",
        "classify": f"/c/{workflow.slug}/classify/", "galaxy": place,
        "question": f"{place}question/", "my_statistics": "/my/statistics/",
    }  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_is_a_page_both_ways_and_a_part_is_no_page(browser, workflow, method):
    for name, address in walk(browser, workflow).items():
        plain, part = (browser.generic(method, address, headers=headers) for headers in ({}, HTMX))
        is_get = method == "GET"
        if KINDS[name] == "page":
            assert (plain.status_code, part.status_code) == (200, 200), name
            assert (b"<html" in plain.content) == (b"<html" in part.content) == is_get, name
        elif KINDS[name] == "way":
            # htmx leaves its page for the sign-in page, so that no part becomes a form.
            expected = (302, 204) if name == "certificate" else (302, 302)
            assert (plain.status_code, part.status_code) == expected, name
        else:
            assert (plain.status_code, part.status_code) == (302, 200), name
            assert b"<html" not in part.content, name


def test_nothing_that_is_somebodys_own_is_kept_by_a_cache_between(browser, workflow):
    submit(browser, workflow, fields(browser, workflow))
    for name, address in walk(browser, workflow).items():
        for headers in ({}, HTMX):
            answer = browser.get(address, headers=headers)
            kept = answer.headers["Cache-Control"]
            assert "private" in kept, name
            assert "public" not in kept, name
            assert "no-cache" in kept or "no-store" in kept, name
            if answer.status_code == 200 and b"<html" in answer.content:
                assert "Cookie" in answer.headers["Vary"], name
            if KINDS[name] == "part":
                assert "HX-Request" in answer.headers["Vary"], name
    refused = submit(browser, workflow, {}, HTMX)
    stored = submit(browser, workflow, fields(browser, workflow), HTMX)
    for answer in (refused, stored):
        assert "private" in answer.headers["Cache-Control"]
