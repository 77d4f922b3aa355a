"""Filters that every template may use."""

from functools import lru_cache

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from webapp.common import markdown

register = template.Library()


@register.filter
def markdown_html(text: str) -> SafeString:
    """Return an owner's Markdown as sanitized HTML that htmx leaves alone."""
    return markdown.to_html(text)


@register.filter
def get(mapping: dict[object, object], key: object) -> object:
    """Return mapping[key], or None."""
    return mapping.get(key)


@register.filter
def percent(fraction: float | None) -> str:
    """Return a fraction as whole percent; nothing for none."""
    return "" if fraction is None else f"{100 * fraction:.0f}"


@register.filter
def percent_of(part: int, whole: int) -> str:
    """Return a part as whole percent, rounded down: 100 is all of it."""
    return str(100 * part // whole) if whole else "0"


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return an answer's icon, as components/icon.html does, for pages that draw many at once."""
    return _icon(name)


@lru_cache(maxsize=256)
def _icon(name: str) -> SafeString:
    return format_html(
        '<svg class="icon" viewBox="0 0 40 40" aria-hidden="true"><use href="{}#{}"></use></svg>',
        static("img/answers.svg"),
        name,
    )


@register.simple_tag
def tool(name: str, words: str) -> SafeString:
    """Return a button of the picture's tools: an icon of img/tools.svg, a key's name, and words."""
    return _tool(name, str(words))


@lru_cache(maxsize=256)
def _tool(name: str, words: str) -> SafeString:
    return format_html(
        '<button class="tool" type="button" data-key="{0}" aria-label="{1}" title="{1}">'
        '<svg class="mark" viewBox="0 0 24 24" aria-hidden="true"><use href="{2}#{0}"></use></svg>'
        "</button>",
        name,
        words,
        static("img/tools.svg"),
    )
