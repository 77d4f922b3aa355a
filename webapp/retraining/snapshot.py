"""A campaign's votes at one moment, as the catalog that a training reads.

Votes are counts as people gave them: the network's likelihood is that of counts, and a weight is
already a belief about the answer. Excluded people's answers are in no tally, so they are not here.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from inference.errors import InferenceError
from inference.formats import catalog as catalogs
from inference.formats.atomic import write_json
from inference.formats.catalog import Catalog
from inference.formats.strict_json import read_object
from webapp.common.errors import DomainError
from webapp.retraining.models import TrainingRun
from webapp.retraining.queries import NEEDED_PARTS
from webapp.subjects import media
from webapp.subjects.models import SubjectSet

_READ = 20_000  # rows held at once
_MAX_BYTES = 100_000


class NothingToLearn(DomainError):
    """The votes are too few, or contradict themselves."""


@dataclass(frozen=True)
class Facts:
    """What is said of the votes beside them."""

    snapshot_at: str  # ISO 8601
    last_classification_id: int
    n_subjects: int
    n_classifications: int
    parts: dict[str, int]  # galaxies of each part
    credits: list[str]  # of the pictures

    @classmethod
    def read(cls, path: Path) -> "Facts":
        """Return what `write` has stored."""
        values = read_object(path.read_bytes(), refused=InferenceError, max_bytes=_MAX_BYTES)
        return cls(**values)

    def write(self, path: Path) -> None:
        """Store them as JSON."""
        write_json(path, asdict(self))

    def sentences(self, run: TrainingRun) -> str:
        """Return what the model's card says of its data."""
        at = datetime.fromisoformat(self.snapshot_at).strftime("%Y-%m-%d %H:%M")
        votes = (
            f"{self.n_classifications:,} classifications of {self.n_subjects:,} galaxies by the "
            f"volunteers of the campaign {_one_line(run.workflow.name)}, as they counted on {at} "
            f"UTC."
        )
        return "\n".join([votes, *self.credits])


# One statement, so one moment; retired galaxies and those of withdrawn sets have answers too.
_ANSWERED = """
    SELECT subject_set.slug, subject.survey_id, subject.stamp_sha256, subject.subject_set_id,
           consensus.n_classifications, consensus.votes, consensus.asked
    FROM consensus_consensus consensus
    JOIN subjects_subject subject ON subject.id = consensus.subject_id
    JOIN subjects_subjectset subject_set ON subject_set.id = subject.subject_set_id
    WHERE consensus.workflow_id = %s AND consensus.tree_id = %s AND consensus.n_classifications > 0
      AND subject.stamp_sha256 <> ''
    ORDER BY subject.id
"""


def take(run: TrainingRun) -> tuple[Catalog, Facts]:
    """Read the votes of a run's campaign.

    Raises:
        NothingToLearn: a part of the galaxies is empty, or the votes contradict themselves.
    """
    columns, set_ids, facts = _read(run)
    catalog = _catalog(run, columns)
    try:
        catalog.check()
    except InferenceError as refusal:
        raise NothingToLearn(f"The votes cannot be trained on. {refusal}") from None
    splits, counts = np.unique(catalog.splits(), return_counts=True)
    parts = {str(split): int(count) for split, count in zip(splits, counts, strict=True)}
    for part in NEEDED_PARTS:
        if not parts.get(part):
            raise NothingToLearn(
                f"None of the {len(catalog):,} galaxies with answers falls into the {part} part, "
                f"which is drawn by hash: wait until more galaxies are answered."
            )
    sets = SubjectSet.objects.filter(pk__in=set_ids).exclude(credit="")
    return catalog, Facts(
        **facts,
        n_subjects=len(catalog),
        parts=parts,
        credits=[_one_line(credit) for credit in sets.values_list("credit", flat=True)],
    )


def _read(run: TrainingRun) -> tuple[dict[str, list[Any]], set[int], dict[str, Any]]:
    names = ("slug", "survey_id", "stamp")
    columns: dict[str, list[Any]] = {name: [] for name in (*names, "votes", "asked")}
    set_ids: set[int] = set()
    n_classifications = 0
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        # Read before the votes: what comes in between is new to the next run as well.
        last_id = _last_classification_id()
        cursor.execute(_ANSWERED, [run.workflow_id, run.tree_id])
        while rows := cursor.fetchmany(_READ):
            for row in rows:
                for name, value in zip(names, row, strict=False):
                    columns[name].append(value)
            set_ids |= {row[3] for row in rows}
            n_classifications += sum(row[4] for row in rows)
            columns["votes"].append(np.array([row[5] for row in rows], np.float32))
            columns["asked"].append(np.array([row[6] for row in rows], np.float32))
    facts = {
        "snapshot_at": timezone.now().isoformat(timespec="seconds"),
        "last_classification_id": last_id,
        "n_classifications": n_classifications,
    }
    return columns, set_ids, facts


def _last_classification_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM classifications_classification")
        return int(cursor.fetchone()[0])


def _catalog(run: TrainingRun, columns: dict[str, list[Any]]) -> Catalog:
    tree, n = run.tree.tree, len(columns["survey_id"])
    votes = [np.zeros((0, tree.n_answers), np.float32), *columns["votes"]]
    asked = [np.zeros((0, tree.n_questions), np.float32), *columns["asked"]]
    return Catalog(
        tree=tree,
        subject_ids=tuple(map("{}/{}".format, columns["slug"], columns["survey_id"])),
        # The same galaxy in two sets falls into one part, in every run.
        groups=tuple(columns["survey_id"]),
        pictures=tuple(media.name("stamp", sha256) for sha256 in columns["stamp"]),
        picture_sha256s=tuple(columns["stamp"]),
        votes=np.concatenate(votes),
        asked=np.concatenate(asked),
        nominal=np.zeros(n, np.bool_),
    )


def store(folder: Path, catalog: Catalog, facts: Facts) -> None:
    """Keep a snapshot, so that a worker that takes over goes on with the same votes."""
    facts.write(folder / "facts.json")
    catalogs.write_catalog(catalog, folder / "catalog.parquet")


def stored(folder: Path) -> tuple[Catalog, Facts] | None:
    """Return the snapshot that an earlier worker has kept, None if there is no whole one."""
    if not (folder / "catalog.parquet").exists():
        return None
    return catalogs.read_catalog(folder / "catalog.parquet"), Facts.read(folder / "facts.json")


def _one_line(text: str) -> str:
    return "".join(c for c in " ".join(text.split()) if c.isprintable())[:500]
