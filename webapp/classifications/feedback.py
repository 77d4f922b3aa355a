"""What volunteers are told of galaxies that experts have answered too, after their own answer."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from inference.formats.question import Answer, Question
from inference.formats.tree import Tree
from webapp.accounts.identity import Identity
from webapp.classifications import expert, gold, queries
from webapp.classifications.models import Classification, Gold, Skill
from webapp.classifications.services import Recorded
from webapp.subjects.models import Subject
from webapp.workflows.models import TreeVersion, Workflow

SHARED = 0.25  # an answer that so many experts give, or most of them, is no difference
ENOUGH_ANSWERS = 20  # before somebody is told how often the crowd agrees
LATEST = 500  # galaxies that an agreement is counted over


@dataclass(frozen=True)
class Difference:
    """A question that the volunteer answered differently from the experts."""

    question: str
    given: str
    experts: str


@dataclass(frozen=True)
class Feedback:
    """What a volunteer is told of a galaxy, once it has been answered."""

    classification: uuid.UUID
    subject: Subject
    differences: Sequence[Difference]
    words: str  # why, by whoever entered the experts' answers


def feedback_on(*, classification: uuid.UUID, own: Sequence[int]) -> Feedback | None:
    """Return what to tell of a stored classification; None without gold, or if it is not theirs.

    Args:
        own: ids of this person's rows.
    """
    rows = Classification.objects.filter(uuid=classification, volunteer__in=own)
    row = rows.select_related("subject").first()
    if row is None:
        return None
    known = Gold.objects.filter(workflow=row.workflow_id, subject=row.subject_id).first()
    if known is None:
        return None
    tree = TreeVersion.objects.known(row.tree_id).tree
    found = differences(tree, row.path, gold.on_axis(known, tree).tolist())
    return Feedback(row.uuid, row.subject, found, known.words)


def feedback_after(recorded: Recorded) -> Feedback | None:
    """Return what to tell of a classification that was just stored."""
    if not recorded.is_gold:
        return None
    return feedback_on(classification=recorded.uuid, own=recorded.own)


def differences(tree: Tree, path: Sequence[int], fractions: expert.Fractions) -> list[Difference]:
    """Return where a walk differs from the experts, of the questions that both were asked.

    Args:
        fractions: along the same tree.
    """
    found = []
    for index in tree.asked(path):
        question = tree.questions[index]
        given = [answer for answer in question.answers if answer.index in path]
        if expert.is_known(question, fractions) and _differs(question, given, fractions):
            labels = ", ".join(answer.label for answer in given) or expert.NONE
            words = expert.words_of(question, fractions)
            found.append(Difference(question.text, labels, words))
    return found


def _differs(question: Question, given: Sequence[Answer], fractions: expert.Fractions) -> bool:
    shares = {answer: fractions[answer.index] or 0.0 for answer in question.answers}
    if question.is_single:
        return all(shares[answer] < min(SHARED, max(shares.values())) for answer in given)
    missed = any(share > 1 - SHARED for answer, share in shares.items() if answer not in given)
    return missed or any(shares[answer] < SHARED for answer in given)


@dataclass(frozen=True)
class Agreement:
    """How a volunteer's answers in a campaign compare, for themselves to read.

    Attributes:
        n_gold: galaxies that experts have answered too.
        n_asked, n_agreed: questions of them that both were asked; those without a difference.
        crowd: share of the answers that the next volunteer would give too; None before enough.
    """

    workflow: Workflow
    n_gold: int
    n_asked: int
    n_agreed: int
    crowd: float | None

    @property
    def crowd_percent(self) -> int:
        """The same in whole percent."""
        return round(100 * (self.crowd or 0.0))


def agreements(identity: Identity) -> list[Agreement]:
    """Return a volunteer's agreement with experts and crowd, a campaign each, the newest first."""
    own = queries.own_ids(identity)
    crowd = _crowd(own)
    counts = _with_experts(own)
    workflows = Workflow.objects.in_bulk(crowd.keys() | counts.keys())
    return [
        Agreement(workflows[pk], *counts.get(pk, (0, 0, 0)), crowd.get(pk))
        for pk in sorted(workflows, reverse=True)
    ]


def _crowd(own: Sequence[int]) -> dict[int, float]:
    """Return the agreement with the crowd by campaign; the rows of one person say the same."""
    skills = Skill.objects.filter(volunteer__in=own, n_answers__gte=ENOUGH_ANSWERS)
    rows = skills.values_list("workflow", "agreement")
    return {pk: agreement for pk, agreement in rows if agreement is not None}


_ON_GOLD = """
    SELECT standing.classification_id, gold.id
    FROM classifications_standing standing
    JOIN classifications_gold gold
      ON (gold.workflow_id, gold.subject_id) = (standing.workflow_id, standing.subject_id)
    WHERE standing.volunteer_id = ANY(%s)
      AND standing.state IN ('counted', 'late', 'test', 'excluded')
    ORDER BY standing.classification_id DESC LIMIT %s
"""


def _with_experts(own: Sequence[int]) -> dict[int, tuple[int, int, int]]:
    """Return by campaign the galaxies that experts answered too, their questions, those alike."""
    with connection.cursor() as cursor:
        cursor.execute(_ON_GOLD, [list(own), LATEST])
        pairs = cursor.fetchall()
    rows = Classification.objects.in_bulk([row for row, _ in pairs])
    known = Gold.objects.in_bulk([pk for _, pk in pairs])
    counts: dict[int, tuple[int, int, int]] = {}
    for row_id, gold_id in pairs:
        row = rows[row_id]
        n_asked, n_agreed = _compare(row, known[gold_id])
        before = counts.get(row.workflow_id, (0, 0, 0))
        counts[row.workflow_id] = (before[0] + 1, before[1] + n_asked, before[2] + n_agreed)
    return counts


def _compare(row: Classification, experts: Gold) -> tuple[int, int]:
    """Return how many questions both were asked, and of how many there is no difference."""
    tree = TreeVersion.objects.known(row.tree_id).tree
    fractions = gold.on_axis(experts, tree).tolist()
    asked = [tree.questions[index] for index in tree.asked(row.path)]
    n_asked = sum(expert.is_known(question, fractions) for question in asked)
    return n_asked, n_asked - len(differences(tree, row.path, fractions))
