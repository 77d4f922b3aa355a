"""Asking for files of other projects to be read; each has its line in the audit log."""

from pathlib import Path

from django.db import transaction

from webapp.accounts.models import User
from webapp.common import audit, work
from webapp.common.errors import DomainError
from webapp.common.wake import wake
from webapp.imports.models import ImportBatch, Kind
from webapp.imports.tables import sha256_of
from webapp.subjects.models import SetLink, SubjectSet
from webapp.workflows.models import Workflow


class ImportRefused(DomainError):
    """A file cannot be read for this campaign or set."""


@transaction.atomic
def start_import(
    *,
    kind: str,
    source: Path,
    source_name: str,
    workflow: Workflow | None,
    subject_set: SubjectSet | None,
    external_workflow: str = "",
    by: User | None,
) -> ImportBatch:
    """Ask for a file on the server to be read.

    Raises:
        ImportRefused: no campaign or set where one is needed, or the set is not the campaign's.
    """
    if kind not in Kind.values:
        raise ImportRefused(f"No kind of file is called {kind}. Use {', '.join(Kind.values)}.")
    if kind != Kind.WORKFLOWS and subject_set is None:
        raise ImportRefused("Choose the set that the galaxies are in, or come into.")
    if kind in (Kind.CLASSIFICATIONS, Kind.TALLIES):
        _check_votes(workflow, subject_set)
    batch = ImportBatch.objects.create(
        kind=kind,
        source=str(source),
        source_name=source_name[:255],
        sha256=sha256_of(source),
        workflow=workflow,
        subject_set=subject_set,
        external_workflow=external_workflow.strip(),
        requested_by=by,
    )
    audit.write_entry(
        actor=by, action="start", target="import", target_id=batch.pk,
        new={"kind": kind, "source": batch.source_name, "sha256": batch.sha256},
    )  # fmt: skip
    wake("imports")
    return batch


def _check_votes(workflow: Workflow | None, subject_set: SubjectSet | None) -> None:
    if workflow is None:
        raise ImportRefused("Choose the campaign that the votes count in.")
    link = SetLink.objects.filter(workflow=workflow, subject_set=subject_set, is_linked=True)
    if not link.exists():
        raise ImportRefused(
            f"{workflow.name} does not ask about the galaxies of {subject_set}: link the set first."
        )


@transaction.atomic
def cancel_import(*, batch: ImportBatch, by: User) -> None:
    """Stop reading a file; what has come in stays.

    Raises:
        ImportRefused: it has ended.
    """
    if not work.request_cancel(batch):
        raise ImportRefused("The file is not being read any more: there is nothing to cancel.")
    audit.write_entry(actor=by, action="cancel", target="import", target_id=batch.pk)
