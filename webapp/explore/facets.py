"""Filters that a page offers as links: leading answers, why galaxies retired, sets."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from inference.formats.tree import Tree
from webapp.consensus.models import RetiredReason
from webapp.explore.asked import Asked
from webapp.explore.columns import Columns
from webapp.exports.conditions import EMPTY, OneOf
from webapp.subjects.models import SubjectSet
from webapp.workflows.models import Workflow


@dataclass(frozen=True)
class Choice:
    """A value of a column: its link sets the filter, or takes it out again."""

    label: str
    link: str
    is_set: bool
    icon: str = ""


@dataclass(frozen=True)
class Facet:
    """A column of few texts."""

    label: str
    choices: list[Choice]

    @property
    def is_set(self) -> bool:
        """Say whether one of its values is asked for."""
        return any(choice.is_set for choice in self.choices)


def facets(
    asked: Asked, workflow: Workflow, tree: Tree, columns: Columns, *, only_retired: bool
) -> list[Facet]:
    """Return what can be chosen with a click."""
    found = list(_leads(asked, tree, columns))
    reasons = [(str(reason.label), str(reason)) for reason in RetiredReason]
    if not only_retired:
        reasons = [(_("still open"), ""), *reasons]
    found.append(_facet(asked, _("Retired"), "retired_reason", reasons))
    sets = SubjectSet.objects.filter(links__workflow=workflow).order_by("pk")
    names = [(one.name, one.slug) for one in sets]
    return [*found, _facet(asked, _("Set"), "survey", names)] if len(names) > 1 else found


def _leads(asked: Asked, tree: Tree, columns: Columns) -> Iterator[Facet]:
    for column in columns.catalog:
        if column.family == "lead" and column.question is not None:
            question = tree.questions[column.question]
            icons = {answer.key: answer.icon or "" for answer in question.answers}
            values = [(answer.label, answer.key) for answer in question.answers]
            yield _facet(asked, question.text, column.name, values, icons)


def _facet(
    asked: Asked,
    label: str,
    name: str,
    values: list[tuple[str, str]],
    icons: dict[str, str] | None = None,
) -> Facet:
    now = [text for column, text in asked.selection.pairs if column == name]
    choices = []
    for words, value in values:
        text = OneOf(name, (value,)).text if value else EMPTY
        is_set = text in now
        link = asked.having(name, "" if is_set else text)
        choices.append(Choice(words, link, is_set, (icons or {}).get(value, "")))
    return Facet(label, choices)
