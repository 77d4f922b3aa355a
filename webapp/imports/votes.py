"""Rows of a classification export as classifications that keep where they came from."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from inference.errors import shown
from webapp.classifications import recount
from webapp.classifications.models import Classification, Skill, Standing
from webapp.consensus import services as consensus
from webapp.consensus.admission import admit_these
from webapp.consensus.models import Stream
from webapp.imports import galaxies, people
from webapp.imports.answers import path_of
from webapp.imports.models import (
    ZOONIVERSE,
    ImportBatch,
    ImportedClassification,
    ImportedVersion,
)
from webapp.imports.tables import Row, RowRefused, json_cell
from webapp.subjects.models import Subject
from webapp.workflows.models import TreeVersion

NEEDS = ("classification_id", "workflow_version", "created_at", "annotations", "subject_ids")
_IDS = uuid.UUID("5d1b7c0e-4f53-5d43-9a55-2f4f9f0b6f10")
_TREES = dict[tuple[str, str], TreeVersion]


@dataclass(frozen=True)
class Vote:
    """A row that can come in."""

    number: int
    external_id: str
    external_workflow: str
    version: str
    person: str
    subject: str
    tree: TreeVersion
    path: list[int]
    given_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    subject_data: Mapping[str, Any] | None

    @property
    def uuid(self) -> uuid.UUID:
        """The id here, the same at every import."""
        return uuid_of(self.external_id)


def uuid_of(external_id: str) -> uuid.UUID:
    """Return the id here of a classification there."""
    return uuid.uuid5(_IDS, f"{ZOONIVERSE}:{external_id}")


def trees_of(external_workflow: str) -> _TREES:
    """Return the trees of the versions that are known, of one workflow or of all."""
    rows = ImportedVersion.objects.all()
    if external_workflow:
        rows = rows.filter(external_workflow=external_workflow)
    return {(row.external_workflow, row.version): row.tree for row in rows.select_related("tree")}


def read(batch: ImportBatch, number: int, row: Row, trees: _TREES) -> Vote:
    """Return what a row says.

    Raises:
        RowRefused: it is of another workflow, cannot be read, or its answers are no path.
    """
    external_id, subject = row["classification_id"], row["subject_ids"]
    if not external_id.isdigit() or len(external_id) > 20:
        raise RowRefused(f"The classification's id is {shown(external_id)}, and it is a number.")
    if not subject.isdigit() or len(subject) > 20:
        raise RowRefused(f"The row is about {shown(subject)}, and one subject's id is a number.")
    workflow_id, version = _workflow(batch, row), row["workflow_version"]
    tree = _tree(trees, workflow_id, version)
    metadata = json_cell(row, "metadata", dict)
    if metadata.get("translation_bug"):
        raise RowRefused("The row is marked translation_bug: its texts may be another answer's.")
    given_at = _instant(row["created_at"])
    if given_at is None:
        raise RowRefused(f"created_at is {shown(row['created_at'])}, and no date and time.")
    return Vote(
        number=number,
        external_id=external_id,
        external_workflow=workflow_id,
        version=version,
        person=_person(row),
        subject=subject,
        tree=tree,
        path=path_of(tree.tree, json_cell(row, "annotations", list)),
        given_at=given_at,
        started_at=_instant(metadata.get("started_at")),
        finished_at=_instant(metadata.get("finished_at")),
        subject_data=_subject_data(row, subject),
    )


def _workflow(batch: ImportBatch, row: Row) -> str:
    said = row.get("workflow_id", "")
    wanted = batch.external_workflow
    if said and wanted and said != wanted:
        raise RowRefused(f"The row is of workflow {said}, and this import is of {wanted}.")
    if not (said or wanted):
        raise RowRefused("The row names no workflow: say of which one the file is.")
    return said or wanted


def _tree(trees: _TREES, workflow_id: str, version: str) -> TreeVersion:
    if found := trees.get((workflow_id, version)):
        return found
    padded = [known for name, known in trees if name == workflow_id and known == f"{version}0"]
    hint = f" Was it {padded[0]}, read as a number?" if padded else ""
    raise RowRefused(
        f"Version {shown(version)} of workflow {workflow_id} is not known here: import the "
        f"workflow export that has it, or, where there is none, this file as workflows.{hint}"
    )


def _person(row: Row) -> str:
    """Return who it was: the account's number, the name, else nobody but this row."""
    if number := row.get("user_id"):
        return f"user {number}"
    name = row.get("user_name")
    return f"name {name}" if name else f"row {row['classification_id']}"


def _instant(text: Any) -> datetime | None:
    """Return an instant as Panoptes writes them, in UTC; None if it is none."""
    if not isinstance(text, str):
        return None
    try:
        found = parse_datetime(text.strip().replace(" UTC", "+00:00"))
    except ValueError:
        return None
    if found is None:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _subject_data(row: Row, subject: str) -> Mapping[str, Any] | None:
    found = json_cell(row, "subject_data", dict).get(subject)
    if not isinstance(found, dict):
        return None
    return {key: value for key, value in found.items() if key != "retired"}


def store(batch: ImportBatch, votes: Sequence[Vote]) -> tuple[int, dict[int, str]]:
    """Store what is new in the caller's transaction, and count it.

    Returns:
        How many were new, and of refused ones the reason by the row's number.
    """
    refused: dict[int, str] = {}
    new = _unknown(batch, votes, refused)
    subjects = _subjects(batch, new, refused)
    new = [vote for vote in new if vote.subject in subjects]
    if not new:
        return 0, refused
    ids = sorted({subjects[vote.subject].pk for vote in new})
    workflow = _campaign(batch)
    admit_these(workflow, ids)
    tallies = consensus.locked(workflow, ids)
    _insert(batch, new, subjects)
    recount.repair_locked(workflow, tallies, why="votes were imported")
    return len(new), refused


def _campaign(batch: ImportBatch) -> Any:
    return consensus.present(batch.workflow)  # type: ignore[arg-type]  # a batch of votes has one


def _unknown(batch: ImportBatch, votes: Sequence[Vote], refused: dict[int, str]) -> list[Vote]:
    known = dict(
        Classification.objects.filter(uuid__in=[vote.uuid for vote in votes]).values_list(
            "uuid", "workflow_id"
        )
    )
    for vote in votes:
        if known.get(vote.uuid, batch.workflow_id) != batch.workflow_id:
            refused[vote.number] = "The classification has come into another campaign before."
    first = {vote.uuid: vote for vote in reversed(votes)}
    return [vote for vote in votes if vote.uuid not in known and first[vote.uuid] is vote]


def _subjects(
    batch: ImportBatch, votes: Sequence[Vote], refused: dict[int, str]
) -> dict[str, Subject]:
    """Return the galaxies of the votes; those that the set has not are made of the rows."""
    set_id = batch.subject_set_id or 0
    rows = Subject.objects.filter(subject_set_id=set_id)
    wanted = {vote.subject for vote in votes}
    there = set(rows.filter(survey_id__in=wanted).values_list("survey_id", flat=True))
    fresh: dict[str, Subject] = {}
    for vote in votes:
        if vote.subject in there or vote.subject in fresh:
            continue
        try:
            fresh[vote.subject] = _made(set_id, vote)
        except RowRefused as error:
            refused[vote.number] = str(error)
    if fresh:
        galaxies.store(set_id, fresh)
    return {row.survey_id: row for row in rows.filter(survey_id__in=wanted)}


def _made(set_id: int, vote: Vote) -> Subject:
    if vote.subject_data is None:
        raise RowRefused(
            f"Subject {vote.subject} is not in the set, and the row does not describe it: import "
            f"the subject export first."
        )
    return galaxies.made(set_id, vote.subject, vote.subject_data, {})


def _insert(batch: ImportBatch, votes: Sequence[Vote], subjects: Mapping[str, Subject]) -> None:
    who = people.volunteers(ZOONIVERSE, {vote.person for vote in votes})
    made = Classification.objects.bulk_create(
        [
            Classification(
                uuid=vote.uuid,
                workflow=batch.workflow,
                subject=subjects[vote.subject],
                volunteer=who[vote.person],
                tree=vote.tree,
                path=vote.path,
                stream=Stream.IMPORTED,
                shown_at=vote.started_at or vote.given_at,
                client_started_at=vote.started_at,
                client_finished_at=vote.finished_at,
                received_at=vote.given_at,
            )
            for vote in votes
        ]
    )
    ImportedClassification.objects.bulk_create(
        [
            ImportedClassification(
                classification=row,
                batch=batch,
                external_id=vote.external_id,
                external_workflow=vote.external_workflow,
                version=vote.version,
            )
            for row, vote in zip(made, votes, strict=True)
        ]
    )
    _let_stand(batch, made)


def _let_stand(batch: ImportBatch, made: Sequence[Classification]) -> None:
    """Let a person's first answer to a galaxy stand, as here; later ones are repeats."""
    weights = dict(
        Skill.objects.filter(
            workflow=batch.workflow, volunteer__in={row.volunteer_id for row in made}
        ).values_list("volunteer_id", "weight")
    )
    Standing.objects.bulk_create(
        [
            Standing(
                workflow=batch.workflow,
                subject_id=row.subject_id,
                volunteer_id=row.volunteer_id,
                classification=row,
                state=Standing.State.COUNTED,
                weight=weights.get(row.volunteer_id, 1.0),
            )
            for row in sorted(made, key=lambda row: (row.received_at, row.pk))
        ],
        ignore_conflicts=True,
    )
