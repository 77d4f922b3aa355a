"""Owners' Markdown is harmless when it reaches a page."""

import re
from html.parser import HTMLParser

import nh3
import pytest
from markdown_it import MarkdownIt

from tests.webapp.common.payloads import PAYLOADS
from webapp.common import markdown
from webapp.common.markdown import to_html

ELEMENTS = {
    "a", "blockquote", "br", "code", "div", "em", "h2", "h3", "h4", "hr", "li", "ol", "p", "pre",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "div": {("class", "prose"), ("hx-disable", None)},
    "a": {("rel", "noopener ugc nofollow")},
}
SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
BLANKS = "".join(map(chr, range(33)))


class Reader(HTMLParser):
    """Reads HTML as a browser would, and not with the parser that cleaned it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in ELEMENTS:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if (tag, name) == ("a", "href"):
                self._read_link(value or "", dict(attrs))
            elif (name, value) not in ATTRIBUTES.get(tag, set()):
                self.found.append(f"{tag} {name}={value}")

    def _read_link(self, address, attributes):
        # The rule of browsers: blanks before it and tabs and line breaks inside it do not count.
        scheme = SCHEME.match(re.sub(r"[\t\r\n]", "", address.lstrip(BLANKS)))
        if scheme and scheme[1].lower() not in ("http", "https", "mailto"):
            self.found.append(f"href={address}")
        if attributes.get("rel") != "noopener ugc nofollow":
            self.found.append(f"no rel: {address}")

    def handle_comment(self, data):
        self.found.append(f"<!--{data}-->")

    def handle_decl(self, decl):
        self.found.append(f"<!{decl}>")

    def handle_pi(self, data):
        self.found.append(f"<?{data}>")

    def unknown_decl(self, data):
        self.found.append(f"<![{data}]>")


def active(html: str) -> list[str]:
    """Return whatever is there beside words, their shape, and links that carry no trust."""
    return Reader(html).found


def test_there_are_two_hundred_payloads():
    assert len(PAYLOADS) >= 200


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_active_survives(payload):
    assert active(to_html(payload)) == []


@pytest.mark.parametrize(
    "html",
    [
        "<script>", "<b onclick=x>", "<a href=data:x>", '<a href="https://x">', "<p hx-get=/>",
        "<img>", "<!-- -->", "<p style=x>", '<a rel="noopener ugc nofollow" href="java\nscript:1">',
    ],
)  # fmt: skip
def test_a_payload_would_be_noticed(html):
    assert active(html)


def test_without_the_cleaning_many_would_be_active(monkeypatch):
    """The parser of Markdown does half of it; what cleans is there for a hole in that one."""
    monkeypatch.setattr(nh3, "clean", lambda html, **_: html)
    monkeypatch.setattr(markdown, "_parser", MarkdownIt("commonmark", {"html": True}))
    raw = markdown.to_html.__wrapped__
    assert sum(bool(active(raw(payload))) for payload in PAYLOADS) >= 100


def test_the_text_stands_in_an_element_that_htmx_leaves_alone():
    assert to_html("x") == '<div class="prose" hx-disable><p>x</p>\n</div>'


def test_words_links_and_tables_survive():
    html = to_html(
        "# A\n\n**b** [c](https://example.org) [d](mailto:e@example.org)\n\n| f |\n|-|\n| g |"
    )
    assert "<strong>b</strong>" in html
    assert 'href="https://example.org"' in html
    assert 'rel="noopener ugc nofollow"' in html
    assert 'href="mailto:e@example.org"' in html
    assert "<td>g</td>" in html


@pytest.mark.parametrize("link", ["//evil.example/x", "https:/\\evil.example"])
def test_a_link_to_elsewhere_carries_no_trust(link):
    html = to_html(f"[x]({link})")
    assert "href" not in html or 'rel="noopener ugc nofollow"' in html


def test_text_of_every_kind_is_survived():
    for text in ("", "\0", "\u202e", "[" * 5000, "> " * 500 + "x", "*" * 20_000):
        assert to_html(text).startswith("<div")
