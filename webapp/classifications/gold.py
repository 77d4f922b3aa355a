"""Galaxies that experts have answered: entering them, and what a volunteer's answer is held to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from numpy.typing import NDArray

from inference.belief.dirichlet import span_of
from inference.errors import shown
from inference.formats.tree import Tree
from webapp.accounts.models import User
from webapp.classifications import expert
from webapp.classifications.expert import Fractions, GoldUnusable
from webapp.classifications.models import Gold
from webapp.common import audit
from webapp.consensus import services as consensus
from webapp.consensus.models import Consensus, RetiredReason
from webapp.subjects.models import Subject
from webapp.workflows import gold_rate
from webapp.workflows import services as workflows
from webapp.workflows.models import TreeVersion, Workflow

WHAT = gettext_noop("Its gold")
_ROUNDED = 1e-3  # the database keeps single precision


@dataclass(frozen=True)
class Entry:
    """What experts say of one galaxy, ready to be stored along the campaign's present tree."""

    subject: Subject
    fractions: Fractions
    words: str


@transaction.atomic
def put_gold(
    *,
    workflow: Workflow,
    subject: Subject,
    by: User,
    path: Sequence[int] | None = None,
    shares: Mapping[int, float] | None = None,
    words: str = "",
) -> Gold:
    """Store what experts say of a galaxy: one walk, or shares of experts by answer.

    What was known of it before is replaced. The first gold of a campaign starts its gold rate.

    Args:
        path: a complete walk through the present tree.
        shares: by place on the present tree's axis, instead of a path.
        words: why, shown to volunteers after they have answered.

    Raises:
        GoldUnusable: they are no answers, or the campaign does not ask about this galaxy.
        WrongStatus: the campaign is finished.
    """
    locked = workflows.lock_unfinished(workflow, WHAT)
    tree = locked.tree.tree
    given = shares or {}
    fractions = expert.of_shares(tree, given) if path is None else expert.of_path(tree, path)
    _check_asked(locked, subject)
    entry = Entry(subject, fractions, expert.check_words(words))
    before = store(locked, [entry], by)
    audit.write_entry(
        actor=by, action="put_gold", target="workflow", target_id=locked.pk,
        old=before.get(subject.pk), new={"galaxy": subject.survey_id} | _said(entry, tree),
    )  # fmt: skip
    return Gold.objects.get(workflow=locked, subject=subject)


def _check_asked(workflow: Workflow, subject: Subject) -> None:
    if not subjects_of(workflow).filter(pk=subject.pk).exists():
        raise GoldUnusable(
            gettext(
                "%(survey_id)s is no galaxy of this campaign. Link its set first, and wait until "
                "it is admitted."
            )
            % {"survey_id": subject.survey_id}
        )


def _said(entry: Entry | Gold, tree: Tree) -> dict[str, Any]:
    return {"answers": expert.named(tree, entry.fractions), "words": entry.words}


def store(locked: Workflow, entries: Sequence[Entry], by: User) -> dict[int, dict[str, Any]]:
    """Store entries of a campaign that is locked; whoever calls writes the line in the log.

    Returns:
        For each galaxy that had gold before, by id, what was said of it.
    """
    subject_ids = [entry.subject.pk for entry in entries]
    before = {
        row.subject_id: _said(row, TreeVersion.objects.known(row.tree_id).tree)
        for row in Gold.objects.filter(workflow=locked, subject__in=subject_ids)
    }
    is_first = not Gold.objects.filter(workflow=locked).exists()
    Gold.objects.bulk_create(
        [_row(locked, entry, by) for entry in entries],
        batch_size=consensus.CHUNK,
        update_conflicts=True,
        unique_fields=["workflow", "subject"],
        update_fields=["tree", "fractions", "words", "entered_by", "entered_at"],
    )
    consensus.mark_gold(workflow=locked, subject_ids=subject_ids, is_gold=True)
    if is_first and not locked.gold_rate:
        gold_rate.change_gold_rate(workflow=locked, steps=gold_rate.DEFAULT, by=by)
    return before


def _row(workflow: Workflow, entry: Entry, by: User) -> Gold:
    return Gold(
        workflow=workflow,
        subject=entry.subject,
        tree=workflow.tree,
        fractions=entry.fractions,
        words=entry.words,
        entered_by=by,
        entered_at=timezone.now(),
    )


@transaction.atomic
def remove_gold(*, workflow: Workflow, subject: Subject, by: User) -> bool:
    """Forget what experts say of a galaxy: it retires again like any other.

    Returns:
        False if they had said nothing.

    Raises:
        WrongStatus: the campaign is finished.
    """
    locked = workflows.lock_unfinished(workflow, WHAT)
    row = Gold.objects.filter(workflow=locked, subject=subject).first()
    if row is None:
        return False
    row.delete()
    consensus.mark_gold(workflow=locked, subject_ids=[subject.pk], is_gold=False)
    old = _said(row, TreeVersion.objects.known(row.tree_id).tree)
    audit.write_entry(
        actor=by, action="remove_gold", target="workflow", target_id=locked.pk,
        old={"galaxy": subject.survey_id} | old,
    )  # fmt: skip
    return True


def subjects_of(workflow: Workflow) -> Any:
    """Return the galaxies that a campaign asks about, retired ones included, as a query."""
    asked = Consensus.objects.filter(workflow=workflow)
    kept = asked.exclude(retired_reason=RetiredReason.WITHDRAWN)
    return Subject.objects.filter(pk__in=kept.values("subject")).select_related("subject_set")


def answered_of(workflow: Workflow) -> Any:
    """Return the galaxies of which a campaign has gold, as a query."""
    answered = Gold.objects.filter(workflow=workflow).values("subject")
    return Subject.objects.filter(pk__in=answered).select_related("subject_set")


def find_subject(workflow: Workflow, *, survey_id: str, set_slug: str = "") -> Subject:
    """Return the galaxy that a survey's name means in a campaign.

    Args:
        set_slug: of its set, needed only where several sets have a galaxy of this name.

    Raises:
        GoldUnusable: there is none, or more than one.
    """
    return chosen(by_name(workflow, [survey_id.strip()]), survey_id.strip(), set_slug.strip())


def by_name(workflow: Workflow, survey_ids: Collection[str]) -> dict[str, list[Subject]]:
    """Return a campaign's galaxies by their survey's name; several sets may have the same."""
    found: dict[str, list[Subject]] = {}
    for subject in subjects_of(workflow).filter(survey_id__in=survey_ids).order_by("pk"):
        found.setdefault(subject.survey_id, []).append(subject)
    return found


def chosen(known: Mapping[str, Sequence[Subject]], survey_id: str, set_slug: str) -> Subject:
    """Return the one galaxy of this name, in this set if one is named.

    Raises:
        GoldUnusable: there is none, or more than one.
    """
    found = known.get(survey_id, [])
    of_set = [one for one in found if one.subject_set.slug == set_slug] if set_slug else found
    if len(of_set) > 1:
        slugs = ", ".join(one.subject_set.slug for one in of_set)
        raise GoldUnusable(
            gettext(
                "Several sets have a galaxy %(survey_id)s: name one of them as the set (%(slugs)s)."
            )
            % {"survey_id": shown(survey_id), "slugs": slugs}
        )
    if not of_set:
        where = f"set {shown(set_slug)} of this campaign" if set_slug else "campaign"
        raise GoldUnusable(
            gettext(
                "The %(where)s has no galaxy %(survey_id)s. Check the spelling, or link its set "
                "first."
            )
            % {"where": where, "survey_id": shown(survey_id)}
        )
    return of_set[0]


def fractions_of(
    workflow: Workflow, subject_ids: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return what experts say of those of these galaxies that they have answered.

    Returns:
        Places in `subject_ids`, (G,), and fractions along the campaign's present tree, (G, K), NaN
        where nobody was asked.
    """
    places = {subject_id: place for place, subject_id in enumerate(subject_ids)}
    axis = workflow.tree.tree
    rows = Gold.objects.filter(workflow=workflow).order_by("subject_id")
    found = [
        (places[row.subject_id], on_axis(row, axis)) for row in rows if row.subject_id in places
    ]
    fractions = np.full((len(found), axis.n_answers), np.nan)
    for number, (_, values) in enumerate(found):
        fractions[number] = values
    return np.array([place for place, _ in found], np.int64), fractions


def on_axis(gold: Gold, axis: Tree) -> NDArray[np.float64]:
    """Return the experts' fractions along another version of the tree, (K,); NaN where none."""
    older = TreeVersion.objects.known(gold.tree_id).tree
    found = np.full(axis.n_answers, np.nan)
    for place, value in zip(axis.axis_from(older), gold.fractions, strict=True):
        if place is not None and value is not None:
            found[place] = value
    for question in axis.questions:
        values = found[span_of(question)]  # a view
        # Some answers are new or gone: that is another question than the experts were asked.
        if question.is_single and not abs(values.sum() - 1) < _ROUNDED:
            values[:] = np.nan
    return found
