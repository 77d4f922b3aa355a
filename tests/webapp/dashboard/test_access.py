"""Every address of the owners' pages, for everybody: the table of expected codes."""

from contextlib import contextmanager
from urllib.parse import unquote

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from tests import make
from webapp.accounts.models import Role, Volunteer
from webapp.classifications.models import Suspicion
from webapp.common.models import AuditEntry
from webapp.dashboard import urls
from webapp.workflows.models import Status

pytestmark = pytest.mark.django_db
SIGN_IN, GONE, NOT_YOURS, WRONG_METHOD = 302, 404, 403, 405
PEOPLE = ("anonymous", "volunteer", "other", "owner", "admin")

# What GET and POST answer to an owner (or an administrator). What is posted is empty, so that a
# form answers 422; what needs no field is done and leads on (302).
OWNERS = {
    "campaign": (200, WRONG_METHOD),
    "checklist": (302, WRONG_METHOD),  # parts opened by hand lead to their page
    "progress": (302, WRONG_METHOD),
    "launch": (WRONG_METHOD, 422),
    "pause": (WRONG_METHOD, 302),
    "resume": (WRONG_METHOD, 422),
    "finish": (200, 302),
    "duplicate": (WRONG_METHOD, 302),
    "test_votes": (200, 302),
    "sets": (200, 422),
    "unlink": (200, 302),
    "rule": (200, 422),
    "texts": (200, 422),
    "catalog": (200, 302),  # an empty form: votes are hidden no more
    "answering": (200, 302),  # an empty form: no summary, and nothing is told
    "tree": (200, 422),
    "confirm_tree": (WRONG_METHOD, GONE),
    "owners": (200, 422),
    "remove_owner": (200, 422),
    "insight": (200, WRONG_METHOD),
    "gold": (200, 422),
    "gold_file": (200, 422),
    "store_gold_file": (WRONG_METHOD, 302),
    "gold_rate": (200, 302),  # no step: no gold is shown
    "gold_answers": (200, 422),
    "remove_gold": (200, 302),
    "streams": (200, 422),
    "retry_scoring": (WRONG_METHOD, 302),
    "people": (200, WRONG_METHOD),
    "weigh": (WRONG_METHOD, 302),
    "weighing": (302, WRONG_METHOD),
    "exclude": (200, 422),
    "keep": (200, 422),
    "models": (200, WRONG_METHOD),
    "register_model": (200, 422),
    "roll_back": (WRONG_METHOD, 422),
    "model": (200, WRONG_METHOD),
    "model_file": (200, WRONG_METHOD),
    "promote": (WRONG_METHOD, 422),
    "archive_model": (WRONG_METHOD, 302),
    "restore_model": (WRONG_METHOD, 302),
    "runs": (200, WRONG_METHOD),
    "retrain": (WRONG_METHOD, 422),
    "plan": (200, 422),
    "run": (200, WRONG_METHOD),
    "run_live": (302, WRONG_METHOD),
    "cancel_run": (WRONG_METHOD, 302),
    "comparison": (200, WRONG_METHOD),
    "retired": (200, WRONG_METHOD),
    "flagged": (200, WRONG_METHOD),
    "history": (200, WRONG_METHOD),
}
SCIENTISTS = {"campaigns": (200, WRONG_METHOD), "create": (200, 422)}
ADMINS = {
    "operations": (200, WRONG_METHOD),
    "operations_part": (302, WRONG_METHOD),
    "retry": (WRONG_METHOD, 302),
    "count_again": (WRONG_METHOD, 302),
}
EVERYTHING = OWNERS | SCIENTISTS | ADMINS


def expected(name: str, person: str, method: str) -> int:
    codes = EVERYTHING[name]
    code = codes[method == "post"]
    if code == WRONG_METHOD:
        return WRONG_METHOD
    if person == "anonymous":
        return SIGN_IN
    if name in ADMINS:
        return code if person == "admin" else NOT_YOURS
    if name in SCIENTISTS:
        return NOT_YOURS if person == "volunteer" else code
    return code if person in ("owner", "admin") else GONE


@pytest.fixture
def world():
    """Something of everything; each answer is given to a new browser, and undone after a look."""
    people = {
        "volunteer": make.user("volunteer"),
        "other": make.user("other", Role.SCIENTIST),
        "owner": make.user("owner", Role.SCIENTIST),
        "admin": make.user("admin", Role.ADMIN),
    }
    workflow = make.owned(people["owner"], n_subjects=1)
    galaxy = workflow.subject_sets.get().subjects.get()
    raised = Suspicion.objects.create(
        workflow=workflow, volunteer=Volunteer.objects.create(), words="Fast."
    )
    extra: dict[str, dict[str, object]] = {
        "gold_answers": {"subject_id": galaxy.pk},
        "remove_gold": {"subject_id": galaxy.pk},
        "exclude": {"suspicion_id": raised.pk},
        "keep": {"suspicion_id": raised.pk},
        "unlink": {"subject_set": workflow.subject_sets.get().slug},
        "remove_owner": {"user_id": people["owner"].pk},
    }
    model: dict[str, object] = {"pk": make.model(workflow=workflow).pk}
    extra |= dict.fromkeys(("model", "model_file", "promote", "archive_model"), model)
    run: dict[str, object] = {"pk": make.training_run(workflow, with_model=True).pk}
    extra |= dict.fromkeys(("run", "run_live", "cancel_run", "comparison"), run)
    extra["count_again"] = {"slug": workflow.slug}
    extra["retry"] = {"kind": "retraining.trainingrun", "pk": run["pk"]}
    extra["restore_model"] = {"pk": make.model(workflow=workflow, status="archived").pk}

    @contextmanager
    def answer(name: str, person: str, method: str):
        client = Client()
        one: dict[str, object] = {"slug": workflow.slug} if name in OWNERS else {}
        place = reverse(f"dashboard:{name}", kwargs=one | extra.get(name, {}))
        with transaction.atomic():
            if person in people:
                client.force_login(people[person])
            got = getattr(client, method)(place)
            # A download ends with its file.
            b"".join(got.streaming_content if got.streaming else ())
            yield got
            transaction.set_rollback(True)

    return answer


def test_the_table_has_every_address():
    assert {pattern.name for pattern in urls.urlpatterns} == set(EVERYTHING)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_who_gets_what(world, name, method):
    for person in PEOPLE:
        with world(name, person, method) as answer:
            assert answer.status_code == expected(name, person, method), person
            if person == "anonymous" and answer.status_code == SIGN_IN:
                assert answer.headers["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("name", sorted(OWNERS))
def test_a_stranger_changes_nothing(world, name):
    for person in ("anonymous", "volunteer", "other"):
        with world(name, person, "post"):
            assert not AuditEntry.objects.exists(), person


@pytest.mark.parametrize(
    "name", ["finish", "test_votes", "unlink", "remove_owner", "campaign", "remove_gold", "exclude"]
)
def test_looking_changes_nothing(world, name):
    with world(name, "owner", "get"):
        assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "name", ["pause", "duplicate", "rule", "launch", "gold_rate", "weigh", "register_model"]
)
def test_a_post_without_its_token_is_refused(name):
    alice = make.user("alice", Role.SCIENTIST)
    workflow = make.owned(alice)
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)

    answer = client.post(reverse(f"dashboard:{name}", args=[workflow.slug]), {"votes": "3"})

    assert answer.status_code == 403
    assert not AuditEntry.objects.exists()


def test_who_is_no_scientist_any_more_finds_nothing(client):
    alice = make.user("alice")
    workflow = make.owned(alice)
    client.force_login(alice)
    page = client.get(reverse("dashboard:campaign", args=[workflow.slug]))
    assert page.status_code == 404


@pytest.mark.parametrize(
    "place",
    [
        "retired/?after=" + "9" * 41,
        "retired/?after=-1",
        f"gold/{10**40}/",
        f"people/{10**40}/keep/",
        "gold/?after=x",
        "retired/?after=1e3",
        "flagged/?before=٣",
        "history/?before=",
        f"owners/{10**40}/remove/",
        "sets/no-such-set/unlink/",
        "models/1/",
        f"models/{10**40}/",
        f"models/{10**40}/file/",
    ],
)
def test_ids_of_nothing_find_nothing(client, place):
    alice = make.user("alice", Role.SCIENTIST)
    workflow = make.owned(alice)
    client.force_login(alice)
    root = reverse("dashboard:campaign", args=[workflow.slug])
    assert client.get(root + place).status_code == 404


def test_a_part_is_answered_to_htmx_and_an_expired_sign_in_leads_to_the_page(client):
    alice = make.user("alice", Role.SCIENTIST)
    workflow = make.owned(alice, status=Status.DRAFT)
    page = reverse("dashboard:campaign", args=[workflow.slug])
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{page}"}
    place = reverse("dashboard:checklist", args=[workflow.slug])

    expired = client.get(place, headers=headers)
    assert expired.status_code == 204
    assert unquote(expired.headers["HX-Redirect"]) == f"{reverse('account_login')}?next={page}"

    client.force_login(alice)
    for name in ("checklist", "progress"):
        part = client.get(reverse(f"dashboard:{name}", args=[workflow.slug]), headers=headers)
        html = part.content.decode()
        assert part.status_code == 200
        assert f'id="{name}"' in html
        assert "<html" not in html
        assert "HX-Request" in part.headers["Vary"]
    assert "<html" in client.get(page, headers=headers).content.decode()
