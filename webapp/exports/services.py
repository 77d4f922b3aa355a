"""Asking for files and releases, stopping and withdrawing them; each is in the audit log."""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from inference.errors import shown
from webapp.accounts.models import User
from webapp.common import audit, shared, work
from webapp.common.errors import DomainError
from webapp.common.models import WorkStatus
from webapp.common.wake import wake
from webapp.exports import debias, snapshot
from webapp.exports.citation import LICENSES
from webapp.exports.columns import catalog_columns
from webapp.exports.exchange import KINDS
from webapp.exports.models import Export, Release, Table
from webapp.exports.origin import software
from webapp.exports.selection import Selection
from webapp.exports.writers import FORMATS
from webapp.workflows.models import Workflow

MOST_AUTHORS = 500


class ExportRefused(DomainError):
    """A file that cannot be asked for."""


class AlreadyRunning(DomainError):
    """This person's last file of this format is not ready yet."""


class HasEnded(DomainError):
    """There is nothing to stop any more."""


class ReleaseRefused(DomainError):
    """A release that cannot be made or withdrawn."""


@transaction.atomic
def request_export(
    *,
    workflow: Workflow,
    asked_by: User,
    format: str,  # noqa: A002  the word that everybody uses
    query: str = "",
    table: str = Table.CATALOG,
    uses_galaxy_zoo_names: bool = False,
    is_formula_safe: bool = True,
    is_debiased: bool = False,
) -> Export:
    """Ask for a file of a campaign as it is when a worker begins.

    Args:
        query: filters, as in an address.

    Raises:
        ExportRefused: no such format or table, or filters on single votes.
        NotAFilter: a part of the query is none.
        AlreadyRunning: one of this format is being made for this person.
    """
    if format not in FORMATS:
        raise ExportRefused(f"No format is called {shown(format)}. Use {', '.join(FORMATS)}.")
    if table not in Table.values:
        raise ExportRefused(f"No table is called {shown(table)}. Use {', '.join(Table.values)}.")
    if table in KINDS and format != "csv":
        raise ExportRefused(
            f"The table {shown(table)} is in another project's own form, which is CSV, and "
            f"{shown(format)} was asked for: choose CSV."
        )
    is_debiased |= workflow.is_debiased and table == Table.CATALOG and _can_debias(workflow)
    export = Export(
        workflow=workflow,
        requested_by=asked_by,
        format=format,
        table=table,
        query=_checked(workflow, query, table, is_debiased=is_debiased),
        uses_galaxy_zoo_names=uses_galaxy_zoo_names,
        is_formula_safe=is_formula_safe,
        is_debiased=is_debiased,
    )
    try:
        with transaction.atomic():
            export.save()
    except IntegrityError:
        raise AlreadyRunning(
            f"A {FORMATS[format].name} file is being made for you already: wait until it is ready, "
            f"or cancel it."
        ) from None
    _note(asked_by, "request_export", workflow, {"format": format, "table": table, "query": query})
    wake("exports")
    return export


def _can_debias(workflow: Workflow) -> bool:
    return debias.inputs(snapshot.metadata_kinds(workflow)) is not None


def _checked(workflow: Workflow, query: str, table: str, *, is_debiased: bool) -> str:
    """Return the query as it is always written."""
    kinds = snapshot.metadata_kinds(workflow)
    if is_debiased and debias.inputs(kinds) is None:
        raise ExportRefused(
            "Fractions can be corrected for redshift only where the survey's columns have a "
            "redshift, an absolute magnitude and a size: leave the correction out."
        )
    columns = catalog_columns(workflow.tree.tree, kinds, debiased=is_debiased)
    selection = Selection.parse(query, columns)
    if selection.query and table != Table.CATALOG:
        raise ExportRefused(
            f"Filters choose rows of the catalog, and {shown(selection.query)} cannot choose "
            f"single votes or rows of another project's form: leave it out."
        )
    return selection.query


@transaction.atomic
def cancel_export(*, export: Export, by: User) -> None:
    """Stop making a file, at once while it waits and within some thousand rows while it runs.

    Raises:
        HasEnded: it is ready, has failed, or was cancelled before.
    """
    if not work.request_cancel(export):
        raise HasEnded("The file is not being made any more: there is nothing to cancel.")
    _note(by, "cancel_export", export.workflow, {"export": export.pk})


def forget_old_exports() -> int:
    """Remove files that are older than they are kept; return how many."""
    before = timezone.now() - timedelta(days=settings.EXPORTS_KEPT_DAYS)
    old = Export.objects.filter(
        status=WorkStatus.DONE, forgotten_at=None, finished_at__lt=before
    ).select_related("workflow")
    for export in old:
        shared.remove("exports", export.path.name, export.path)
        Export.objects.filter(pk=export.pk).update(forgotten_at=timezone.now())
    return len(old)


@transaction.atomic
def make_release(
    *,
    workflow: Workflow,
    by: User,
    title: str,
    authors: Sequence[str],
    license: str,  # noqa: A002  the word that everybody uses
    description: str = "",
    doi: str = "",
    address: str = "",
) -> Release:
    """Ask for the campaign's next numbered catalog, of the moment at which a worker begins.

    Args:
        license: an SPDX identifier, of LICENSES.
        address: of the release's page, with {number} where its number stands.

    Raises:
        ReleaseRefused: no title or authors, an unknown license, or one is being made.
    """
    names = [" ".join(name.split()) for name in authors if name.strip()]
    if not title.strip() or not 0 < len(names) <= MOST_AUTHORS:
        raise ReleaseRefused(
            f"A release has a title and 1 to {MOST_AUTHORS} authors, and this one has "
            f"{len(names)} authors and {'a' if title.strip() else 'no'} title: write both."
        )
    if license not in LICENSES:
        raise ReleaseRefused(f"{shown(license)} is no license. Use {', '.join(LICENSES)}.")
    locked = Workflow.objects.select_for_update(no_key=True).get(pk=workflow.pk)
    if Release.objects.filter(
        workflow=locked, status__in=(WorkStatus.PENDING, WorkStatus.RUNNING)
    ).exists():
        raise ReleaseRefused("A release is being made: wait until it is ready.")
    last = Release.objects.filter(workflow=locked).aggregate(last=Max("number"))["last"] or 0
    release = Release.objects.create(
        workflow=locked,
        number=last + 1,
        title=" ".join(title.split()),
        authors=names,
        description=description.strip(),
        license=license,
        doi=doi.strip(),
        address=address.replace("{number}", str(last + 1)),
        software=software(),
        requested_by=by,
    )
    _note(by, "make_release", locked, {"release": release.number, "title": release.title})
    wake("exports")
    return release


@transaction.atomic
def withdraw_release(*, release: Release, by: User, reason: str) -> None:
    """Take a release's files away from the public; its page stays and says why.

    Raises:
        ReleaseRefused: no reason, not ready, or withdrawn before.
    """
    if not reason.strip():
        raise ReleaseRefused("Say why the release is withdrawn: its page shows it for ever.")
    changed = Release.objects.filter(
        pk=release.pk, status=WorkStatus.DONE, withdrawn_at=None
    ).update(withdrawn_at=timezone.now(), withdrawn_why=reason.strip())
    if not changed:
        raise ReleaseRefused("Only a release that is ready, and not withdrawn, can be withdrawn.")
    audit.write_entry(
        actor=by, action="withdraw_release", target="workflow", target_id=release.workflow_id,
        new={"release": release.number}, reason=reason.strip(),
    )  # fmt: skip


def _note(by: User, action: str, workflow: Workflow, new: dict[str, object]) -> None:
    audit.write_entry(actor=by, action=action, target="workflow", target_id=workflow.pk, new=new)
