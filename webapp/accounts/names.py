"""Public names: one spelling for each, and no two that look alike."""

import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MIN_LENGTH, MAX_LENGTH = 3, 30
SIGNS = "._-"
MAX_MARKS = 2  # accents on one letter; more would spill over the lines above and below
# Letters and marks that show nothing (from Unicode's Default_Ignorable_Code_Point).
INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u3164\uffa0"
# One line of Chinese, Japanese or Korean mixes these.
EAST_ASIAN = {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO"}
# Lower-case letters and digits that the eye takes for one another (a part of Unicode TS 39).
LOOKS_FROM = "01iıɑɡаеікмнорстухјѕԁһԛԝѵӏгαεηικνορτυχω"  # noqa: RUF001 - that is the point
LOOKS_LIKE = "olllagaelkmhopctyxjsdhqwvlraenlkvoptuxw"
_LOOKS = str.maketrans(LOOKS_FROM, LOOKS_LIKE)


def normalize(text: str) -> str:
    """Return the one spelling under which a name is stored (Unicode NFKC)."""
    return unicodedata.normalize("NFKC", text).strip()


def look(name: str) -> str:
    """Return what two names share if the eye can take one for the other."""
    return name.lower().translate(_LOOKS)


def check(name: str) -> None:
    """Refuse a normalized name that cannot be shown safely, or is made to look like another.

    Raises:
        ValidationError: with one sentence that says what is wrong.
    """
    if not MIN_LENGTH <= len(name) <= MAX_LENGTH:
        raise ValidationError(
            _("This name has %(count)s characters. Choose one of %(min_length)s to %(max_length)s.")
            % {"count": len(name), "min_length": MIN_LENGTH, "max_length": MAX_LENGTH}
        )
    for character in name:
        if not _is_usable(character):
            raise ValidationError(
                _(
                    "A name cannot contain the character U+%(character)s. Use letters, the digits "
                    "0 to 9, and . _ - only."
                )
                % {"character": f"{ord(character):04X}"}
            )
    if not unicodedata.category(name[0]).startswith("L") and name[0] not in "0123456789":
        raise ValidationError(_("A name begins with a letter or a digit. Choose another."))
    _check_marks(name)
    _check_scripts(name)


def _is_usable(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in SIGNS
    is_shown = character not in INVISIBLE and "VARIATION SELECTOR" not in _title(character)
    return is_shown and unicodedata.category(character)[0] in "LM"


def _check_marks(name: str) -> None:
    n_marks = 0
    for character in name:
        n_marks = n_marks + 1 if unicodedata.category(character)[0] == "M" else 0
        if n_marks > MAX_MARKS:
            raise ValidationError(
                _("A letter of this name carries more than %(max_marks)s accents. Leave some out.")
                % {"max_marks": MAX_MARKS}
            )


def _check_scripts(name: str) -> None:
    scripts = {_script(c) for c in name if unicodedata.category(c).startswith("L")}
    if len(scripts) > 1:
        found = " and ".join(sorted(script.capitalize() for script in scripts))
        raise ValidationError(
            _(
                "This name mixes letters of different scripts (%(found)s), so that it could pass "
                "for another name. Use one script."
            )
            % {"found": found}
        )


def _script(letter: str) -> str:
    word = _title(letter).partition(" ")[0]
    return "CJK" if word in EAST_ASIAN else word


def _title(character: str) -> str:
    return unicodedata.name(character, "")


VALIDATORS = [check]  # settings.ACCOUNT_USERNAME_VALIDATORS
