"""Owners' Markdown is harmless when it reaches a page."""

import re

import pytest

from webapp.common.markdown import to_html

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)></svg>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)></object>",
    "<embed src=javascript:alert(1)>",
    "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    "<style>*{background:url(//evil.example)}</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<form action=//evil.example><button>x</button></form>",
    "<a hx-get=/people/ hx-trigger=load>x</a>",
    "<div hx-on:click=alert(1) data-hx-post=/x data-hx-trigger=load>x</div>",
    "<div hx-on--load=alert(1)>x</div>",
    "<p style='position:fixed'>x</p>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](\u00a0javascript:alert(1))",
    "[x](\u2003javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox(1))",
    "[x](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    "![x](https://evil.example/pixel.png)",
    "![x](javascript:alert(1))",
    "`<script>alert(1)</script>`",
    "```html\n<script>alert(1)</script>\n```",
    "<!--><script>alert(1)</script>-->",
    "<x onmouseover=alert(1)>",
    '[x](https://a.example/"onmouseover="alert(1))',
    "[x](https://a.example 'title\" onclick=\"alert(1)')",
    "</div><script>alert(1)</script>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<textarea><script>alert(1)</script></textarea>",
    "| a |\n|---|\n| <script>alert(1)</script> |",
]
ELEMENTS = re.compile(
    r"<(script|svg|img|iframe|object|embed|math|style|link|base|meta|form|input|button|textarea"
    r"|noscript)\b",
    re.IGNORECASE,
)
ATTRIBUTES = re.compile(r"<[^>]*\s(on\w+|hx-(?!disable)|data-hx|style|src|srcdoc)", re.IGNORECASE)
LINKS = re.compile(r"<[^>]*href=\W*(?!https?:|mailto:)[a-z]+:", re.IGNORECASE)


def is_active(html: str) -> bool:
    without_values = re.sub(r'"[^"]*"', '""', html)
    return bool(ELEMENTS.search(html) or ATTRIBUTES.search(without_values) or LINKS.search(html))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_active_survives(payload):
    assert not is_active(to_html(payload))


def test_a_payload_would_be_noticed():
    assert all(is_active(text) for text in ("<script>", "<b onclick=x>", "<a href=data:x>"))


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
