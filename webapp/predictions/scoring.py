"""Scoring: the galaxies whose prior is not the active network's get its word.

Pictures are decoded ahead in threads while the network runs, and what it said is stored a chunk at
a time while the next ones are on their way: no row is locked meanwhile. A worker that is killed
leaves its batch to the next one, which begins where the last chunk was stored.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from django.db import transaction

from inference.vision.predict import Source, predict
from inference.vision.session import Session
from webapp.common import drain, work
from webapp.common.errors import DomainError
from webapp.common.wake import wake
from webapp.consensus import priors
from webapp.consensus.models import Consensus
from webapp.consensus.services import CHUNK
from webapp.predictions import queries, scorer, services, spaces
from webapp.predictions.models import Batch
from webapp.predictions.said import Said, joined
from webapp.subjects import media
from webapp.subjects.models import Subject

AT_ONCE = 96  # pictures that the threads are handed at a time; five times that is a chunk


class PicturesLost(DomainError):
    """The folder of the pictures is not there, which says nothing of any picture."""


def score_all(*, deadline_s: float) -> int:
    """Score until nothing is left or the deadline (time.monotonic) has passed.

    Returns:
        How many batches this worker took.
    """
    n_batches = 0
    while time.monotonic() < deadline_s and not drain.is_asked() and (batch := _next_batch()):
        work.run(batch, score_batch, deadline_s=deadline_s)
        n_batches += 1
    if n_batches:
        wake("progress")
        wake("spaces")
    return n_batches


def _next_batch() -> Batch | None:
    """Claim a batch that waits or that somebody has left; plan one if there is none."""
    if batch := work.claim_next(Batch):
        return batch
    if services.plan_batch(prefer=scorer.loaded_sha256()) is None:
        return None
    return work.claim_next(Batch)


def score_batch(batch: Batch) -> None:
    """Give the galaxies of a batch their network's word: what is stored, else what it says now."""
    waiting = _waiting(batch)
    for start in range(0, len(waiting), CHUNK):
        _put_known(batch, waiting[start : start + CHUNK])
    if unseen := _unseen(batch):
        _predict(batch, unseen)
    with transaction.atomic():
        work.hold(batch)
        Batch.objects.filter(pk=batch.pk).delete()


def _waiting(batch: Batch) -> list[int]:
    rows = Consensus.objects.filter(workflow=batch.workflow_id, subject_id__in=batch.subject_ids)
    seen = rows.filter(prior_model=batch.model_id).values_list("subject_id", flat=True)
    return sorted(set(batch.subject_ids) - set(seen))


def _put_known(batch: Batch, subject_ids: Sequence[int]) -> None:
    """Give these galaxies what the network said of them before, as after a rollback."""
    known = queries.opinions(batch.model, subject_ids)
    if not len(known):
        return
    work.rest(batch)
    with transaction.atomic():
        priors.put_priors(workflow=batch.workflow, model=batch.model, opinions=known)
        spaces.follow(batch.workflow, batch.model, known.subject_ids.tolist())
        work.hold(batch)
        work.report(batch, n_done=batch.n_done + len(known), n_total=batch.n_total)


def _unseen(batch: Batch) -> list[Subject]:
    """Return the galaxies of a batch of which the network has said nothing yet."""
    rows = Subject.objects.filter(pk__in=batch.subject_ids)
    unseen = rows.exclude(predictions__model=batch.model_id)
    return list(unseen.only("pk", "stamp_sha256").order_by("pk"))


@dataclass
class _Chunk:
    """What the network has said and is not stored yet."""

    batch: Batch
    session: Session
    subject_ids: list[int] = field(default_factory=list)
    parts: list[Said] = field(default_factory=list)
    started_s: float = field(default_factory=time.monotonic)
    n_stored: int = 0

    def store(self) -> None:
        """Store it in one short transaction; only who holds the batch may."""
        said, batch = joined(self.parts), self.batch
        opinions = priors.Opinions(
            queries.as_array(self.subject_ids), said.concentrations, said.ignorance
        )
        self.n_stored += len(said)
        per_s = self.n_stored / (time.monotonic() - self.started_s)
        with transaction.atomic():
            services.store_predictions(model=batch.model, subject_ids=self.subject_ids, said=said)
            priors.put_priors(workflow=batch.workflow, model=batch.model, opinions=opinions)
            services.note_pace(
                model=batch.model, provider=self.session.provider, said=said, per_s=per_s
            )
            work.hold(batch)
            work.report(batch, n_done=batch.n_done + len(said), n_total=batch.n_total)
        self.subject_ids, self.parts = [], []


def _predict(batch: Batch, subjects: Sequence[Subject]) -> None:
    media.check_folder("stamp", PicturesLost)
    session = scorer.session_for(batch.model)
    chunk = _Chunk(batch, session)
    ids = iter([subject.pk for subject in subjects])
    with closing(predict(session, _pictures(subjects), batch_size=AT_ONCE)) as scored:
        for part in scored:
            chunk.parts.append(scorer.said(part, session.card))
            chunk.subject_ids += [next(ids) for _ in part.sources]
            if len(chunk.subject_ids) + AT_ONCE > CHUNK:
                chunk.store()
                work.rest(batch)
    if chunk.parts:
        chunk.store()


def _pictures(subjects: Sequence[Subject]) -> Iterator[Source]:
    return (media.source("stamp", subject.stamp_sha256) for subject in subjects)
