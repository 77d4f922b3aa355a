"""What a worker does with an ingest batch: look at every row, then store the good ones.

Each chunk is decoded without any lock and written in one short transaction that begins with
`work.hold`, so a killed worker loses a chunk and a worker that was overtaken writes nothing.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from django.db import transaction
from django.db.models import F

from inference.vision.decoder import Decoded, Decoder
from webapp.common import work
from webapp.common.wake import wake
from webapp.subjects import media, sky
from webapp.subjects.examination import Examined, examine, other_picture
from webapp.subjects.models import (
    IngestBatch,
    IngestProblem,
    Phase,
    Subject,
    SubjectSet,
)
from webapp.subjects.rows import MAX_NAME, Row
from webapp.subjects.source import Source, open_source

CHUNK = 100
# So that cancel, drain and the progress bar are heard while large FITS files are decoded.
CHUNK_S = 5.0


def run_batch(batch: IngestBatch) -> None:
    """Bring a claimed batch to its end, from wherever an earlier worker stopped.

    Raises:
        LeaseLost, WorkCancelled, WorkPaused: see `webapp.common.work`.
        SourceRefused: the source cannot be used as a whole.
    """
    with open_source(batch) as source, Decoder() as decoder:
        _begin(batch, source)
        if batch.phase == Phase.CHECK:
            _go_through(batch, source, decoder)
            if not _may_store(batch):
                _finish(batch)
                return
            _enter(batch, Phase.STORE)
        _go_through(batch, source, decoder)
        _finish(batch)


def add_subjects(*, subject_set: SubjectSet, source: Source) -> int:
    """Add the good rows of a small source at once; what the set has already stays as it is.

    Returns:
        How many galaxies are new.
    """
    with Decoder() as decoder:
        rows = list(source.rows())
        examined = examine(
            rows,
            pictures=source.pictures,
            known=_known(subject_set.pk, rows),
            decoder=decoder,
        )
        subjects = [_stored(subject_set.pk, one, one.decoded) for one in examined if one.decoded]
    with transaction.atomic():
        n_added, _ = _insert(subject_set.pk, subjects)
    return n_added


@transaction.atomic
def _begin(batch: IngestBatch, source: Source) -> None:
    """Start at the first row, or go on; a source that changed meanwhile is looked at anew."""
    work.hold(batch)
    is_new = batch.fingerprint != source.fingerprint
    batch.fingerprint, batch.notes = source.fingerprint, source.notes
    _save(batch, "fingerprint", "notes")
    if is_new:
        # Whoever keeps only good rows waits for no verdict on all of them, so each is decoded once.
        is_direct = batch.keeps_good_rows and not batch.is_dry_run
        _reset(batch, Phase.STORE if is_direct else Phase.CHECK)
        batch.problems.all().delete()
    work.report(batch, n_done=batch.n_done, n_total=source.n_rows)


@transaction.atomic
def _enter(batch: IngestBatch, phase: Phase) -> None:
    work.hold(batch)
    _reset(batch, phase, n_bad=batch.n_bad)


def _reset(batch: IngestBatch, phase: Phase, *, n_bad: int = 0) -> None:
    batch.phase, batch.n_done, batch.n_known, batch.n_added = phase, 0, 0, 0
    batch.n_bad = n_bad
    _save(batch, "phase", "n_done", "n_known", "n_added", "n_bad")


def _save(batch: IngestBatch, *fields: str) -> None:
    """Write some fields of a row that is held; `save` would need all of them to be fresh."""
    IngestBatch.objects.filter(pk=batch.pk).update(
        **{name: getattr(batch, name) for name in fields}
    )


def _may_store(batch: IngestBatch) -> bool:
    return not batch.is_dry_run and (batch.keeps_good_rows or batch.n_bad == 0)


@transaction.atomic
def _finish(batch: IngestBatch) -> None:
    work.hold(batch)
    work.finish(batch)


def _go_through(batch: IngestBatch, source: Source, decoder: Decoder) -> None:
    """Look at all rows that this phase has not yet reported."""
    refused = _refused(batch) if batch.phase == Phase.STORE else set()
    rows = islice(source.rows(), batch.n_done, None)
    while chunk := deque(islice(rows, CHUNK)):
        known = _known(batch.subject_set_id, chunk)
        while n_waiting := len(chunk):
            now = _taken(chunk, until_s=time.monotonic() + CHUNK_S)
            fresh = (row for row in now if (row.number, _name(row)) not in refused)
            part = _part(
                batch, examine(fresh, pictures=source.pictures, known=known, decoder=decoder)
            )
            _commit(batch, part, n_rows=n_waiting - len(chunk))
            work.rest(batch)


def _refused(batch: IngestBatch) -> set[tuple[int, str]]:
    """Return the rows that the check has reported; they need no second look."""
    return set(batch.problems.values_list("row_number", "name"))


def _taken(chunk: "deque[Row]", *, until_s: float) -> Iterator[Row]:
    while chunk and time.monotonic() < until_s:
        yield chunk.popleft()


def _known(subject_set_id: int, rows: Iterable[Row]) -> dict[str, str]:
    """Return the SHA-256 of the originals that the set has, by survey id."""
    names = [row.survey_id for row in rows if not row.refusal]
    found = Subject.objects.filter(subject_set_id=subject_set_id, survey_id__in=names)
    return dict(found.values_list("survey_id", "original_sha256"))


@dataclass
class _Part:
    """What came of a chunk's rows, ready to be written; pictures lie on disk already."""

    n_known: int = 0
    subjects: list[Subject] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    problems: list[IngestProblem] = field(default_factory=list)

    def refuse(self, batch: IngestBatch, number: int, name: str, reason: str) -> None:
        """Add a bad row."""
        self.problems.append(
            IngestProblem(batch=batch, row_number=number, name=name, reason=reason)
        )


def _part(batch: IngestBatch, examined: Iterable[Examined]) -> _Part:
    part = _Part()
    for one in examined:
        if one.refusal:
            part.refuse(batch, one.row.number, _name(one.row), one.refusal)
        elif one.decoded is None:
            part.n_known += 1
        elif batch.phase == Phase.STORE:
            part.subjects.append(_stored(batch.subject_set_id, one, one.decoded))
            part.numbers[one.row.survey_id] = one.row.number
    return part


def _name(row: Row) -> str:
    """Return a picture's name as the database can keep it."""
    text = row.name.encode("utf-8", "backslashreplace").decode()
    return text.replace("\0", "\\0")[:MAX_NAME]


def _stored(subject_set_id: int, one: Examined, decoded: Decoded) -> Subject:
    """Store the files of a good row, and return its galaxy, which is not yet saved."""
    row, renditions = one.row, decoded.renditions
    frame = decoded.sky
    ra_deg, dec_deg = row.ra_deg, row.dec_deg
    if frame and ra_deg is None:
        ra_deg, dec_deg = frame.ra_deg % 360.0, frame.dec_deg
    if decoded.format == "fits" and one.content.startswith(b"SIMPLE"):
        media.store_public("fits", one.content)
    return Subject(
        subject_set_id=subject_set_id,
        survey_id=row.survey_id,
        ra_deg=ra_deg,
        dec_deg=dec_deg,
        healpix=None if ra_deg is None or dec_deg is None else sky.healpix(ra_deg, dec_deg),
        pixel_scale_arcsec=frame.pixel_scale_arcsec if frame else None,
        north_deg=frame.north_deg if frame else None,
        is_mirrored=frame.is_mirrored if frame else None,
        original_name=row.name,
        original_sha256=media.store_original(one.content, decoded.format),
        original_format=decoded.format,
        display_sha256=media.store_public("display", renditions.display.content),
        thumbnail_sha256=media.store_public("thumbnail", renditions.thumbnail.content),
        stamp_sha256=media.store_public("stamp", renditions.stamp.content),
        bands=[
            [name, media.store_public("display", band.content)] for name, band in renditions.bands
        ]
        or None,
        width_px=renditions.display.width_px,
        height_px=renditions.display.height_px,
        filled_share=decoded.filled_share,
        notes=list(decoded.notes),
        metadata=row.metadata,
    )


@transaction.atomic
def _commit(batch: IngestBatch, part: _Part, *, n_rows: int) -> None:
    """Write a chunk: galaxies, bad rows and progress, all or nothing."""
    work.hold(batch)
    n_added, others = _insert(batch.subject_set_id, part.subjects)
    for survey_id in others:
        name = next(s.original_name for s in part.subjects if s.survey_id == survey_id)
        part.refuse(batch, part.numbers[survey_id], name, other_picture(survey_id))
    IngestProblem.objects.bulk_create(part.problems, ignore_conflicts=True)
    batch.n_added += n_added
    batch.n_known += part.n_known + len(part.subjects) - n_added - len(others)
    batch.n_bad += len(part.problems)
    _save(batch, "n_added", "n_known", "n_bad")
    work.report(batch, n_done=batch.n_done + n_rows, n_total=batch.n_total)


def _insert(subject_set_id: int, subjects: Sequence[Subject]) -> tuple[int, list[str]]:
    """Insert what the set does not have; call it inside a transaction.

    The set's row is locked first, so that batches of one set come one after another: what is read
    then is what there is. Its version tells the campaigns that galaxies wait to be admitted.

    Returns:
        How many are new, and the survey ids that the set has with another picture.
    """
    if not subjects:
        return 0, []
    SubjectSet.objects.filter(pk=subject_set_id).update(version=F("version") + 1)
    there = dict(
        Subject.objects.filter(
            subject_set_id=subject_set_id, survey_id__in=[s.survey_id for s in subjects]
        ).values_list("survey_id", "original_sha256")
    )
    fresh = [subject for subject in subjects if subject.survey_id not in there]
    Subject.objects.bulk_create(fresh, ignore_conflicts=True)
    wake("admission")
    others = [
        s.survey_id
        for s in subjects
        if there.get(s.survey_id, s.original_sha256) != s.original_sha256
    ]
    return len(fresh), others
