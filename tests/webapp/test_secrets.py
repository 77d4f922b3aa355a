"""I28: no page, header, figure, error or file of the site tells a secret of it."""

import re
from pathlib import Path

import pytest
from django.conf import settings as site
from django.contrib.staticfiles import finders
from django.db import OperationalError
from django.test import Client

from tests import make
from tests.webapp.test_headers import everywhere
from webapp.accounts.models import Role
from webapp.classifications import queries

pytestmark = pytest.mark.django_db
SECRETS = {
    "SECRET_KEY": "key-of-the-site-" + 8 * "q7Zr",
    "PSEUDONYM_KEY": "key-of-pseudonyms-" + 8 * "w3Xk",
    "CELERY_BROKER_URL": "redis://:password-of-the-broker-v9Lm@broker.example:6379/0",
    "METRICS_TOKEN": "token-of-figures-b2Xq",
    "BACKUP_KEY": "AGE-SECRET-KEY-OF-BACKUPS-J5TT",
    "EMAIL_HOST_PASSWORD": "password-of-mail-h8Yc",
    "MEDIA_S3_SECRET_KEY": "key-of-the-store-p4Gf",
    "SENTRY_DSN": "https://key-of-errors-k1Ws@errors.example/1",
}
OF_THE_DATABASE = "password-of-the-database-m6Vb"
WORDS = [*SECRETS.values(), "password-of-the-broker-v9Lm", OF_THE_DATABASE]
LINK = re.compile(r"""(?:href|src|action|hx-get)=["'](/[^"'#]*)""")
MOST = 400  # addresses; the world of this test has fewer
NOT_SERVED = [
    "/.git/", "/.git/config", "/.git/HEAD", "/.env", "/.env.example", "/secret-key", "/var/",
    "/var/secret-key", "/backups/", "/backup/", "/backups/site.age", "/settings.py", "/manage.py",
    "/webapp/settings.py", "/static/../secret-key", "/static/%2e%2e/secret-key", "/secrets/",
    "/media/../secret-key", "/media/../../secret-key", "/media/%2e%2e/%2e%2e/secret-key",
    "/media/..%2f..%2fsecret-key", "/media/originals/", "/static/", "/media/",
    "/docker-compose.yml", "/static/js/queue.js.map", "/static/css/pages.css.map", "/debug/",
]  # fmt: skip


@pytest.fixture
def vera(settings, monkeypatch, tmp_path):
    """An administrator of a site full of secrets, two of which lie in files."""
    for name, value in SECRETS.items():
        setattr(settings, name, value)
    monkeypatch.setitem(site.DATABASES["default"], "PASSWORD", OF_THE_DATABASE)
    settings.BACKUP_DIR = str(tmp_path)
    (tmp_path / "site.age").write_text(SECRETS["BACKUP_KEY"])
    key = Path(site.VAR_DIR) / "secret-key"
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_text(SECRETS["SECRET_KEY"])
    yield make.user("vera", Role.ADMIN)
    key.unlink()


def content_of(answer) -> str:
    """All that goes over the line, the headers and cookies too."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return f"{answer.headers}\n{answer.cookies}\n{body.decode('latin-1')}"


def ask(client: Client, address: str, **headers: str) -> tuple[int, str]:
    answer = client.get(address, headers=headers)
    said = content_of(answer)
    assert [word for word in WORDS if word in said] == [], address
    return answer.status_code, said


def crawl(client: Client, start: list[str]) -> dict[str, int]:
    """Ask every address that a page leads to; return what each answered."""
    waiting, found = list(start), dict[str, int]()
    while waiting:
        address = waiting.pop()
        if address in found:
            continue
        assert len(found) < MOST
        found[address], said = ask(client, address)
        known = {re.sub(r"\d+|[0-9a-f-]{36}|\?.*", "N", one) for one in (*found, *waiting)}
        for link in LINK.findall(said):
            shape = re.sub(r"\d+|[0-9a-f-]{36}|\?.*", "N", link)
            if shape not in known and not link.startswith((site.MEDIA_URL, site.STATIC_URL)):
                known.add(shape)
                waiting.append(link.replace("&amp;", "&"))
    return found


@pytest.mark.slow
def test_no_page_tells_one(vera):
    workflow = make.owned(vera, n_subjects=2)
    make.classification(make.visitor(vera), workflow, workflow.subject_sets.get().subjects.first())
    make.training_run(workflow, with_model=True)
    visitor = crawl(Client(raise_request_exception=False), everywhere())
    of_vera = Client(raise_request_exception=False)
    of_vera.force_login(vera)
    found = crawl(of_vera, [page for page in everywhere() if "logout" not in page])
    assert {200, 302, 404, 405} <= set(found.values()) | set(visitor.values())
    assert len(found) > len(visitor) > 40
    for page in ("models", "training", "people", "history"):
        assert found[f"/manage/campaigns/{workflow.slug}/{page}/"] == 200
    assert found["/manage/operations/"] == 200


def test_what_machines_ask_tells_none(vera, monkeypatch):
    client = Client(raise_request_exception=False)
    token = {"Authorization": f"Bearer {SECRETS['METRICS_TOKEN']}"}
    assert ask(client, "/metrics")[0] == 401
    status, figures = ask(client, "/metrics", **token)
    assert (status, "site_work" in figures) == (200, True)
    assert ask(client, "/readyz")[0] in (200, 503)
    assert ask(client, "/api/openapi.json")[0] == 200

    def away(*_):
        raise OperationalError(f"connection with password={OF_THE_DATABASE} failed")

    monkeypatch.setattr("webapp.dashboard.health._database", away)
    assert ask(client, "/readyz")[0] == 503


@pytest.mark.parametrize("is_admin", [False, True])
def test_an_error_tells_none(vera, monkeypatch, is_admin):
    client = Client(raise_request_exception=False)
    if is_admin:
        client.force_login(vera)

    def broken():
        raise RuntimeError(" ".join(WORDS))

    monkeypatch.setattr(queries, "campaigns", broken)
    status, said = ask(client, "/")
    assert (status, "Traceback" in said) == (500, False)
    assert ask(client, "/c/%00/")[0] in (400, 404)
    for host in ("evil.example", "["):
        assert ask(client, "/about/", Host=host)[0] == 400


def test_files_beside_the_site_are_not_served(vera):
    for client in (Client(), Client()):
        for address in NOT_SERVED:
            assert ask(client, address)[0] in (301, 302, 400, 404), address
        client.force_login(vera)


def test_no_static_file_leads_to_a_map_of_its_source():
    """A map would tell nothing secret, but the browser would ask for what is not there."""
    named = [name for finder in finders.get_finders() for name, _ in finder.list([])]
    assert len(named) > 50
    ours = [name for name in named if not name.startswith(("admin/", "rest_framework/"))]
    assert [name for name in ours if name.endswith(".map")] == []
