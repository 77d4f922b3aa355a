"""RS-28: the table of the limits is gone, and the rest of the database is there."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse

from tests import make
from webapp import settings as site
from webapp.accounts.identity import Identity
from webapp.accounts.models import Role
from webapp.api.models import Scope
from webapp.api.services import make_token
from webapp.api.throttles import ApiThrottle
from webapp.classifications.models import Classification
from webapp.common import limits
from webapp.common.limits import Counters, counters
from webapp.dashboard.metrics import exposition

pytestmark = pytest.mark.django_db
PASSWORD = "a long password"
N_THREADS, N_EACH = 8, 25


@pytest.fixture(autouse=True)
def clock(monkeypatch, settings):
    """The site's own limits, nothing counted yet, and a clock that the test moves."""
    settings.ACCOUNT_RATE_LIMITS = site.ACCOUNT_RATE_LIMITS
    now = [1000.0]
    monkeypatch.setattr(limits, "now_s", lambda: now[0])
    monkeypatch.setattr(Counters, "away_until_s", 0.0)
    cache.clear()
    counters()._own.clear()
    return now


def rename(was: str, becomes: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {was} RENAME TO {becomes}")


@pytest.fixture
def broken(clock):
    """The table is away until the test's transaction is rolled back."""
    rename("cache", "cache_elsewhere")


def sign_in(name: str, password: str, address: str = "192.0.2.1") -> int:
    client = Client(REMOTE_ADDR=address)
    fields = {"login": name, "password": password}
    return int(client.post(reverse("account_login"), fields).status_code)


@pytest.mark.usefixtures("broken")
def test_pages_come_and_votes_are_stored():
    workflow = make.workflow(n_subjects=2)
    client = Client()
    assert client.get(f"/c/{workflow.slug}/classify/", follow=True).status_code == 200
    browser = client.cookies["browser"].value.strip('"').split(":")[0]
    shown = make.shown(Identity(user=None, browser=uuid.UUID(browser)), workflow)
    form = {"uuid": str(uuid.uuid4()), "shown": shown.sign(), "path": "0"}
    assert client.post(f"/c/{workflow.slug}/submit/", form).status_code == 302
    assert Classification.objects.get().uuid == uuid.UUID(form["uuid"])


@pytest.mark.usefixtures("broken")
def test_sign_in_goes_on_and_stays_limited():
    make.user("alice")
    make.user("bob")
    assert sign_in("bob", PASSWORD) == 302
    for number in range(5):
        assert sign_in("alice", "wrong", f"192.0.2.{number}") == 200
    assert sign_in("alice", PASSWORD, "192.0.2.99") == 200  # even the right one waits
    for number in range(30):
        sign_in(f"nobody{number}", "wrong")
    assert sign_in("bob", PASSWORD) in (200, 429)  # so does this address


@pytest.mark.usefixtures("broken")
def test_what_is_used_up_is_used_up_in_this_process():
    """As a code of the second factor is."""
    assert [cache.add("code", "y", 30) for _ in range(2)] == [True, False]
    assert cache.get("code") == "y"
    assert cache.delete("code")
    assert cache.get("code") is None


@pytest.mark.usefixtures("broken")
def test_programs_are_still_counted(settings):
    settings.API_REQUESTS_PER_MINUTE = 2
    _, key = make_token(user=make.user("alice", Role.SCIENTIST), name="test", scopes=[Scope.READ])
    headers = {"Authorization": f"Bearer {key}"}
    answers = [Client().get("/api/workflows/", headers=headers).status_code for _ in range(3)]
    assert answers == [200, 200, 429]


def test_it_is_said_in_the_log_the_figures_and_to_the_administrator(client, caplog):
    client.force_login(make.user("vera", Role.ADMIN))
    page, words = reverse("dashboard:operations"), "The table of the limits cannot be used"
    assert b"site_limits_shared 1.0" in exposition()[0]
    assert words not in client.get(page).content.decode()

    rename("cache", "cache_elsewhere")
    assert b"site_limits_shared 0.0" in exposition()[0]
    assert words in client.get(page).content.decode()
    for _ in range(3):
        sign_in("alice", "wrong")
    said = [record.message for record in caplog.records if record.name == "webapp.common.limits"]
    assert len(said) == 1
    assert said[0].startswith("Limits are counted by each process alone: relation")


def test_the_table_is_tried_again_after_a_while(clock):
    rename("cache", "cache_elsewhere")
    cache.set("name", "alone")
    rename("cache_elsewhere", "cache")
    assert cache.get("name") == "alone"
    clock[0] += limits.AGAIN_S
    assert cache.get("name") is None
    cache.set("name", "shared")
    assert cache.get("name") == "shared"


@pytest.mark.django_db(transaction=True)
def test_requests_at_the_same_moment_are_each_counted(settings):
    settings.API_REQUESTS_PER_MINUTE = most = N_THREADS * N_EACH // 2
    start = Barrier(N_THREADS)
    request = SimpleNamespace(auth=None, user=SimpleNamespace(pk=1))

    def ask(_: int) -> int:
        try:
            throttle = ApiThrottle()
            throttle.timer = lambda: 1000.0  # all in one minute
            start.wait(30)
            return sum(throttle.allow_request(request, None) for _ in range(N_EACH))
        finally:
            connection.close()

    with ThreadPoolExecutor(N_THREADS) as pool:
        assert sum(pool.map(ask, range(N_THREADS))) == most
