"""Filters that every template may use."""

from django import template
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
