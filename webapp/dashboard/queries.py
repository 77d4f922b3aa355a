"""What the owners' pages show."""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from inference.belief.retirement import Rule
from inference.errors import RuleRefused
from webapp.accounts.models import User
from webapp.classifications import gold as experts
from webapp.classifications.expert import Said, said
from webapp.classifications.models import Classification, Gold, Standing
from webapp.common.models import AuditEntry
from webapp.consensus import queries as consensus
from webapp.consensus.models import Consensus, Flag, Queue
from webapp.subjects.models import SetLink, SubjectSet
from webapp.workflows.models import TreeVersion, Workflow

PER_PAGE = 50
SHOWN_CHARACTERS = 1000  # of a value in the audit log; a campaign's text can be long


Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """A part of a list that is read by key; `more` is the key to go on from, if there is more."""

    rows: Sequence[Row]
    more: int | None


@dataclass(frozen=True)
class LinkedSet:
    """A set of a campaign and how far its galaxies have come."""

    link: SetLink
    n_subjects: int
    n_retired: int

    @property
    def is_admitted(self) -> bool:
        """False while galaxies wait to be taken in or withdrawn."""
        return self.link.admitted_version >= self.link.subject_set.version


@dataclass(frozen=True)
class Walked:
    """A classification, with its answers in words."""

    row: Classification

    @property
    def words(self) -> str:
        """The labels of the answers, in the tree that the volunteer saw."""
        answers = self.row.tree.tree.answers
        return " → ".join(answers[index].label for index in self.row.path)


@dataclass(frozen=True)
class Retired:
    """A retired galaxy, and the classification after which it retired, if it was one."""

    tally: Consensus
    last: Walked | None


@dataclass(frozen=True)
class Flagged:
    """A flagged galaxy, its tally, and the votes for a bad picture that count."""

    flag: Flag
    tally: Consensus | None
    votes: Sequence[Walked]


@dataclass(frozen=True)
class Entry:
    """A line of the audit log in words: who did it, and the values before and after as JSON."""

    entry: AuditEntry
    actor: str
    old: str
    new: str


def as_text(value: object) -> str:
    """Return a value as JSON, cut where it is long; empty for none."""
    text = "" if value is None else json.dumps(value, ensure_ascii=False)
    if len(text) <= SHOWN_CHARACTERS:
        return text
    return f"{text[:SHOWN_CHARACTERS]}… ({len(text):,} characters)"


def own_campaigns(user: User) -> QuerySet[Workflow]:
    """Return the campaigns that a person may change, the newest first."""
    own = Workflow.objects.owned_by(user)
    return own.select_related("tree", "progress").order_by("-pk")


def rule_of(workflow: Workflow) -> Rule | None:
    """Return the campaign's rule, or None if it cannot be followed on its tree."""
    try:
        return Rule.parse(workflow.rule, workflow.tree.tree)
    except RuleRefused:
        return None


def n_test_votes(workflow: Workflow) -> int:
    """Return how many answers given before the launch stand, flagged as test."""
    return Standing.objects.filter(workflow=workflow, state=Standing.State.TEST).count()


def linked_sets(workflow: Workflow) -> list[LinkedSet]:
    """Return a campaign's sets, with those that are being withdrawn."""
    counts = consensus.counts_by_set(workflow)
    links = SetLink.objects.filter(workflow=workflow).select_related("subject_set")
    found = [LinkedSet(link, *counts.get(link.subject_set_id, (0, 0))) for link in links]
    shown = [linked for linked in found if linked.link.is_linked or not linked.is_admitted]
    return sorted(shown, key=lambda linked: linked.link.subject_set.name.lower())


def linkable_sets(workflow: Workflow, user: User) -> QuerySet[SubjectSet]:
    """Return the sets of a person that a campaign does not ask about."""
    linked = SetLink.objects.filter(workflow=workflow, is_linked=True)
    return (
        SubjectSet.objects.owned_by(user)
        .exclude(pk__in=linked.values("subject_set"))
        .order_by("name", "pk")
    )


def retired(workflow: Workflow, *, after: int) -> Page[Retired]:
    """Return retired galaxies, with when, by which rule and after which vote (UX-W5)."""
    rows = consensus.retired(workflow, after=after, limit=PER_PAGE + 1)
    page, more = rows[:PER_PAGE], len(rows) > PER_PAGE
    last = _by_uuid(row.retired_by for row in page if row.retired_by)
    return Page(
        [Retired(row, last.get(row.retired_by)) for row in page],
        page[-1].subject_id if more else None,
    )


def _by_uuid(names: Iterable[uuid.UUID]) -> dict[uuid.UUID | None, Walked]:
    found = Classification.objects.filter(uuid__in=list(names)).select_related("tree")
    return {row.uuid: Walked(row) for row in found}


def n_flags(workflow: Workflow) -> int:
    """Return how many galaxies are flagged."""
    return Flag.objects.filter(workflow=workflow).count()


def flagged(workflow: Workflow, *, before: int | None) -> Page[Flagged]:
    """Return flagged galaxies with the votes that say so, the newest first (UX-T8)."""
    rows = consensus.flags(workflow, before=before, limit=PER_PAGE + 1)
    page, more = rows[:PER_PAGE], len(rows) > PER_PAGE
    subject_ids = [flag.subject_id for flag in page]
    votes = artifact_votes(workflow, subject_ids)
    tallies = Consensus.objects.filter(workflow=workflow, subject_id__in=subject_ids)
    tally_of = {row.subject_id: row for row in tallies}
    return Page(
        [
            Flagged(flag, tally_of.get(flag.subject_id), votes.get(flag.subject_id, ()))
            for flag in page
        ],
        page[-1].pk if more else None,
    )


def artifact_votes(workflow: Workflow, subject_ids: Sequence[int]) -> dict[int, list[Walked]]:
    """Return for each galaxy the classifications that count and call its picture bad.

    An answer says so if the tree that the volunteer saw marks it as "artifact".
    """
    standings = Standing.objects.filter(
        workflow=workflow, subject_id__in=subject_ids, state=Standing.State.COUNTED
    ).select_related("classification__tree")
    found: dict[int, list[Walked]] = defaultdict(list)
    for standing in standings.order_by("classification_id"):
        row = standing.classification
        bad = {answer.index for answer in row.tree.tree.artifacts}
        if bad & set(row.path):
            found[row.subject_id].append(Walked(row))
    return found


@dataclass(frozen=True)
class Compared:
    """What experts say to a question, and how many volunteers gave the answer that leads there."""

    said: Said
    n_same: int
    n_asked: int


@dataclass(frozen=True)
class GoldRow:
    """A galaxy with what experts say of it, and how volunteers agree."""

    gold: Gold
    compared: Sequence[Compared]
    n_classifications: int


@dataclass(frozen=True)
class Preview:
    """A row of a manifest of gold as it would be stored."""

    entry: experts.Entry
    said: Sequence[Said]


def n_waiting(workflow: Workflow) -> dict[str, int]:
    """Return how many galaxies wait in each stream."""
    waiting = Queue.objects.filter(workflow=workflow).values("stream")
    return dict(waiting.annotate(n=Count("pk")).values_list("stream", "n"))


def n_gold(workflow: Workflow) -> int:
    """Return how many galaxies experts have answered."""
    return Gold.objects.filter(workflow=workflow).count()


def gold(workflow: Workflow, *, after: int) -> Page[GoldRow]:
    """Return the galaxies that experts have answered, by id, with volunteers' votes beside."""
    rows = Gold.objects.filter(workflow=workflow, subject_id__gt=after)
    found = list(rows.select_related("subject").order_by("subject_id")[: PER_PAGE + 1])
    page, more = found[:PER_PAGE], len(found) > PER_PAGE
    tallies = Consensus.objects.filter(
        workflow=workflow, subject_id__in=[row.subject_id for row in page]
    )
    tally_of = {row.subject_id: row for row in tallies}
    return Page(
        [_gold_row(row, tally_of[row.subject_id]) for row in page],
        page[-1].subject_id if more else None,
    )


def _gold_row(row: Gold, tally: Consensus) -> GoldRow:
    tree = TreeVersion.objects.known(tally.tree_id).tree
    found = said(tree, experts.on_axis(row, tree).tolist())
    compared = [
        Compared(one, tally.votes[one.leading], tally.asked[one.question.index]) for one in found
    ]
    return GoldRow(row, compared, tally.n_classifications)


def previews(workflow: Workflow, entries: Sequence[experts.Entry]) -> list[Preview]:
    """Return rows of a checked manifest in words."""
    tree = workflow.tree.tree
    return [Preview(entry, said(tree, entry.fractions)) for entry in entries]


def history(workflow: Workflow, *, before: int | None) -> Page[Entry]:
    """Return the audit log of a campaign, the newest first."""
    rows = AuditEntry.objects.filter(target="workflow", target_id=str(workflow.pk))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: PER_PAGE + 1])
    page, more = found[:PER_PAGE], len(found) > PER_PAGE
    people = User.objects.in_bulk({pk for row in page for pk in _ids(row)})
    return Page([_entry(row, people) for row in page], page[-1].pk if more else None)


# The log keeps an owner's number, for a name that stands in it could never be erased.
_OF_OWNERS = ("add_owner", "remove_owner")


def _ids(row: AuditEntry) -> list[int]:
    values = [row.actor_id, *((row.old, row.new) if row.action in _OF_OWNERS else ())]
    return [value for value in values if isinstance(value, int)]


def _entry(row: AuditEntry, people: Mapping[int, User]) -> Entry:
    def said(value: object) -> str:
        is_person = row.action in _OF_OWNERS and isinstance(value, int)
        return _name(value, people) if is_person else as_text(value)

    actor = _name(row.actor_id, people) if row.actor_id else _("the site itself")
    return Entry(row, actor, said(row.old), said(row.new))


def _name(user_id: Any, people: Mapping[int, User]) -> str:
    person = people.get(user_id)
    return person.username if person else _("deleted account %(number)s") % {"number": user_id}
