"""Answers' texts as two projects may write the same one: pictures, case, spaces and spelling."""

import re
import unicodedata

_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_NO_LETTER = re.compile(r"[^a-z0-9]+")
_SPELLING = {"artefact": "artifact", "centre": "center"}
MAX_KEY = 40


def shown_text(text: str) -> str:
    """Return a Markdown text as a reader sees it, on one line: no pictures, stars or controls."""
    bare = _LINK.sub(r"\1", _PICTURE.sub(" ", text)).replace("*", "")
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in bare)
    return " ".join(kept.split())


def folded(text: str) -> str:
    """Return what stays the same however a text is written: its letters and digits."""
    plain = unicodedata.normalize("NFKD", shown_text(text)).lower()
    for british, american in _SPELLING.items():
        plain = plain.replace(british, american)
    return _NO_LETTER.sub("", plain)


def key_of(text: str, default: str) -> str:
    """Return a key for a text, such as "more-than-4"."""
    plain = unicodedata.normalize("NFKD", shown_text(text)).lower().replace("'", "")
    return _NO_LETTER.sub("-", plain).strip("-")[:MAX_KEY].strip("-") or default
