"""Every form of every page, for everybody, filled with what nobody should send: never a 5xx.

The forms are found by walking the site as each person. `make fuzz` takes ten minutes.
"""

import copy
import os
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from tests import make
from tests.webapp.test_headers import everywhere
from webapp.accounts.models import Role, User

N_EXAMPLES = int(os.environ.get("FORM_EXAMPLES", "60"))
MOST_PAGES = 150  # walked as one person
HOSTILE = [
    "", " ", "\0", "a\0b", "\ud800", "\u202egnp.exe", "\u200b", "e" + "\u0301" * 500, "😀" * 200,
    "0", "-1", "1e3", "٣", str(2**31), str(2**63), "1" + "0" * 40, "nan", "inf", "1e400", "0x10",
    "true", "null", "[]", "{}", '{"format": 1}', '{"a": ' * 900,
    "../../etc/passwd", "C:\\x", "//evil.example",
    "javascript:alert(1)", "<script>alert(1)</script>", "' OR 1=1 --", "%00", "%s%n", "{{ 7*7 }}",
    "{0.__class__}", "\r\nSet-Cookie: x=1", "x" * 1_000_000, "2026-13-45", "9999-12-31T23:59:59Z",
    "0001-01-01", "00000000-0000-0000-0000-000000000000", "a@b", "\ufeffa", "=1+1", "\t", "\\",
]  # fmt: skip
NAMES = ["x.png", "x.csv", "x.zip", "x.json", "x.onnx", "../x.png", "x" * 300 + ".csv", ".htaccess"]
CONTENTS = [
    b"", b"\0" * 100, b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"a,b\n1,2\n", b"\xff\xfe\x00", b"{",
    b"survey_id,file\n\xff,x\n", b"[" * 5000, make.picture(),
]  # fmt: skip


@dataclass(frozen=True)
class Form:
    """A form as a page shows it: where it goes, and its fields with the values they have."""

    action: str
    method: str
    fields: tuple[tuple[str, str, str], ...]  # name, type, value


@dataclass
class Page(HTMLParser):
    """The forms and links of a page."""

    address: str
    forms: list[Form] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    _open: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.links.append(urljoin(self.address, given["href"]))
        elif tag == "form":
            place = urljoin(self.address, given.get("action", ""))
            self._open = [place, given.get("method", "get").lower(), []]
        elif self._open and tag in ("input", "select", "textarea", "button") and given.get("name"):
            kind = given.get("type", tag)
            self._open[2].append((given["name"], kind, given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._open:
            place, method, fields = self._open
            self.forms.append(Form(place, method, tuple(fields)))
            self._open = []


def read(client: Client, address: str) -> Page | None:
    """Open a page as a browser does."""
    answer: Any = client.get(address, follow=True)
    assert answer.status_code < 500, address
    if answer.streaming:
        b"".join(answer.streaming_content)
        return None
    if "html" not in answer.headers.get("Content-Type", ""):
        return None
    page = Page(address)
    page.feed(answer.content.decode())
    return page


def shape(form: Form) -> tuple[Any, ...]:
    """What two forms share that differ in ids only."""
    place = re.sub(r"[0-9a-f-]{36}|\d+", "N", urlsplit(form.action).path)
    return place, form.method, tuple(sorted({name for name, *_ in form.fields}))


def walk(client: Client, starts: list[str]) -> dict[tuple[Any, ...], Form]:
    """Every kind of form that somebody meets who follows all links."""
    found: dict[tuple[Any, ...], Form] = {}
    waiting = list(starts)
    kinds: set[str] = set()
    while waiting and len(kinds) < MOST_PAGES:
        address = waiting.pop(0)
        kind = re.sub(r"[0-9a-f-]{36}|\d+", "N", urlsplit(address).path)
        if kind in kinds or not address.startswith("/"):
            continue
        kinds.add(kind)
        if page := read(client, address):
            waiting += page.links
            found |= {shape(form): form for form in page.forms if form.action.startswith("/")}
    return found


@pytest.fixture
def people() -> dict[str, tuple[Client, list[Form]]]:
    """Everybody with the forms that they meet, in a site with something of everything."""
    owner = make.user("olivia", Role.SCIENTIST)
    workflow = make.owned(owner, n_subjects=3)
    workflow.subject_sets.get().owners.add(owner)
    make.owned(owner, status="draft")
    make.model(workflow=workflow)
    make.training_run(workflow, with_model=True)
    galaxy = workflow.subject_sets.get().subjects.first()
    make.classification(make.visitor(), workflow, galaxy)
    starts = [*everywhere(), f"/c/{workflow.slug}/classify/", f"/manage/campaigns/{workflow.slug}/"]
    users: dict[str, User | None] = {
        "a visitor": None, "a volunteer": make.user("alice"), "an owner": owner,
        "an administrator": make.user("vera", Role.ADMIN),
    }  # fmt: skip
    found = {}
    for name, user in users.items():
        client = Client(raise_request_exception=False)
        if user:
            client.force_login(user)
        found[name] = (client, sorted(walk(client, starts).values(), key=lambda form: form.action))
    return found


def values_of(draw: Any, form: Form) -> dict[str, Any]:
    """Fill a form: each field as it was, hostile, missing, or given twice; files with odd names."""
    filled: dict[str, Any] = {}
    for name, kind, value in form.fields:
        if kind == "file":
            content = draw(st.sampled_from(CONTENTS))
            filled[name] = SimpleUploadedFile("x", content)
            filled[name]._name = draw(st.sampled_from(NAMES))
            continue
        how = draw(st.sampled_from(["as it was", "hostile", "hostile", "missing", "twice"]))
        hostile = draw(st.sampled_from(HOSTILE) | st.text(max_size=40))
        if how == "missing":
            continue
        filled[name] = {"as it was": value, "hostile": hostile, "twice": [value, hostile]}[how]
    if draw(st.booleans()):
        filled[draw(st.text(min_size=1, max_size=10))] = draw(st.sampled_from(HOSTILE))
    return filled


def send(client: Client, form: Form, filled: dict[str, Any], *, by_htmx: bool) -> Any:
    """Send a form as its page would; a lone surrogate becomes what a browser makes of it."""
    headers = {"HX-Request": "true"} if by_htmx else {}
    if form.method == "get":
        plain = {k: v[:2000] if isinstance(v, str) else v for k, v in filled.items()}
        query = {name: _sendable(value) for name, value in plain.items()}
        return client.get(form.action, query, headers=headers)
    return client.post(
        form.action, {_sendable(k): _sendable(v) for k, v in filled.items()}, headers=headers
    )


def _sendable(value: Any) -> Any:
    if isinstance(value, list):
        return [_sendable(each) for each in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return value


@pytest.mark.django_db
def test_no_form_breaks_whatever_is_sent(people, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 3_000_000  # what is larger is refused before a form
    counts = {name: len(forms) for name, (_, forms) in people.items()}
    assert counts["a visitor"] >= 5, counts
    assert counts["an owner"] >= 25, counts
    assert counts["an administrator"] > counts["a volunteer"], counts

    @rules(
        max_examples=N_EXAMPLES,
        deadline=None,
        database=None,
        derandomize="FORM_EXAMPLES" not in os.environ,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def one(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(people)))
        client, forms = people[name]
        form = data.draw(st.sampled_from(forms))
        filled = values_of(data.draw, form)
        with transaction.atomic():
            cookies = copy.deepcopy(client.cookies)
            answer = send(client, form, filled, by_htmx=data.draw(st.booleans()))
            text = b"".join(answer.streaming_content) if answer.streaming else answer.content
            transaction.set_rollback(True)
        client.cookies = cookies  # somebody may have signed out, or deleted the account
        said = f"{name} {form.method} {form.action} {str(filled)[:600]}"
        assert answer.status_code < 500, said
        assert b"Traceback (most recent call last)" not in text, said

    one()


def test_the_walk_finds_forms_and_links():
    page = Page("/here/")
    page.feed('<a href="x/">x</a><form method="post"><input name="a" value="1"></form>')
    assert page.links == ["/here/x/"]
    assert page.forms == [Form("/here/", "post", (("a", "input", "1"),))]
