"""Pages in other languages: chosen like a theme, mirrored where one reads so, no bare English."""

import re
from html.parser import HTMLParser

import pytest
from django.urls import reverse
from django.utils import translation

from tests import make
from webapp.accounts.models import Role

pytestmark = pytest.mark.django_db


def test_a_language_is_remembered_and_forgotten(client):
    assert 'lang="en" dir="ltr"' in client.get("/my/").content.decode()
    answer = client.post(reverse("language"), {"language": "de", "next": "/my/"})
    assert answer.headers["Location"] == "/my/"
    html = client.get("/my/").content.decode()
    assert 'lang="de" dir="ltr"' in html
    assert "Meine Galaxien" in html
    client.post(reverse("language"), {"language": "klingon"})
    assert client.cookies["language"].value == ""
    assert client.get(reverse("language")).status_code == 405


def test_without_a_choice_the_browser_decides(client):
    german = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
    assert 'lang="de"' in client.get("/my/", headers=german).content.decode()
    assert 'lang="en"' in client.get("/my/", headers={"Accept-Language": "xx"}).content.decode()


def test_a_language_from_right_to_left_turns_the_page(client, settings):
    settings.LANGUAGES = [("en", "English"), ("ar", "العربية")]
    html = client.get("/my/", headers={"Accept-Language": "ar"}).content.decode()
    assert '<html lang="ar" dir="rtl"' in html


def test_dates_and_numbers_follow_the_language(client):
    user = make.user()
    client.force_login(user)
    workflow = make.workflow(n_subjects=1)
    identity = make.visitor(user)
    subject = workflow.subject_sets.get().subjects.get()
    make.classification(identity, workflow, subject)
    pages = {
        language: client.get(
            "/my/statistics/?by=day", headers={"Accept-Language": language}
        ).content.decode()
        for language in ("en", "de")
    }
    assert re.search(r">[A-Z][a-z]+\.? \d+, 20\d\d<", pages["en"])
    assert re.search(r">\d+\. [A-Zä-ü][a-zä-ü]+ 20\d\d<", pages["de"])
    assert ">0.00<" in pages["en"]
    assert ">0,00<" in pages["de"]


class Words(HTMLParser):
    """The words that a reader of a page meets, with those of screen readers."""

    SILENT = {"script", "style", "code", "pre", "kbd", "time"}
    SPOKEN = {"alt", "aria-label", "title", "placeholder"}

    def __init__(self):
        super().__init__()
        self.words, self.inside = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "link", "input", "img", "br", "hr", "use"):
            self.inside.append("code" if dict(attrs).get("translate") == "no" else tag)
        self.words += [value for name, value in attrs if name in self.SPOKEN and value]

    def handle_endtag(self, tag):
        if self.inside:
            self.inside.pop()

    def handle_data(self, data):
        if not self.SILENT & set(self.inside):
            self.words.append(data)


@pytest.fixture
def pseudo(monkeypatch):
    """A language in which every translated word stands in brackets."""
    real = translation._trans  # type: ignore[attr-defined]
    for name in ("gettext", "ngettext", "pgettext", "npgettext"):
        plain = getattr(real, name)
        monkeypatch.setattr(real, name, lambda *words, plain=plain: f"⟦{plain(*words)}⟧")


# Names, and what is of the data: they are the same in every language. Those of the training's
# settings are names of files.
NAMES = re.compile(
    r"English|Deutsch|Tuning Fork|CC0 1\.0|UTC|CSV|\w+@example\.org|alice|grace|Campaign \d+"
    r"|Set \d+|Three classes|Galaxy Zoo[\w ]*|px|MB|nats?"
    r"|campaign|galaxy-zoo-2|smoke|textbook|transfer"
)


def bare(html):
    """The English that no translation can reach."""
    reader = Words()
    reader.feed(html)
    text = "\x00".join(reader.words)
    while re.search(r"⟦[^⟦⟧]*⟧", text):
        text = re.sub(r"⟦[^⟦⟧]*⟧", "", text)
    found = [re.sub(r"\s+", " ", words).strip() for words in text.split("\x00")]
    return sorted({each for each in found if re.search(r"[A-Za-z]{2}", NAMES.sub("", each))})


VISITORS = [
    "/", "/my/", "/my/statistics/", "/about/", "/about/terms/", "/about/privacy/",
    "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nothing/",
]  # fmt: skip
OWNERS = [
    "", "sets/", "rule/", "texts/", "owners/", "insight/", "gold/", "gold/file/", "gold/rate/",
    "streams/", "people/", "models/", "models/register/", "training/", "training/plan/",
    "retired/", "flagged/", "history/",
]  # fmt: skip


def test_no_bare_english_for_visitors(client, pseudo):
    workflow = make.workflow(n_subjects=2)
    found = {address: bare(client.get(address).content.decode()) for address in VISITORS}
    task = client.get(f"/c/{workflow.slug}/classify/", follow=True).content.decode()
    tree = workflow.tree.tree
    own = {*(q.text for q in tree.questions), *(a.label for a in tree.answers)}
    found["task"] = [each for each in bare(task) if each not in own and each not in _helps(tree)]
    assert {address: words for address, words in found.items() if words} == {}


def _helps(tree):
    return {text.help for text in (*tree.questions, *tree.answers)}


def test_no_bare_english_for_owners(client, pseudo):
    grace = make.user("grace", Role.ADMIN)
    workflow = make.workflow(n_subjects=2)
    workflow.owners.add(grace)
    client.force_login(grace)
    subject = workflow.subject_sets.get().subjects.first()
    make.classification(make.visitor(grace), workflow, subject)
    places = [
        "/my/", "/my/statistics/", "/my/certificate/", "/accounts/profile/", "/people/",
        "/accounts/email/", "/manage/", "/manage/new/", "/sets/", "/sets/new/",
        *(reverse("dashboard:campaign", args=[workflow.slug]) + part for part in OWNERS),
    ]  # fmt: skip
    tree = workflow.tree.tree
    own = {*(q.text for q in tree.questions), *(a.label for a in tree.answers), *_helps(tree)}
    found = {}
    for address in places:
        answer = client.get(address)
        found[address] = [each for each in bare(answer.content.decode()) if each not in own] + (
            [] if answer.status_code == 200 else [str(answer.status_code)]
        )
    assert {address: words for address, words in found.items() if words} == {}
