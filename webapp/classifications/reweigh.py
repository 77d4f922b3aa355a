"""Weighing the volunteers by what they have answered, and every vote by its volunteer's weight.

In two steps, each of which may be killed and begun again: first each volunteer's skill is estimated
from all answers and stored; then the standings that were counted with another weight follow, some
galaxies at a time, with the tallies that they are part of. A second run finds nothing to change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import Max
from numpy.typing import NDArray

from inference.belief import skill
from inference.belief.spam import median_seconds, suspects
from inference.formats.tree import Tree
from webapp.classifications import exclusion, gold, recount
from webapp.classifications.models import Classification, Reweighing, Skill
from webapp.common import work
from webapp.common.models import WorkStatus
from webapp.common.wake import wake
from webapp.consensus import services as consensus
from webapp.consensus import tally
from webapp.consensus.models import Consensus
from webapp.workflows.models import TreeVersion, Workflow

CHUNK = consensus.CHUNK
_READ = 20_000  # answers held as rows at once


@dataclass(frozen=True, eq=False)
class Answers:
    """All answers of a campaign that say something of their volunteers."""

    given: skill.Answers  # subjects and people numbered from 0
    subject_ids: list[int]  # of each subject number
    people: list[list[int]]  # the volunteer ids of each person number
    person: NDArray[np.int64]  # (M,) of each classification
    seconds: NDArray[np.float64]  # (M,) from seeing the galaxy to Done
    is_artifact: NDArray[np.bool_]  # (M,) whether it says that the picture is bad


# A person is a user with all their rows, or a browser. What was excluded is weighed too, so that
# whoever decides sees how it would be; repeats and tests say nothing.
_GIVEN = """
    SELECT standing.subject_id, coalesce(-volunteer.user_id, volunteer.id), volunteer.id,
           classification.tree_id, classification.path,
           extract(epoch FROM coalesce(
               classification.client_finished_at - classification.client_started_at,
               classification.received_at - classification.shown_at))::float8
    FROM classifications_standing standing
    JOIN classifications_classification classification
      ON classification.id = standing.classification_id
    JOIN accounts_volunteer volunteer ON volunteer.id = standing.volunteer_id
    WHERE standing.workflow_id = %s AND standing.state IN ('counted', 'late', 'excluded')
      AND classification.id <= %s
    ORDER BY classification.id
"""


def start_reweighing(*, workflow: Workflow, by: Any = None) -> Reweighing:
    """Ask for a campaign to be weighed anew; asking twice while one waits makes one."""
    with transaction.atomic():
        Workflow.objects.select_for_update(no_key=True).get(pk=workflow.pk)
        waiting = Reweighing.objects.filter(workflow=workflow, status="pending").first()
        if waiting:
            return waiting
        wake("reweighing")
        return Reweighing.objects.create(workflow=workflow, requested_by=by)


def has_new_answers(workflow: Workflow) -> bool:
    """Return whether anybody has answered since the campaign was last weighed."""
    done = Reweighing.objects.filter(workflow=workflow).exclude(status=WorkStatus.CANCELLED)
    seen = done.aggregate(newest=Max("last_classification_id"))["newest"] or 0
    return Classification.objects.filter(workflow=workflow, pk__gt=seen).exists()


def run_reweighing(row: Reweighing) -> None:
    """Estimate the skills of a campaign's volunteers, and let its votes follow."""
    workflow = Workflow.objects.with_tree().get(pk=row.workflow_id)
    if not row.last_classification_id:
        _estimate(row, workflow)
    while subject_ids := _next_subjects(row):
        work.rest(row)
        _follow(row, workflow, subject_ids)
    with transaction.atomic():
        work.hold(row)
        work.finish(row)


def _estimate(row: Reweighing, workflow: Workflow) -> None:
    """Store each volunteer's skill, and who should be looked at."""
    newest = Classification.objects.filter(workflow=workflow).order_by("-pk")
    last_id = newest.values_list("pk", flat=True).first() or 0
    answers = read_answers(workflow, up_to=last_id)
    tree = workflow.tree.tree
    places, fractions = gold.fractions_of(workflow, answers.subject_ids)
    skills = skill.estimate_skills(
        tree,
        answers.given,
        n_subjects=len(answers.subject_ids),
        n_volunteers=len(answers.people),
        gold=(places, fractions),
    )
    with transaction.atomic():
        work.hold(row)
        row.n_changed = _put_skills(workflow, answers.people, skills)
        row.n_suspects = _raise_suspicions(workflow, answers, skills)
        row.n_volunteers, row.last_classification_id = len(answers.people), last_id or 1
        row.save(
            update_fields=["n_changed", "n_suspects", "n_volunteers", "last_classification_id"]
        )
        n_galaxies = Consensus.objects.filter(workflow=workflow).count()
        work.report(row, n_done=0, n_total=n_galaxies)


def _raise_suspicions(workflow: Workflow, answers: Answers, skills: skill.Skills) -> int:
    """Put on the owner's list who should be looked at; return how many came on it."""
    n_people = skills.n_volunteers
    found = suspects(
        skills,
        n_classifications=np.bincount(answers.person, minlength=n_people),
        seconds=median_seconds(answers.person, answers.seconds, n_people),
        n_artifacts=np.bincount(answers.person[answers.is_artifact], minlength=n_people),
    )
    return sum(
        exclusion.raise_suspicion(
            workflow_id=workflow.pk, volunteer_id=volunteer_id, words=" ".join(one.reasons.values())
        )
        for one in found
        for volunteer_id in answers.people[one.volunteer][:1]
    )


def read_answers(workflow: Workflow, *, up_to: int) -> Answers:
    """Return what a campaign's volunteers have answered, along its present tree."""
    subjects: dict[int, int] = {}
    people: dict[int, int] = {}
    rows_of: list[set[int]] = []
    axis = workflow.tree.tree
    artifacts = {answer.index for answer in axis.artifacts}
    subject, person, paths, seconds = [], [], [], []
    trees: dict[int, Tree] = {}
    for subject_id, person_id, volunteer_id, tree_id, path, took_s in _given(workflow, up_to):
        number = people.setdefault(person_id, len(people))
        if number == len(rows_of):
            rows_of.append(set())
        rows_of[number].add(volunteer_id)
        subject.append(subjects.setdefault(subject_id, len(subjects)))
        person.append(number)
        paths.append(_on_axis(path, tree_id, trees, axis))
        seconds.append(took_s)
    of_whom = np.array(person, np.int64)
    return Answers(
        skill.Answers.from_paths(axis, np.array(subject, np.int64), of_whom, paths),
        list(subjects),
        [sorted(rows) for rows in rows_of],
        of_whom,
        np.array(seconds, np.float64),
        np.array([not artifacts.isdisjoint(path) for path in paths], bool),
    )


def _given(workflow: Workflow, up_to: int) -> Iterator[tuple[Any, ...]]:
    """Yield the answers a block at a time, as PostgreSQL keeps them ready in one snapshot."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(_GIVEN, [workflow.pk, up_to])
        while rows := cursor.fetchmany(_READ):
            yield from rows


def _on_axis(path: Sequence[int], tree_id: int, trees: dict[int, Tree], axis: Tree) -> list[int]:
    if tree_id not in trees:
        trees[tree_id] = TreeVersion.objects.known(tree_id).tree
    return list(tally.counted(path, trees[tree_id], axis)[0])


def _put_skills(workflow: Workflow, people: Sequence[Sequence[int]], skills: skill.Skills) -> int:
    """Store the skills; return how many people have another weight than before."""
    known = dict(Skill.objects.filter(workflow=workflow).values_list("volunteer_id", "weight"))
    matrices = _matrices(skills)
    rows = [
        Skill(
            workflow=workflow,
            volunteer_id=volunteer_id,
            weight=float(skills.weight[number]),
            agreement=_number(skills.agreement[number]),
            n_answers=int(skills.n_answers[number]),
            n_gold=int(skills.n_gold[number]),
            confusion=matrices[number].tolist(),
        )
        for number, volunteer_ids in enumerate(people)
        for volunteer_id in volunteer_ids
    ]
    Skill.objects.bulk_create(
        rows,
        batch_size=CHUNK,
        update_conflicts=True,
        unique_fields=["workflow", "volunteer"],
        update_fields=["weight", "agreement", "n_answers", "n_gold", "confusion"],
    )
    return sum(
        any(known.get(pk, 1.0) != float(skills.weight[number]) for pk in volunteer_ids)
        for number, volunteer_ids in enumerate(people)
    )


def _matrices(skills: skill.Skills) -> NDArray[np.float32]:
    """Return everybody's confusion matrices, question by question, row by row, (V, numbers)."""
    single = [question.index for question in skills.tree.questions if question.is_single]
    matrices = [skills.confusion(index) for index in single]
    flat = [found.reshape(len(found), found.shape[1] * found.shape[2]) for found in matrices]
    return np.concatenate(flat, axis=1, dtype=np.float32)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _next_subjects(row: Reweighing) -> list[int]:
    tallies = Consensus.objects.filter(workflow=row.workflow_id, subject_id__gt=row.last_subject_id)
    return list(tallies.order_by("subject_id").values_list("subject_id", flat=True)[:CHUNK])


_BEHIND = """
    SELECT DISTINCT standing.subject_id
    FROM classifications_standing standing
    JOIN classifications_skill skill
      ON (skill.workflow_id, skill.volunteer_id) = (standing.workflow_id, standing.volunteer_id)
    WHERE standing.workflow_id = %s AND standing.subject_id = ANY(%s)
      AND standing.weight <> skill.weight
"""


def _behind(workflow: Workflow, subject_ids: Sequence[int]) -> list[int]:
    """Return those of these galaxies with a vote that was counted with another weight."""
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, [workflow.pk, list(subject_ids)])
        return [subject_id for (subject_id,) in cursor.fetchall()]


_REWEIGH = """
    UPDATE classifications_standing standing SET weight = skill.weight
    FROM classifications_skill skill
    WHERE (standing.workflow_id, standing.volunteer_id) = (skill.workflow_id, skill.volunteer_id)
      AND skill.workflow_id = %s AND standing.subject_id = ANY(%s)
      AND standing.weight <> skill.weight
"""


def _follow(row: Reweighing, workflow: Workflow, subject_ids: Sequence[int]) -> None:
    behind = _behind(workflow, subject_ids)
    with transaction.atomic():
        tallies = Consensus.objects.filter(workflow=workflow, subject_id__in=behind)
        locked = list(tallies.select_for_update(no_key=True).order_by("subject_id"))
        with connection.cursor() as cursor:
            cursor.execute(_REWEIGH, [workflow.pk, behind])
        judged = recount.repair_locked(workflow, locked, why="volunteers were weighed anew")
        work.hold(row)
        row.n_retired += judged.n_retired
        row.n_reopened += judged.n_reopened
        row.n_recounted += len(locked)
        row.last_subject_id = subject_ids[-1]
        row.save(update_fields=["n_retired", "n_reopened", "n_recounted", "last_subject_id"])
        work.report(row, n_done=row.n_done + len(subject_ids), n_total=row.n_total)
