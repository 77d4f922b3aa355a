"""Text for spreadsheets, which must not take it for a formula."""

import unicodedata

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def as_text(cell: str) -> str:
    """Return a text cell with an apostrophe before what a spreadsheet might run.

    Looks at it as a spreadsheet may see it: full-width signs count, blanks in front do not.
    """
    plain = unicodedata.normalize("NFKC", cell)
    is_risky = plain.startswith(_STARTS) or plain.strip().startswith(_STARTS)
    return f"'{cell}" if is_risky else cell
