"""Random decision trees for property tests: merge points, multiple choices, several ends."""

import itertools
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12).filter(
    lambda text: bool(text.strip())
)


def small_tree(*nexts: Sequence[int | None], **fields: Any) -> dict[str, Any]:
    """Return a tree of single-choice questions q0, q1, …; each list is where its answers lead."""
    return {"format": 1, "key": "t", "title": "T", **fields} | {
        "questions": [
            {
                "key": f"q{number}",
                "text": "What?",
                "kind": "single",
                "answers": [
                    {"key": f"a{place}", "label": "It", "next": None if n is None else f"q{n}"}
                    for place, n in enumerate(row)
                ],
            }
            for number, row in enumerate(nexts)
        ]
    }


@st.composite
def tree_values(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the JSON object of a valid tree of up to seven questions."""
    n_questions = draw(st.integers(1, 7))
    questions = [_question(draw, number, n_questions) for number in range(n_questions)]
    _reach_all(questions)
    return {
        "format": 1,
        "key": "random",
        "title": draw(_TEXT),
        "campaign": draw(st.sampled_from(["", "dr5", "deep-field"])),
        "questions": questions,
    }


def _question(draw: st.DrawFn, number: int, n_questions: int) -> dict[str, Any]:
    later = [None, *(f"q{index}" for index in range(number + 1, n_questions))]
    is_single = draw(st.booleans())
    answers = []
    for place in range(draw(st.integers(2 if is_single else 1, 4))):
        answer = {"key": f"a{place}", "label": draw(_TEXT), "artifact": draw(st.booleans())}
        if is_single:
            answer["next"] = draw(st.sampled_from(later))
        answers.append(answer)
    question = {"key": f"q{number}", "text": draw(_TEXT), "help": draw(_TEXT), "answers": answers}
    if is_single:
        return question | {"kind": "single"}
    own = {"required": draw(st.booleans()), "next": draw(st.sampled_from(later))}
    return question | {"kind": "multiple"} | own


def _reach_all(questions: list[dict[str, Any]]) -> None:
    """Let the question before lead to each one that nothing leads to."""
    for before, question in itertools.pairwise(questions):
        if question["key"] not in {
            place["next"] for q in questions for place in _places(q) if "next" in place
        }:
            _places(before)[0]["next"] = question["key"]


def _places(question: dict[str, Any]) -> list[dict[str, Any]]:
    return question["answers"] if question["kind"] == "single" else [question]
