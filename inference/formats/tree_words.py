"""The words of the built-in trees in other languages.

They stand beside the trees, not in them: a tree's hash names its questions, whoever reads them.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def tree_words(language: str) -> Mapping[str, str]:
    """Return a language's words by the English ones; empty for a language without any."""
    folder = files("inference.formats") / "trees" / "words"
    place = folder / f"{language}.json"
    if not language.isalpha() or not place.is_file():
        return {}
    words: dict[str, str] = json.loads(place.read_text(encoding="utf-8"))
    return words
