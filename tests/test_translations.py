"""Every language of the site is complete, fits its English, and reaches the reader."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils import translation

from inference.formats.tree import built_in, load_built_in
from inference.formats.tree_words import tree_words
from webapp.workflows.words import spoken

ROOT = Path(__file__).resolve().parents[1]
ALONE = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO")}
LANGUAGES = [code for code, _name in settings.LANGUAGES if code != "en"]
PLACES = re.compile(r"%\(\w+\)[sd]|\{\w*\}|<[^>]*>")


def catalog(language):
    with (ROOT / "locale" / language / "LC_MESSAGES/django.po").open("rb") as file:
        return [message for message in read_po(file, locale=language) if message.id]


def forms(words):
    return list(words) if isinstance(words, (list, tuple)) else [words]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_words_are_missing_or_doubtful(language):
    messages = catalog(language)
    assert len(messages) > 900
    assert [each.id for each in messages if each.fuzzy or not all(forms(each.string))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_put_into_the_words_is_in_both_languages(language):
    for message in catalog(language):
        for english, words in zip(forms(message.id), forms(message.string), strict=True):
            assert set(PLACES.findall(words)) == set(PLACES.findall(english)), words


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalog_is_that_of_the_words(language):
    with (ROOT / "locale" / language / "LC_MESSAGES/django.mo").open("rb") as file:
        compiled = {tuple(forms(each.id)): forms(each.string) for each in read_mo(file) if each.id}
    assert compiled == {tuple(forms(each.id)): forms(each.string) for each in catalog(language)}


def texts_of(tree):
    for question in tree.questions:
        yield from (question.text, question.help)
        for answer in question.answers:
            yield from (answer.label, answer.help)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_built_in_trees_speak_it(language):
    every = {text for name in built_in() for text in texts_of(load_built_in(name)) if text}
    assert every - tree_words(language).keys() == set()
    place = ROOT / "inference/formats/trees/words" / f"{language}.json"
    assert all(json.loads(place.read_text(encoding="utf-8")).values())


def test_a_question_is_spoken_with_a_fallback_for_each_string_and_the_tree_stays_as_it_is():
    tree = load_built_in("galaxy-zoo-2")
    before = tree.sha256
    with translation.override("de"):
        german = spoken(tree.questions[0])
    assert (
        german.text == "Ist die Galaxie einfach glatt und rundlich, ohne Anzeichen einer Scheibe?"
    )
    assert [answer.index for answer in german.answers] == [0, 1, 2]
    assert german.answers[0].icon == tree.questions[0].answers[0].icon
    with translation.override("fr"):
        assert spoken(tree.questions[0]) == tree.questions[0]
    with translation.override("de-at"):
        assert spoken(tree.questions[0]) == german
    assert tree.sha256 == load_built_in("galaxy-zoo-2").sha256 == before
    assert not tree_words("../../de")


@pytest.mark.skipif(not shutil.which("xgettext"), reason="GNU gettext is not installed.")
def test_the_catalog_has_all_the_words_of_templates_and_code(tmp_path):
    for folder in ("templates", "webapp", "locale"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    command = [sys.executable, "-m", "django", "makemessages", "--all", "--no-obsolete"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env=ALONE)
    for language in LANGUAGES:
        with (tmp_path / "locale" / language / "LC_MESSAGES/django.po").open("rb") as file:
            found = {tuple(forms(each.id)) for each in read_po(file, locale=language) if each.id}
        known = {tuple(forms(each.id)) for each in catalog(language)}
        assert found == known, "Run make translations, and translate what is new."
