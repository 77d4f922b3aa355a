"""What a network says of galaxies becomes part of what is believed, and their places in the queues.

The galaxies whose `prior_model` is not the campaign's active model are the queue of this work.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from inference.belief.posterior import Posterior
from inference.formats.tree import Tree
from webapp.consensus import evidence, services
from webapp.consensus.models import Consensus, Queue, Stream
from webapp.registry.models import ModelVersion
from webapp.registry.queries import active_model
from webapp.workflows.models import Workflow

WHY = "a network's word changed"


@dataclass(frozen=True, eq=False)
class Opinions:
    """What a network says of galaxies, each once; NaN where it can say nothing of one.

    Attributes:
        subject_ids: (n,).
        concentrations: calibrated, along the axis of the network's own tree, (n, K).
        ignorance: nats, (n,).
    """

    subject_ids: NDArray[np.int64]
    concentrations: NDArray[np.floating]
    ignorance: NDArray[np.floating]

    def __len__(self) -> int:
        return len(self.subject_ids)


@transaction.atomic
def put_priors(*, workflow: Workflow, model: ModelVersion, opinions: Opinions) -> int:
    """Let galaxies believe a network: prior, verdict, and their places in the queues.

    At most `services.CHUNK` galaxies. Nothing is written where the campaign has promoted another
    network meanwhile; galaxies whose tally is along an older tree are left until it follows.

    Returns:
        How many galaxies have the network's word now.
    """
    locked = services.locked(workflow, opinions.subject_ids.tolist())
    workflow = services.present(workflow)
    if active_model(workflow) != model:
        return 0
    rows = [row for row in locked if row.tree_id == workflow.tree_id]
    if not rows:
        return 0
    places = _places(opinions, rows)
    said = on_axis(opinions.concentrations[places], model.tree.tree, workflow.tree.tree)
    known = _believe(rows, said, workflow)
    _save(rows, model)
    _rank(rows, workflow, Stream.GAIN, np.array(evidence.gains(known)))
    _rank(rows, workflow, Stream.IGNORANCE, opinions.ignorance[places])
    return len(rows)


def on_axis(concentrations: NDArray[np.floating], own: Tree, wanted: Tree) -> NDArray[np.float64]:
    """Return concentrations (n, K) of one tree along the axis of another with the same answers."""
    found = np.empty(concentrations.shape, np.float64)
    for column, place in enumerate(wanted.axis_from(own)):
        assert place is not None  # noqa: S101  for the type checker: active models fit
        found[:, place] = concentrations[:, column]
    return found


def _places(opinions: Opinions, rows: Sequence[Consensus]) -> NDArray[np.int64]:
    order = np.argsort(opinions.subject_ids)
    wanted = np.array([row.subject_id for row in rows], np.int64)
    found: NDArray[np.int64] = order[np.searchsorted(opinions.subject_ids, wanted, sorter=order)]
    return found


def _believe(rows: Sequence[Consensus], said: NDArray[np.float64], workflow: Workflow) -> Posterior:
    """Set the priors in memory and judge the galaxies of which the rule now says something else."""
    has_word: list[bool] = np.isfinite(said.min(axis=1)).tolist()
    for row, values, is_known in zip(rows, said.tolist(), has_word, strict=True):
        row.prior = values if is_known else None
    known = evidence.belief(rows, workflow.tree.tree)
    verdicts = workflow.parsed_rule.verdicts(
        np.array([row.votes for row in rows]),
        [row.n_classifications for row in rows],
        posterior=known,
        is_gold=[row.is_gold for row in rows],
        subject_sets=_sets(rows) if workflow.parsed_rule.artifact_of_set else None,
    )
    changed = [
        row
        for row, retired in zip(rows, verdicts.retired, strict=True)
        if retired != (row.retired_at is not None)
    ]
    services.put_tallies(workflow=workflow, tallies=changed, why=WHY)
    return known


def _sets(rows: Sequence[Consensus]) -> list[str]:
    ids = [row.pk for row in rows]
    of = Consensus.objects.filter(pk__in=ids).values_list("pk", "subject__subject_set__slug")
    slugs = dict(of)
    return [slugs[row.pk] for row in rows]


_SAVE = """
    UPDATE consensus_consensus known
    SET prior = given.prior::real[], prior_model_id = %s
    FROM unnest(%s::bigint[], %s::text[]) given (id, prior)
    WHERE known.id = given.id
"""


def _save(rows: Sequence[Consensus], model: ModelVersion) -> None:
    priors = [None if row.prior is None else _array(row.prior) for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(_SAVE, [model.pk, [row.pk for row in rows], priors])


def _array(values: Sequence[float]) -> str:
    """Return numbers as PostgreSQL reads an array."""
    return "{" + ",".join(map(repr, values)) + "}"


_RANK = """
    INSERT INTO consensus_queue (subject_id, workflow_id, stream, sort_key)
    SELECT id, %s, %s, key FROM unnest(%s::bigint[], %s::float8[]) given (id, key)
    ON CONFLICT (subject_id, workflow_id, stream) DO UPDATE SET sort_key = excluded.sort_key
"""


def _rank(
    rows: Sequence[Consensus], workflow: Workflow, stream: Stream, keys: NDArray[np.floating]
) -> None:
    """Let the open ones of locked galaxies wait in a stream; without a key (NaN) they do not."""
    waits = np.isfinite(keys) & np.array([row.retired_at is None for row in rows])
    ids = np.array([row.subject_id for row in rows], np.int64)
    gone = Queue.objects.filter(workflow=workflow, stream=stream)
    gone.filter(subject_id__in=ids[~waits].tolist()).delete()
    with connection.cursor() as cursor:
        values = [workflow.pk, str(stream), ids[waits].tolist(), keys[waits].tolist()]
        cursor.execute(_RANK, values)


@transaction.atomic
def put_keys(
    *,
    workflow: Workflow,
    stream: Stream,
    subject_ids: NDArray[np.int64],
    keys: NDArray[np.floating],
) -> None:
    """Let the open ones of at most `services.CHUNK` galaxies wait in a stream, by keys (n,)."""
    rows = services.locked(workflow, subject_ids.tolist())
    of = dict(zip(subject_ids.tolist(), keys.tolist(), strict=True))
    _rank(rows, workflow, stream, np.array([of[row.subject_id] for row in rows], np.float64))
