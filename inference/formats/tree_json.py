"""A tree's JSON form: what is read from it, what is refused, and how it is written."""

import graphlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference.errors import TreeRefused, shown
from inference.formats.fields import Fields
from inference.formats.question import MULTIPLE, SINGLE, Answer, Question
from inference.formats.strict_json import read_object

FORMAT = 1
MAX_BYTES = 1_000_000
MAX_QUESTIONS = 200
MAX_ANSWERS = 1_000
MAX_CAMPAIGN = 20
_MAX_HELP, _MAX_TEXT, _MAX_LABEL, _MAX_ALIASES = 4_000, 500, 200, 20


@dataclass(frozen=True, slots=True)
class Document:
    """The parts of a tree's file, checked."""

    key: str
    title: str
    campaign: str
    questions: tuple[Question, ...]


def read_tree(data: bytes | str | Mapping[str, Any]) -> Document:
    """Return what a tree's file says.

    Raises:
        TreeRefused: it cannot be published.
    """
    values = read_object(data, refused=TreeRefused, max_bytes=MAX_BYTES)
    fields = Fields("The tree", values, TreeRefused)
    fields.known("format", "key", "title", "campaign", "questions")
    fields.count("format", least=FORMAT, most=FORMAT)
    return Document(
        key=fields.key("key"),
        title=fields.text("title", longest=_MAX_LABEL),
        campaign=fields.key("campaign", longest=MAX_CAMPAIGN, default=""),
        questions=_questions(fields.objects("questions", most=MAX_QUESTIONS)),
    )


def check_campaign(campaign: str) -> None:
    """Raise TreeRefused if a campaign suffix cannot be part of a column's name."""
    Fields("The tree", {"campaign": campaign}, TreeRefused).key(
        "campaign", longest=MAX_CAMPAIGN, default=""
    )


def write_tree(document: Document) -> str:
    """Return the canonical JSON: every field, in a fixed order, ending in a line break."""
    keys = [question.key for question in document.questions]
    values = {
        "format": FORMAT,
        "key": document.key,
        "title": document.title,
        "campaign": document.campaign,
        "questions": [_question_values(question, keys) for question in document.questions],
    }
    return json.dumps(values, ensure_ascii=False, indent=2) + "\n"


def _question_values(question: Question, keys: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "key": question.key,
        "text": question.text,
        "kind": question.kind,
        "help": question.help,
        "aliases": list(question.aliases),
    }
    if not question.is_single:
        values |= {"required": question.required, "next": _key_of(question.next, keys)}
    return values | {
        "answers": [_answer_values(answer, question, keys) for answer in question.answers]
    }


def _answer_values(answer: Answer, question: Question, keys: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "key": answer.key,
        "label": answer.label,
        "help": answer.help,
        "icon": answer.icon,
        "aliases": list(answer.aliases),
        "artifact": answer.is_artifact,
    }
    return values | {"next": _key_of(answer.next, keys)} if question.is_single else values


def _key_of(index: int | None, keys: list[str]) -> str | None:
    return None if index is None else keys[index]


def _questions(objects: list[Mapping[str, Any]]) -> tuple[Question, ...]:
    keys = _question_keys(objects)
    index_of = {key: index for index, key in enumerate(keys)}
    questions: list[Question] = []
    n_answers = 0
    for key, values in zip(keys, objects, strict=True):
        question = _question(key, values, len(questions), n_answers, index_of)
        questions.append(question)
        n_answers += len(question.answers)
    if n_answers > MAX_ANSWERS:
        raise TreeRefused(f"The tree has {n_answers:,} answers. Use at most {MAX_ANSWERS:,}.")
    _check_names(questions)
    _check_loops(questions)
    _check_reached(questions)
    return tuple(questions)


def _question_keys(objects: list[Mapping[str, Any]]) -> list[str]:
    keys: list[str] = []
    for number, values in enumerate(objects, start=1):
        key = Fields(f"Question {number}", values, TreeRefused).key("key")
        if key in keys:
            raise TreeRefused(f'Two questions have the key "{key}". Rename question {number}.')
        keys.append(key)
    return keys


def _question(
    key: str, values: Mapping[str, Any], index: int, n_before: int, index_of: dict[str, int]
) -> Question:
    fields = Fields(f'Question "{key}"', values, TreeRefused)
    kind = fields.choice("kind", SINGLE, MULTIPLE)
    own = () if kind == SINGLE else ("required", "next")
    fields.known("key", "text", "kind", "help", "aliases", *own, "answers")
    next_ = None if kind == SINGLE else _next(fields, index_of)
    objects = fields.objects("answers", most=MAX_ANSWERS)
    if kind == SINGLE and len(objects) < 2:
        raise fields.error("has one answer only. Add another, or make it multiple choice.")
    answers = []
    for number, object_ in enumerate(objects):
        answer_fields = Fields(f'Question "{key}", answer {number + 1},', object_, TreeRefused)
        after = _next(answer_fields, index_of) if kind == SINGLE else next_
        answers.append(_answer(answer_fields, n_before + number, index, after, kind))
    return Question(
        index=index,
        key=key,
        text=fields.text("text", longest=_MAX_TEXT),
        kind=kind,
        help=fields.text("help", longest=_MAX_HELP, default="", lines=True),
        aliases=fields.texts("aliases", longest=_MAX_LABEL, most=_MAX_ALIASES),
        required=kind == SINGLE or fields.flag("required"),
        answers=tuple(answers),
        next=next_,
    )


def _answer(fields: Fields, index: int, question: int, after: int | None, kind: str) -> Answer:
    own = ("next",) if kind == SINGLE else ()
    fields.known("key", "label", "help", "icon", "aliases", "artifact", *own)
    return Answer(
        index=index,
        question=question,
        key=fields.key("key"),
        label=fields.text("label", longest=_MAX_LABEL),
        help=fields.text("help", longest=_MAX_HELP, default="", lines=True),
        icon=fields.key("icon", default=""),
        aliases=fields.texts("aliases", longest=_MAX_LABEL, most=_MAX_ALIASES),
        is_artifact=fields.flag("artifact"),
        next=after,
    )


def _next(fields: Fields, index_of: dict[str, int]) -> int | None:
    key = fields.reference("next")
    if key is None:
        return None
    if key not in index_of:
        raise fields.error(
            f"leads to {shown(key)}, which is no question of this tree. "
            f"Write the key of a question, or null for the end."
        )
    return index_of[key]


def _check_names(questions: list[Question]) -> None:
    """Refuse a name that two questions bear, or two answers of one question."""
    _check_unique("The tree", "question", questions)
    for question in questions:
        _check_unique(f'Question "{question.key}"', "answer", question.answers)


def _check_unique(where: str, what: str, bearers: Sequence[Question | Answer]) -> None:
    owners: dict[str, int] = {}
    for number, bearer in enumerate(bearers, start=1):
        for name in dict.fromkeys((bearer.key, *bearer.aliases)):
            if name in owners:
                raise TreeRefused(
                    f"{where} has the name {shown(name)} for {what} {owners[name]} and for {what} "
                    f"{number}. Rename one."
                )
            owners[name] = number


def _check_loops(questions: list[Question]) -> None:
    try:
        graphlib.TopologicalSorter({q.index: q.nexts for q in questions}).prepare()
    except graphlib.CycleError as error:
        loop = [questions[index].key for index in reversed(error.args[1])]
        raise TreeRefused(
            f'Question "{loop[0]}" leads back to itself: {" → ".join(loop)}. '
            f"Let one of these questions lead elsewhere or to the end."
        ) from None


def _check_reached(questions: list[Question]) -> None:
    reached, waiting = {0}, [0]
    while waiting:
        new = [index for index in questions[waiting.pop()].nexts if index not in reached]
        reached.update(new)
        waiting.extend(new)
    for question in questions:
        if question.index not in reached:
            raise TreeRefused(
                f'Question "{question.key}" is never asked: no answer leads to it from the first '
                f"question. Let an answer lead to it, or take it out."
            )
