"""The colors can be read, and what a page loads is small and allowed by the content policy."""

import gzip
import re
from pathlib import Path

import django_htmx
import pytest

ROOT = Path(__file__).parents[2]
CSS = ROOT / "static" / "css"
TEMPLATES = ROOT / "templates"

TEXTS = ("ink", "muted", "people", "machine", "belief", "good", "bad")
GROUNDS = ("ground", "surface", "raised")
CONTROLS = ("control", "focus", "good", "bad", "people")


def blocks_of_colors():
    """Return the colors by name of each theme's block in tokens.css, in the order written."""
    text = (CSS / "tokens.css").read_text(encoding="utf-8")
    bodies = re.findall(r"\{([^{}]*)\}", text)
    blocks = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", body)) for body in bodies]
    return [block for block in blocks if block]


def luminance(color):
    """Return the relative luminance, 0 to 1, as WCAG 2.2 defines it."""
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    """Return the contrast ratio, 1 to 21, as WCAG 2.2 defines it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def themes():
    night, paper, _paper_by_device = blocks_of_colors()
    return {"night": night, "paper": paper}


def failing(pairs, least):
    """Return each pair of token names, in each theme, that has less contrast than asked."""
    return [
        f"{theme}: {front} on {back} has {contrast(colors[front], colors[back]):.2f}"
        for theme, colors in themes().items()
        for front, back in pairs
        if contrast(colors[front], colors[back]) < least
    ]


def test_contrast_agrees_with_known_values():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


def test_text_has_a_contrast_of_at_least_4_5():
    pairs = [(text, ground) for text in TEXTS for ground in GROUNDS]
    pairs += [("ink", "selected"), ("muted", "selected"), ("people", "selected")]
    pairs += [("on-evidence", "people"), ("ground", "ink"), ("ground", "belief")]
    assert failing(pairs, 4.5) == []


def test_controls_and_focus_have_a_contrast_of_at_least_3():
    pairs = [(control, ground) for control in CONTROLS for ground in GROUNDS]
    assert failing(pairs, 3) == []


def test_bars_stand_out_from_their_track():
    assert failing([(kind, "raised") for kind in ("people", "machine", "belief")], 3) == []


def test_night_is_never_pure_white_on_pure_black():
    night = themes()["night"]
    assert night["ink"] != "#ffffff"
    assert night["ground"] != "#000000"


def test_paper_by_choice_and_paper_by_device_are_one_theme():
    _night, chosen, by_device = blocks_of_colors()
    assert chosen == by_device


def test_every_theme_names_every_color():
    night, paper, _ = blocks_of_colors()
    assert night.keys() == paper.keys()


def test_every_token_used_is_defined():
    text = "".join(path.read_text(encoding="utf-8") for path in CSS.glob("*.css"))
    used = set(re.findall(r"var\(--([\w-]+)", text))
    defined = set(re.findall(r"--([\w-]+):", text))
    assert used - defined == set()


def test_colors_are_written_in_tokens_only():
    # The sky is black in both themes, so its fades and shadows need no token.
    allowed = r"#04060b[0-9a-f]{2}|#000[0-9a-f]"
    for name in ("components.css", "pages.css"):
        colors = re.findall(r"(?<!url\()#[0-9a-f]{3,8}\b", (CSS / name).read_text(encoding="utf-8"))
        assert [color for color in colors if not re.fullmatch(allowed, color)] == []


def test_type_has_five_sizes():
    text = (CSS / "tokens.css").read_text(encoding="utf-8")
    assert len(re.findall(r"--text-\w+:", text)) == 5


def test_base_styles_and_htmx_stay_under_45_kb_compressed():
    htmx = Path(django_htmx.__file__).parent / "static" / "django_htmx" / "htmx-2.min.js"
    base = [TEMPLATES / "base.html", *TEMPLATES.glob("components/*.html")]
    files = [htmx, ROOT / "static" / "js" / "alerts.js", *CSS.glob("*.css"), *base]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < 45_000


@pytest.mark.parametrize(
    "forbidden",
    [
        r"\sstyle=",
        r"<style",
        r"<script(?![^>]*\ssrc=)",
        r"hx-on",
        r"\son[a-z]+=",
        r"[\"'(]https?://",
    ],
)
def test_no_template_needs_more_than_the_policy_allows(forbidden):
    offenders = [
        path.relative_to(TEMPLATES).as_posix()
        for path in TEMPLATES.rglob("*.html")
        if re.search(forbidden, path.read_text(encoding="utf-8"))
    ]
    assert offenders == []


def test_scripts_need_no_eval():
    # A single property may be set: what the policy refuses is styles as text.
    refused = (
        r"\beval\(|new Function|innerHTML|cssText|[\"']style[\"']|\.style\b(?!\.setProperty\()"
    )
    for path in (ROOT / "static" / "js").glob("*.js"):
        assert not re.search(refused, path.read_text(encoding="utf-8"))
