"""What an operator has to do something about, each in a sentence with the remedy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webapp.backups import queries as backups
from webapp.common.limits import counters
from webapp.common.models import Process
from webapp.dashboard.doing import Doing
from webapp.dashboard.health import Check
from webapp.dashboard.longwork import Kind
from webapp.dashboard.storage import Storage

OLD_TRANSACTION_S = 600.0  # as in deploy/alerts.yml


@dataclass(frozen=True)
class Need:
    """A sentence, and the part of the page that shows more."""

    words: str
    anchor: str


def needs(
    *,
    checks: Sequence[Check],
    processes: Sequence[Process],
    kinds: Sequence[Kind],
    campaigns: Sequence[Doing],
    stored: Storage,
) -> list[Need]:
    """Return everything that needs somebody; nothing if all is well."""
    return [
        *(
            Need(f"{check.name}: {check.words}", "running")
            for check in checks
            if not check.is_right
        ),
        *_of_limits(),
        *_of_processes(processes),
        *_of_work(kinds),
        *_of_counts(campaigns),
        *_of_storage(stored),
        *_of_backups(),
    ]


def _of_limits() -> Iterator[Need]:
    if not counters().is_shared():
        words = _(
            "The table of the limits cannot be used: each web process counts tries to sign in for "
            "itself. Its log says why."
        )
        yield Need(words, "running")


def _of_processes(processes: Sequence[Process]) -> Iterator[Need]:
    alive = {process.kind for process in processes if process.is_alive}
    remedy = {
        Process.Kind.WORKER: _("No worker is alive: nothing is taken in, exported or trained."),
        Process.Kind.SCORER: _("No scorer is alive: no network looks at new galaxies."),
        Process.Kind.BEAT: _("Beat is not alive: what waits is not looked at again by itself."),
    }
    for kind, words in remedy.items():
        if kind not in alive:
            yield Need(words, "processes")
    for process in processes:
        if not process.is_alive and process.kind in alive:
            yield Need(
                _("%(name)s fell silent; others of its kind go on.") % {"name": process.name},
                "processes",
            )


def _of_work(kinds: Sequence[Kind]) -> Iterator[Need]:
    n_failed = sum(kind.n_failed for kind in kinds)
    if n_failed:
        words = ngettext(
            "%(n)s piece of work has failed: read why, then retry it.",
            "%(n)s pieces of work have failed: read why, then retry them.",
            n_failed,
        )
        yield Need(words % {"n": f"{n_failed:,}"}, "failed")


def _of_counts(campaigns: Sequence[Doing]) -> Iterator[Need]:
    for one in campaigns:
        if one.recount and one.recount.n_differences:
            n = one.recount.n_differences
            words = ngettext(
                "%(n)s stored number of %(name)s is not what its votes give: run manage.py "
                "recount --repair, then count again.",
                "%(n)s stored numbers of %(name)s are not what its votes give: run manage.py "
                "recount --repair, then count again.",
                n,
            )
            yield Need(words % {"n": f"{n:,}", "name": one.workflow.name}, "campaigns")


def _of_storage(stored: Storage) -> Iterator[Need]:
    if stored.oldest_transaction_s > OLD_TRANSACTION_S:
        minutes = int(stored.oldest_transaction_s // 60)
        words = _(
            "A transaction has been open for %(minutes)s minutes, and the database cannot clean up "
            "behind it: see in pg_stat_activity whose it is, and end it."
        )
        yield Need(words % {"minutes": f"{minutes:,}"}, "storage")
    for folder in stored.unwritable:
        words = _(
            "Nothing can be written to %(folder)s: is its disk read-only, or somebody else's? "
            "Uploads and files fail until it can be."
        )
        yield Need(words % {"folder": folder}, "storage")


def _of_backups() -> Iterator[Need]:
    """A site of one machine's, where nobody asked for backups, is not nagged."""
    if settings.LOCAL_MODE and not settings.BACKUP_DIR:
        return
    good, last = backups.last_good_drill(), backups.last_drill()
    if last and not last.is_good:
        yield Need(_("The last backup failed: %(why)s") % {"why": last.words}, "backup")
    if good is None:
        yield Need(
            _("No backup was tried and found good yet: nothing could be restored."), "backup"
        )
    elif good.age_s > backups.OLD_AFTER_S:
        yield Need(_("The newest backup that was found good is older than 36 hours."), "backup")
