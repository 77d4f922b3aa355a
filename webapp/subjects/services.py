"""Everything that people change about sets and what comes into them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.common import work
from webapp.common.audit import write_entry
from webapp.common.errors import DomainError
from webapp.common.models import WorkStatus
from webapp.common.wake import wake
from webapp.subjects import uploads
from webapp.subjects.models import IngestBatch, Phase, SourceKind, SubjectSet

MAX_SLUG = 60


class IngestRefused(DomainError):
    """An ingest cannot be started, stopped or resumed as it stands."""


@transaction.atomic
def create_set(*, name: str, credit: str, owner: User | None) -> SubjectSet:
    """Make an empty set; its address is made of its name."""
    made = SubjectSet.objects.create(slug=_free_slug(name), name=name, credit=credit)
    if owner is not None:
        made.owners.add(owner)
    write_entry(
        actor=owner, action="create", target="subject set", target_id=made.pk, new={"name": name}
    )
    return made


def _free_slug(name: str) -> str:
    base = slugify(name)[: MAX_SLUG - 6].strip("-") or "set"
    taken = set(SubjectSet.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    taken.add("new")  # the address of the form
    numbered = (base if number == 1 else f"{base}-{number}" for number in range(1, len(taken) + 2))
    return next(slug for slug in numbered if slug not in taken)


@transaction.atomic
def start_batch(
    *,
    subject_set: SubjectSet,
    kind: SourceKind,
    source: Path,
    picture_folder: Path | None,
    source_name: str,
    is_dry_run: bool,
    keeps_good_rows: bool,
    actor: User | None,
) -> IngestBatch:
    """Ask for a folder, ZIP file or manifest on the server to be ingested."""
    batch = IngestBatch.objects.create(
        subject_set=subject_set,
        kind=kind,
        source=str(source),
        picture_folder=str(picture_folder or ""),
        source_name=source_name[:255],
        is_dry_run=is_dry_run,
        keeps_good_rows=keeps_good_rows,
        requested_by=actor,
    )
    _note(batch, actor, "start", {"source": batch.source_name, "dry run": is_dry_run})
    wake("ingest")
    return batch


def start_upload(
    *,
    subject_set: SubjectSet,
    pictures: "UploadedFile[bytes]",
    manifest: "UploadedFile[bytes] | None",
    is_dry_run: bool,
    keeps_good_rows: bool,
    actor: User,
) -> IngestBatch:
    """Keep an uploaded ZIP file, and a manifest if there is one, and ask for their ingest."""
    with _kept(pictures, "zip") as archive, _kept(manifest, "csv") as table:
        return start_batch(
            subject_set=subject_set,
            kind=SourceKind.MANIFEST if table else SourceKind.ZIP,
            source=table or archive or Path(),
            picture_folder=archive if table else None,
            source_name=str((manifest or pictures).name),
            is_dry_run=is_dry_run,
            keeps_good_rows=keeps_good_rows,
            actor=actor,
        )


@contextmanager
def _kept(upload: "UploadedFile[bytes] | None", suffix: str) -> Iterator[Path | None]:
    """Keep an upload unless what follows fails."""
    if upload is None:
        yield None
        return
    path = uploads.keep(upload, suffix)
    try:
        yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@transaction.atomic
def import_checked(*, batch: IngestBatch, keeps_good_rows: bool, actor: User | None) -> IngestBatch:
    """Store what a check has found good.

    Raises:
        IngestRefused: it is not the end of a check, its files are gone, or there are bad rows and
            nobody has said that the good ones may come without them.
    """
    batch = _locked(batch)
    if not batch.is_checked:
        raise IngestRefused(
            _(
                "%(source_name)s is %(get_status_display)s, and only a finished check can be "
                "imported: reload the page."
            )
            % {"source_name": batch.source_name, "get_status_display": batch.get_status_display()}
        )
    if batch.n_bad and not keeps_good_rows:
        raise IngestRefused(
            _(
                "%(source_name)s has %(n_bad)s bad rows: correct them and check again, or import "
                "only the good ones."
            )
            % {"source_name": batch.source_name, "n_bad": f"{batch.n_bad:,}"}
        )
    _check_present(batch)
    batch.is_dry_run, batch.keeps_good_rows = False, keeps_good_rows
    batch.phase, batch.status = Phase.STORE, WorkStatus.PENDING
    batch.n_done = batch.n_known = batch.attempts = 0
    batch.finished_at = None
    batch.save()
    _note(batch, actor, "import", {"only good rows": keeps_good_rows})
    wake("ingest")
    return batch


def _check_present(batch: IngestBatch) -> None:
    for path in filter(None, (batch.source, batch.picture_folder)):
        if not Path(path).exists():
            raise IngestRefused(
                _(
                    "The files of %(source_name)s are no longer there (uploads are kept %(days)s "
                    "days): upload them again."
                )
                % {"source_name": batch.source_name, "days": uploads.KEPT.days}
            )


@transaction.atomic
def cancel_batch(*, batch: IngestBatch, actor: User | None) -> None:
    """Stop an ingest; galaxies that are in stay in.

    Raises:
        IngestRefused: it has ended already.
    """
    if not work.request_cancel(batch):
        raise IngestRefused(
            _("%(source_name)s has ended already: reload the page.")
            % {"source_name": batch.source_name}
        )
    _note(batch, actor, "cancel", {})


@transaction.atomic
def retry_batch(*, batch: IngestBatch, actor: User | None) -> None:
    """Let a failed or cancelled ingest go on where it stopped.

    Raises:
        IngestRefused: it neither failed nor was cancelled, or its files are gone.
    """
    _check_present(batch)
    if not work.retry(batch):
        raise IngestRefused(
            _(
                "%(source_name)s neither failed nor was cancelled, so there is nothing to try "
                "again: reload the page."
            )
            % {"source_name": batch.source_name}
        )
    _note(batch, actor, "retry", {})
    wake("ingest")


def _locked(batch: IngestBatch) -> IngestBatch:
    return IngestBatch.objects.select_for_update(no_key=True).get(pk=batch.pk)


def _note(batch: IngestBatch, actor: User | None, action: str, new: dict[str, object]) -> None:
    write_entry(
        actor=actor,
        action=action,
        target="ingest",
        target_id=batch.pk,
        new={"set": batch.subject_set_id, **new},
    )
