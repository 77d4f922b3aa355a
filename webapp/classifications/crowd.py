"""What people have said of a galaxy so far, told once to somebody who has answered it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from inference.belief.interval import wilson
from inference.formats.question import Answer, Question
from inference.formats.tree import Tree
from webapp.accounts.identity import Identity
from webapp.classifications import queries, replacing
from webapp.classifications.models import Classification
from webapp.common.errors import NotFound
from webapp.consensus.models import Consensus
from webapp.subjects.models import Subject
from webapp.workflows.models import TreeVersion
from webapp.workflows.words import spoken


@dataclass(frozen=True)
class Line:
    """The answer to a question that most people gave, of those asked.

    Attributes:
        fraction, low, high: 0 to 1, with the interval of 95 % (Wilson 1927).
        is_given: whether the person who reads it said so too.
    """

    question: str
    answer: str
    n_asked: int
    fraction: float
    low: float
    high: float
    is_given: bool


@dataclass(frozen=True)
class Said:
    """What people have said of a galaxy, along the questions that its reader was asked."""

    subject: Subject
    n_people: int
    lines: Sequence[Line]


@transaction.atomic
def tell_crowd(*, identity: Identity, classification: uuid.UUID) -> Said:
    """Return what people have said of a galaxy that this person has answered, and remember it.

    From then on their answer stays as it is.

    Raises:
        NotFound: the answer is not theirs, or the campaign does not tell.
    """
    own = queries.own_ids(identity)
    rows = Classification.objects.select_related("subject", "workflow")
    row = rows.filter(uuid=classification, volunteer__in=own, workflow__tells_crowd=True).first()
    if row is None:
        raise NotFound(_("There is nothing to tell: answer a galaxy of this campaign first."))
    replacing.note_told(identity=identity, subject_id=row.subject_id)
    tally = Consensus.objects.get(workflow=row.workflow_id, subject=row.subject_id)
    return Said(row.subject, tally.n_classifications, _lines(row, tally))


def _lines(row: Classification, tally: Consensus) -> list[Line]:
    tree = TreeVersion.objects.known(row.tree_id).tree
    axis = TreeVersion.objects.known(tally.tree_id).tree
    keys = {tree.questions[index].key for index in tree.asked(row.path)}
    given = {tree.name(tree.answers[index]) for index in row.path}
    asked = [question for question in axis.questions if question.key in keys]
    return [
        _line(question, tally, axis, given) for question in asked if tally.asked[question.index]
    ]


def _line(question: Question, tally: Consensus, axis: Tree, given: set[str]) -> Line:
    def votes(answer: Answer) -> int:
        return int(tally.votes[answer.index])

    leading = max(question.answers, key=votes)
    n_asked = tally.asked[question.index]
    low, high = wilson(np.array([votes(leading)]), np.array([n_asked]))
    label = next(
        answer.label for answer in spoken(question).answers if answer.index == leading.index
    )
    return Line(
        question=spoken(question).text,
        answer=label,
        n_asked=n_asked,
        fraction=votes(leading) / n_asked,
        low=float(low[0]),
        high=float(high[0]),
        is_given=axis.name(leading) in given,
    )
