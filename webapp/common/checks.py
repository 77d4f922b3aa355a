"""What must be right before the site serves people from a server; local mode needs none of it."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import Error, Tags, register

MIN_KEY_LENGTH, MIN_KEY_LETTERS = 50, 5
DEBUG_ON = "DEBUG is on, which shows settings and data to whoever finds an error. Set DEBUG=false."
WEAK_KEY = (
    "SECRET_KEY is weak: it has {n_letters} characters, or few different ones, or is an example. "
    "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(64))'"
)
ANY_HOST = (
    "ALLOWED_HOSTS is {hosts!r}. "
    "Name the site's own hosts, such as ALLOWED_HOSTS=galaxies.example.org."
)
NO_MAIL = "No mail server is configured, so that nobody can reset a password. Set EMAIL_HOST."
NO_MEDIA = "Pictures cannot be written to {media}. Give this user the right, or set VAR_DIR."


@register(Tags.security)
def server_is_safe(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[Error]:  # noqa: ARG001
    """Return an error for each unsafe setting, so that manage.py refuses to work with it."""
    return [Error(words, id=f"webapp.{name}") for name, words in problems()]


def problems() -> Iterator[tuple[str, str]]:
    """Give the name and the sentence of each unsafe setting; none in local mode."""
    if settings.LOCAL_MODE:
        return
    hosts, media = ",".join(settings.ALLOWED_HOSTS), settings.MEDIA_ROOT
    n_letters = len(settings.SECRET_KEY)
    if settings.DEBUG:
        yield "debug", DEBUG_ON
    if not _is_strong(settings.SECRET_KEY):
        yield "secret_key", WEAK_KEY.format(n_letters=n_letters)
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        yield "allowed_hosts", ANY_HOST.format(hosts=hosts)
    if not settings.EMAIL_HOST:
        yield "mail", NO_MAIL
    if not is_writable(Path(media)):
        yield "media", NO_MEDIA.format(media=media)


def _is_strong(key: str) -> bool:
    return (
        len(key) >= MIN_KEY_LENGTH
        and len(set(key)) >= MIN_KEY_LETTERS
        and not key.startswith("django-insecure-")
    )


def is_writable(folder: Path) -> bool:
    """Return True if the folder, or the first of its parents that exists, can be written to."""
    place = next(path for path in (folder, *folder.parents) if path.exists())
    return place.is_dir() and os.access(place, os.W_OK | os.X_OK)
