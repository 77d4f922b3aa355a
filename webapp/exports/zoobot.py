"""Votes as Zoobot trains on them: a picture's place, and a whole number for each answer."""

from collections.abc import Iterator, Sequence
from typing import Any

from webapp.exports.snapshot import Cursor, evidence_at
from webapp.subjects import media
from webapp.subjects.models import Subject
from webapp.workflows.models import Workflow

Lines = list[list[Any]]


def header(workflow: Workflow) -> Sequence[str]:
    """Return the columns; answers are called as Galaxy Zoo's catalogs call them."""
    tree = workflow.tree.tree
    return ["id_str", "file_loc", *(tree.column(answer) for answer in tree.answers)]


def count_at(moment: Cursor, workflow: Workflow) -> int:
    """Return how many galaxies somebody has classified."""
    moment.execute(
        "SELECT count(*) FROM consensus_consensus WHERE workflow_id = %s AND n_classifications > 0",
        [workflow.pk],
    )
    return int((moment.fetchone() or (0,))[0])


def rows_at(moment: Cursor, workflow: Workflow) -> Iterator[Lines]:
    """Yield a row for each classified galaxy; places are within the folder of public media."""
    for whole in evidence_at(moment, workflow):
        part = whole.part(whole.n_classifications > 0)
        ids = part.subject_id.tolist()
        pictures = dict(Subject.objects.filter(pk__in=ids).values_list("pk", "display_sha256"))
        yield [
            [survey_id, media.name("display", pictures[pk]), *votes]
            for pk, survey_id, votes in zip(
                ids, part.survey_id.tolist(), part.votes.tolist(), strict=True
            )
        ]
