"""Typed settings from the environment; a wrong value stops the start with one sentence."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def env_str(name: str, default: str | None = None) -> str:
    """Return NAME, or the content of the file that NAME_FILE points to, or the default.

    Raises:
        ImproperlyConfigured: neither is set and there is no default, or the file cannot be read.
    """
    if (value := os.environ.get(name)) is not None:
        return value
    if (path := os.environ.get(f"{name}_FILE")) is not None:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(
                f"{name}_FILE={path!r} cannot be read ({error}). "
                f"Point it to a readable file, or set {name}."
            ) from error
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set. Set it, or {name}_FILE; see .env.example.")
    return default


def env_bool(name: str, default: str) -> bool:
    """Return True for "true", False for "false"; anything else is a start-up error."""
    value = env_str(name, default)
    if value not in ("true", "false"):
        raise ImproperlyConfigured(f"{name}={value!r} is not a boolean. Use 'true' or 'false'.")
    return value == "true"


def env_int(name: str, default: str, *, at_least: int = 0) -> int:
    """Return a whole number that is not below at_least."""
    value = env_str(name, default)
    if not value.isascii() or not value.isdigit() or int(value) < at_least:
        raise ImproperlyConfigured(
            f"{name}={value!r} is not a whole number of at least {at_least}. "
            f"The default is {default}."
        )
    return int(value)


def env_list(name: str, default: str) -> list[str]:
    """Return the parts between commas, without blanks and empty parts."""
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


def env_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """Return one of the choices."""
    value = env_str(name, default)
    if value not in choices:
        raise ImproperlyConfigured(
            f"{name}={value!r} is unknown. Use one of: {', '.join(choices)}."
        )
    return value
