"""Checked fields of a JSON object: the right names, the right types, texts one can store."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.errors import InferenceError, shown

_KEY = re.compile(r"[a-z0-9][a-z0-9-]*")
_LINE_BREAKS = "\n\r\t"  # a Markdown text may hold these controls and no others


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object whose fields are read by name.

    Every method raises an error of the class `refused`; `where` is how its sentence begins.
    """

    where: str
    values: Mapping[str, Any]
    refused: type[InferenceError]

    def known(self, *names: str) -> None:
        """Refuse a field of any other name."""
        for name in self.values:
            if name not in names:
                raise self.error(
                    f"has an unknown field {shown(name)}. Use {', '.join(names)} only."
                )

    def key(self, name: str, *, longest: int = 60, default: str | None = None) -> str:
        """Return a key: lower-case letters, digits and dashes; empty only where that is default."""
        value = self.text(name, longest=longest, default=default)
        if value != default and not _KEY.fullmatch(value):
            raise self.error(
                f"has the {name} {shown(value)}. Use lower-case letters, digits and dashes, "
                f"with a letter or digit first."
            )
        return value

    def text(
        self, name: str, *, longest: int, default: str | None = None, lines: bool = False
    ) -> str:
        """Return a text; without a default it must hold something that can be seen."""
        value = self._required(name) if default is None else self.values.get(name, default)
        if not isinstance(value, str):
            raise self.error(f"has the {name} {shown(value)}. Write a text in quotes.")
        self._check_text(name, value, longest, lines=lines)
        if default is None and not value.strip():
            raise self.error(f"has an empty {name}. Write one.")
        return value

    def texts(self, name: str, *, longest: int, most: int) -> tuple[str, ...]:
        """Return a list of different texts, none by default."""
        values = self.values.get(name, [])
        if not _is_list(values) or len(values) > most:
            raise self.error(f"has the {name} {shown(values)}. Write a list of at most {most}.")
        for value in values:
            if not isinstance(value, str) or not value.strip():
                raise self.error(f"has {shown(value)} among its {name}. Write texts in quotes.")
            self._check_text(name, value, longest, lines=False)
            if values.count(value) > 1:
                raise self.error(f"has {shown(value)} twice among its {name}. Keep one.")
        return tuple(values)

    def flag(self, name: str) -> bool:
        """Return true or false, false by default."""
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            raise self.error(f"has the {name} {shown(value)}. Write true or false.")
        return value

    def choice(self, name: str, *allowed: str) -> str:
        """Return one of the allowed words."""
        value = self._required(name)
        if not isinstance(value, str) or value not in allowed:
            words = " or ".join(f'"{word}"' for word in allowed)
            raise self.error(f"has the {name} {shown(value)}. Write {words}.")
        return value

    def count(self, name: str, *, least: int, most: int) -> int:
        """Return a whole number from least to most."""
        value = self._required(name)
        if type(value) is not int or not least <= value <= most:  # True is no number here
            raise self.error(
                f"has the {name} {shown(value)}. Write a whole number from {least:,} to {most:,}."
            )
        return value

    def number(
        self,
        name: str,
        *,
        least: float,
        most: float,
        above_least: bool = False,
        below_most: bool = False,
    ) -> float:
        """Return a number from least to most, or strictly above and below where so told."""
        value = self._required(name)
        is_number = type(value) in (int, float) and least <= value <= most  # NaN is not
        if not is_number or (above_least and value == least) or (below_most and value == most):
            ends = f"{'above ' if above_least else ''}{least:g} to {'below ' if below_most else ''}"
            raise self.error(f"has the {name} {shown(value)}. Write a number from {ends}{most:g}.")
        return float(value)

    def reference(self, name: str) -> str | None:
        """Return another question's key, or None for the end; it must be written either way."""
        value = self._required(name)
        if value is not None and not isinstance(value, str):
            raise self.error(
                f"has the {name} {shown(value)}. Write a question's key, or null for the end."
            )
        return value

    def objects(self, name: str, *, most: int) -> list[Mapping[str, Any]]:
        """Return a list of one or more JSON objects."""
        values = self._required(name)
        if not _is_list(values) or not values:
            raise self.error(f"has no {name}. Write a list with at least one.")
        if len(values) > most:
            raise self.error(f"has {len(values):,} {name}. Use at most {most:,}.")
        for value in values:
            if not isinstance(value, Mapping):
                raise self.error(f"has {shown(value)} among its {name}. Write an object {{…}}.")
        return list(values)

    def error(self, sentence: str) -> InferenceError:
        """Return the error that says where and what."""
        return self.refused(f"{self.where} {sentence}")

    def _required(self, name: str) -> Any:
        if name not in self.values:
            raise self.error(f"lacks the field {name!r}. Add it.")
        return self.values[name]

    def _check_text(self, name: str, value: str, longest: int, *, lines: bool) -> None:
        if len(value) > longest:
            raise self.error(
                f"has a {name} of {len(value):,} characters. Shorten it to {longest:,}."
            )
        for character in value:
            if unicodedata.category(character) in ("Cc", "Cs") and not (
                lines and character in _LINE_BREAKS
            ):
                raise self.error(
                    f"has the character {shown(character)} in its {name}. Take it out."
                )


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)
