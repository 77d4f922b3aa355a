"""Public names: one spelling for each, and no two that look alike."""

import unicodedata

from django.core.exceptions import ValidationError

MIN_LENGTH, MAX_LENGTH = 3, 30
SIGNS = "._-"
MAX_MARKS = 2  # accents on one letter; more would spill over the lines above and below
# Letters and marks that show nothing (Unicode's Default_Ignorable_Code_Point).
INVISIBLE = {"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u3164", "\uffa0"}
# One line of text in Chinese, Japanese or Korean mixes these.
EAST_ASIAN = {"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC"}
# Lower-case letters and digits that the eye takes for one another (after Unicode TS 39).
LOOK_ALIKES = str.maketrans(
    "01iıɑɡаеікмнорстухјѕԁһԛԝѵӏгαεηικνορτυχω",
    "ollllgaelkmhopctyxjsdhqwvlraenlkvoptuxw".replace("llllg", "lllag", 1),
)


def normalize(text: str) -> str:
    """Return the one spelling under which a name is stored (Unicode NFKC)."""
    return unicodedata.normalize("NFKC", text).strip()
