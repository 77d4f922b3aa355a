"""Questions and answers in the language of the reader."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from django.utils.translation import get_language

from inference.formats.question import Question
from inference.formats.tree_words import tree_words


def spoken(question: Question) -> Question:
    """Return a question in the reader's language; words that have no translation stay English."""
    return _spoken(question, (get_language() or "en").partition("-")[0])


@lru_cache(maxsize=4096)
def _spoken(question: Question, language: str) -> Question:
    words = tree_words(language)
    if not words:
        return question
    answers = (
        replace(answer, label=_said(words, answer.label), help=_said(words, answer.help))
        for answer in question.answers
    )
    return replace(
        question,
        text=_said(words, question.text),
        help=_said(words, question.help),
        answers=tuple(answers),
    )


def _said(words: Mapping[str, str], text: str) -> str:
    return words.get(text, text)
