"""Lists of galaxies worth a look: unlike the others, and disputed between people and model.

Computed by beat, at most a fiftieth of the time; the first thousand of each are kept.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np
from django.db import connection, transaction
from django.utils import timezone
from numpy.typing import NDArray

from inference.belief.dispute import dispute
from webapp.consensus.models import PROGRESS_RATION
from webapp.predictions.models import Listed, ListKind, Lists
from webapp.registry.models import ModelVersion
from webapp.workflows.models import Workflow

LENGTH = 1000
EVERY_S = 60.0
LEAST_DISPUTE = 2.0  # standard deviations; less is chance
_READ = 5000

Places = list[tuple[int, float]]  # subject ids and values, the first first


def list_galaxies(workflow: Workflow, model: ModelVersion, *, is_rationed: bool = True) -> bool:
    """Make a campaign's lists, unless they were dear and are recent; return whether it did."""
    known = Lists.objects.filter(workflow=workflow).first()
    if is_rationed and known and not _may_list(known):
        return False
    started_s = time.perf_counter()
    found = {
        ListKind.UNUSUAL: _unusual(workflow, model),
        ListKind.DISPUTED: _disputed(workflow, model),
    }
    with transaction.atomic():
        took_s = time.perf_counter() - started_s
        Lists.objects.update_or_create(
            workflow=workflow, defaults={"made_at": timezone.now(), "took_s": took_s}
        )
        for kind, places in found.items():
            _put(workflow, kind, places)
    return True


def _may_list(known: Lists) -> bool:
    patience_s = max(EVERY_S, PROGRESS_RATION * known.took_s)
    return abs(timezone.now() - known.made_at) >= timedelta(seconds=patience_s)


def _put(workflow: Workflow, kind: ListKind, places: Places) -> None:
    Listed.objects.filter(workflow=workflow, kind=kind).delete()
    Listed.objects.bulk_create(
        Listed(workflow=workflow, kind=kind, place=place, subject_id=subject_id, value=value)
        for place, (subject_id, value) in enumerate(places, start=1)
    )


_UNUSUAL = """
    SELECT unusual.subject_id, unusual.distance FROM predictions_unusual unusual
    WHERE unusual.model_id = %s AND EXISTS (
        SELECT FROM consensus_consensus known
        WHERE known.workflow_id = %s AND known.subject_id = unusual.subject_id
          AND known.retired_reason <> 'withdrawn')
    ORDER BY unusual.distance DESC LIMIT %s
"""


def _unusual(workflow: Workflow, model: ModelVersion) -> Places:
    with connection.cursor() as cursor:
        cursor.execute(_UNUSUAL, [model.pk, workflow.pk, LENGTH])
        return list(cursor.fetchall())


_ANSWERED = """
    SELECT subject_id, prior, votes, asked FROM consensus_consensus
    WHERE workflow_id = %s AND tree_id = %s AND prior_model_id = %s AND prior IS NOT NULL
      AND n_classifications > 0 AND retired_reason <> 'withdrawn'
"""


def _disputed(workflow: Workflow, model: ModelVersion) -> Places:
    best: Places = []
    for ids, prior, votes, asked in _answered(workflow, model):
        found = dispute(workflow.tree.tree, prior, votes, asked)
        worth = np.flatnonzero(found >= LEAST_DISPUTE)
        best += [(int(ids[row]), float(found[row])) for row in worth]
        best = sorted(best, key=lambda one: (-one[1], one[0]))[:LENGTH]
    return best


Floats = NDArray[np.float64]
Answered = tuple[NDArray[np.int64], Floats, Floats, Floats]


def _floats(values: Sequence[Sequence[float]]) -> Floats:
    return np.array(values, np.float64)


def _answered(workflow: Workflow, model: ModelVersion) -> Iterator[Answered]:
    """Yield galaxies that people and the network have answered, a block at a time."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(_ANSWERED, [workflow.pk, workflow.tree_id, model.pk])
        while rows := cursor.fetchmany(_READ):
            ids, prior, votes, asked = zip(*rows, strict=True)
            yield np.array(ids), _floats(prior), _floats(votes), _floats(asked)
