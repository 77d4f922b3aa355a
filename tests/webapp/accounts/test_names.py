"""Public names."""
# ruff: noqa: RUF001 - letters that look alike are what is tested

import pytest
from django.core.exceptions import ValidationError

from webapp.accounts import names


@pytest.mark.parametrize(
    "name",
    [
        "alice",
        "Ada-Lovelace",
        "m31.fan",
        "Čeněk",
        "Ольга",
        "आकाशगंगा",
        "銀河マニア",
        "ユーザー",
        "은하수",
        "مجرة",
    ],
)
def test_people_of_the_world_have_names(name):
    names.check(names.normalize(name))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ab", "2 characters"),
        ("a" * 31, "31 characters"),
        ("bob\0", "U+0000"),
        ("bob\ud800", "U+D800"),
        ("bob\u202etxt", "U+202E"),
        ("al\u200bice", "U+200B"),
        ("al\u2060ice", "U+2060"),
        ("al\ufe0fice", "U+FE0F"),
        ("한\u115f글", "U+115F"),
        ("한글\u3164\u3164한", "U+1160"),
        ("bob\nbob", "U+000A"),
        ("bob smith", "U+0020"),
        ("bob@example.org", "U+0040"),
        ("<b>bob", "U+003C"),
        ("bob\ufffd", "U+FFFD"),
        ("bob😀", "U+1F600"),
        ("١٢٣bob", "U+0661"),
        ("-bob", "begins with"),
        ("bo\u0301\u0302\u0303\u0304b", "accents"),
        ("pаypal", "Cyrillic and Latin"),
        ("αlice", "Greek and Latin"),
    ],
)
def test_a_name_that_cannot_be_shown_safely_is_refused(name, words):
    with pytest.raises(ValidationError) as refusal:
        names.check(names.normalize(name))
    assert words in refusal.value.messages[0]


def test_one_spelling_for_each_name():
    assert names.normalize(" ａｌｉｃｅ ") == "alice"
    assert names.normalize("e\u0301tienne") == names.normalize("étienne")


@pytest.mark.parametrize("other", ["ALICE", "аӏісе", "a1ice", "AIice"])
def test_names_that_look_alike_have_one_look(other):
    assert names.look(other) == names.look("alice")


def test_a_look_is_computed_alike_in_both_languages():
    assert len(names.LOOKS_FROM) == len(names.LOOKS_LIKE) == len(set(names.LOOKS_FROM))
