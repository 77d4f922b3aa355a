"""What a browser sees in a page: its forms, its pictures, and what it loads beside them."""

import html
import json
import random
import re
from dataclasses import dataclass
from typing import Any

FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.DOTALL)
CONTROL = re.compile(r"<(?:input|button)\b([^>]*)>")
ATTRIBUTE = re.compile(r'([a-z-]+)(?:="([^"]*)")?')
TREE = re.compile(r'data-tree="([^"]*)"')
LOADED = re.compile(r'<(?:link|script|img|use)\b[^>]*?(?:href|src)="(/(?:static|media)/[^"#?]+)')


@dataclass(frozen=True)
class Control:
    """An input or a button with a name."""

    kind: str
    name: str
    value: str
    look: str
    is_disabled: bool


@dataclass(frozen=True)
class Form:
    """A form: where it leads, and what is in it."""

    action: str
    look: str
    controls: list[Control]
    data: dict[str, str]  # what its scripts read: "queue" of data-queue

    def hidden(self) -> dict[str, str]:
        """Return what it sends besides what a person chooses."""
        return {each.name: each.value for each in self.controls if each.kind == "hidden"}

    @property
    def choices(self) -> list[Control]:
        """The answers of a question, as buttons or as boxes."""
        return [each for each in self.controls if each.look == "answer" or each.name == "choice"]

    @property
    def next_button(self) -> Control | None:
        """What goes on from a question of several answers."""
        return next((each for each in self.controls if each.name == "next"), None)

    @property
    def is_open(self) -> bool:
        """Whether its button can be pressed."""
        return any(each.kind == "submit" and not each.is_disabled for each in self.controls)


def forms(page: str) -> list[Form]:
    """Return the forms of a page or a part."""
    found = []
    for attributes, inside in FORM.findall(page):
        given = _attributes(attributes)
        controls = [_control(_attributes(each)) for each in CONTROL.findall(inside)]
        data = {name[5:]: value for name, value in given.items() if name.startswith("data-")}
        found.append(Form(given.get("action", ""), given.get("class", ""), controls, data))
    return found


def question(page: str) -> Form | None:
    """Return the form of the question that waits; None when Done is possible."""
    return next((form for form in forms(page) if form.choices), None)


def done(page: str) -> Form | None:
    """Return the form that stores the answers."""
    return next((form for form in forms(page) if form.look == "done"), None)


def tree(page: str) -> list[dict[str, Any]]:
    """Return what the page of a tree's questions says of which follows which, as walk.js reads."""
    found = TREE.search(page)
    assert found
    return list(json.loads(html.unescape(found[1])))


def walk(questions: list[dict[str, Any]], chance: random.Random) -> list[list[str]]:
    """Return what somebody answers to each question that comes, down to an end."""
    given: list[list[str]] = []
    index: int | None = 0
    while index is not None:
        asked = questions[index]
        if asked["isSingle"]:
            answer = chance.choice(list(asked["answers"]))
            given.append([answer])
            index = asked["answers"][answer]
        else:
            n_chosen = chance.randint(int(asked["isRequired"]), 2)
            given.append(sorted(chance.sample(list(asked["answers"]), n_chosen), key=int))
            index = asked["next"]
    return given


def loaded(page: str) -> list[str]:
    """Return the files that a browser loads with a page, each once."""
    return list(dict.fromkeys(LOADED.findall(page)))


def _attributes(text: str) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in ATTRIBUTE.findall(text)}


def _control(given: dict[str, str]) -> Control:
    return Control(
        given.get("type", ""), given.get("name", ""), given.get("value", ""),
        given.get("class", ""), "disabled" in given,
    )  # fmt: skip
