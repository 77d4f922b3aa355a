"""Trees that several test modules of formats use."""

import pytest

from inference.formats.tree import Tree

MENU = {
    "format": 1,
    "key": "menu",
    "title": "Menu",
    "questions": [
        {
            "key": "kind",
            "text": "Which?",
            "kind": "single",
            "answers": [
                {"key": "disk", "label": "Disk", "next": "parts"},
                {"key": "blob", "label": "Blob", "next": "odd"},
                {"key": "bad", "label": "Bad picture", "artifact": True, "next": None},
            ],
        },
        {
            "key": "parts",
            "text": "Which parts?",
            "kind": "multiple",
            "next": "odd",
            "answers": [
                {"key": "ring", "label": "Ring"},
                {"key": "bar", "label": "Bar"},
                {"key": "dust", "label": "Dust"},
            ],
        },
        {
            "key": "odd",
            "text": "Odd?",
            "kind": "single",
            "answers": [
                {"key": "yes", "label": "Yes", "next": "what"},
                {"key": "no", "label": "No", "next": None},
            ],
        },
        {
            "key": "what",
            "text": "What is odd?",
            "kind": "multiple",
            "required": True,
            "next": "more",
            "answers": [{"key": "lens", "label": "Lens"}, {"key": "tail", "label": "Tail"}],
        },
        {
            "key": "more",
            "text": "Anything else?",
            "kind": "multiple",
            "next": None,
            "answers": [{"key": "friend", "label": "A companion"}],
        },
    ],
}


@pytest.fixture
def menu() -> Tree:
    """Return a tree with a merge point and multiple choices first, required and last.

    The axis: disk 0, blob 1, bad 2; ring 3, bar 4, dust 5; yes 6, no 7; lens 8, tail 9; friend 10.
    """
    return Tree.parse(MENU)
