"""Every page, for everybody: the headers, and nothing that the content policy would stop."""

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver

from tests import make
from webapp.accounts.models import Role

pytestmark = pytest.mark.django_db
REDIRECTS = {301, 302}
FOREIGN = re.compile(
    r"""<(?:script|link|img|iframe|source|use|form|video|audio|object|embed)\b[^>]*"""
    r"""\b(?:src|href|action|srcset|data)=["'](?:https?:)?//""",
    re.IGNORECASE,
)
INLINE = {
    "a script": re.compile(
        r"<script\b(?![^>]*\bsrc=)(?![^>]*type=.application/json)", re.IGNORECASE
    ),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "a style attribute": re.compile(r"<[^>]*\sstyle=", re.IGNORECASE),
    "a handler": re.compile(r"<[^>]*\s(?:on[a-z]+|(?:data-)?hx-on[:-][\w:-]+)=", re.IGNORECASE),
    "a script link": re.compile(r"""(?:href|action)=["']?\s*javascript:""", re.IGNORECASE),
}


def addresses(resolver: URLResolver, before: str = "/") -> Iterator[str]:
    """Every address that takes no arguments."""
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern).lstrip("^").rstrip("$").removesuffix(r"\Z")
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, route)
        elif not re.search(r"[<(\\\[]", route):
            yield route


def everywhere() -> list[str]:
    return sorted({*addresses(get_resolver()), "/nothing-is-here/"})


@pytest.fixture(params=["a visitor", "a volunteer", "an administrator"])
def somebody(request) -> Client:
    client = Client(raise_request_exception=False)
    if request.param == "a volunteer":
        client.force_login(make.user("alice"))
    if request.param == "an administrator":
        client.force_login(make.user("vera", Role.ADMIN))
    return client


def test_the_crawl_finds_the_site():
    found = everywhere()
    assert {"/", "/accounts/login/", "/about/privacy/", "/admin/", "/people/"} <= set(found)
    assert len(found) > 30


def test_every_page_has_the_headers(somebody):
    make.workflow(n_subjects=2)
    for address in everywhere():
        answer = somebody.get(address)
        headers = answer.headers
        assert answer.status_code < 500, address
        assert headers["X-Content-Type-Options"] == "nosniff", address
        assert headers["Referrer-Policy"] == "same-origin", address
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", address
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", address
        assert "camera=()" in headers["Permissions-Policy"], address
        assert "public" not in headers.get("Cache-Control", ""), address
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy, address
        assert "frame-ancestors 'none'" in policy, address
        assert "object-src 'none'" in policy, address
        assert "unsafe" not in policy, address
        assert "http" not in policy, address


def test_no_page_has_what_the_policy_would_stop(somebody):
    make.workflow(n_subjects=2)
    for address in everywhere():
        answer = somebody.get(address)
        if answer.status_code in REDIRECTS or "html" not in answer.headers.get("Content-Type", ""):
            continue
        html = answer.content.decode()
        assert not FOREIGN.search(html), f"{address} {FOREIGN.search(html)}"
        for what, pattern in INLINE.items():
            assert not pattern.search(html), f"{address} has {what}: {pattern.search(html)}"


def test_what_the_policy_would_stop_is_noticed():
    bad = ["<script>", "<style>", '<p style="x">', '<a onclick="x">', '<a href="javascript:x">']
    for html, pattern in zip(bad, [INLINE[name] for name in (
        "a script", "a style element", "a style attribute", "a handler", "a script link",
    )], strict=True):  # fmt: skip
        assert pattern.search(html)
    assert FOREIGN.search('<script src="//cdn.example/x.js">')
    assert FOREIGN.search("<img src='https://cdn.example/x.png'>")
    assert not FOREIGN.search('<script src="/static/x.js">')


def test_every_cookie_is_safe(client):
    workflow = make.workflow(n_subjects=1)
    make.user("alice")
    client.get(f"/c/{workflow.slug}/classify/")
    client.get("/accounts/login/")
    client.post("/theme/", {"theme": "night"})
    client.post("/accounts/login/", {"login": "alice", "password": "a long password"})

    assert {"session", "csrf", "browser", "theme"} <= set(client.cookies)
    for name, cookie in client.cookies.items():
        assert cookie["httponly"], name
        assert cookie["samesite"] == "Lax", name
        assert cookie["path"] == "/", name
        assert not cookie["domain"], name


def test_a_servers_browser_and_theme_cookies_are_for_https_only(client, settings):
    settings.LOCAL_MODE = False
    workflow = make.workflow(n_subjects=1)
    client.get(f"/c/{workflow.slug}/classify/")
    client.post("/theme/", {"theme": "night"})
    assert client.cookies["browser"]["secure"]
    assert client.cookies["theme"]["secure"]


def test_htmx_is_told_what_it_may_not_do(client):
    html = client.get("/about/").content.decode()
    for setting in (
        '"allowEval":false',
        '"allowScriptTags":false',
        '"includeIndicatorStyles":false',
        '"selfRequestsOnly":true',
    ):
        assert setting in html
