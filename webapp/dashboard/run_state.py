"""How far a run is, in words and curves; what is to be done for it to go on."""

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webapp.common.models import WorkStatus
from webapp.dashboard import curves
from webapp.retraining import watching
from webapp.retraining.models import TrainingRun


def words(found: TrainingRun) -> str:
    """Return in a sentence what is being done, or what has to be done for it to go on."""
    if not found.is_open:
        return ""
    if found.cancel_requested_at is not None:
        return _("It is being stopped.")
    if found.is_training:
        return _of_trainer(found)
    return _("It waits for a worker.") if found.status == WorkStatus.PENDING else ""


def _of_trainer(found: TrainingRun) -> str:
    if not found.worker:
        return _(
            "The run directory is ready and no trainer has taken it yet. “make run” starts one; "
            "its first start installs PyTorch, which takes some minutes. On another machine that "
            "sees the folder: python -m training watch %(folder)s"
        ) % {"folder": settings.RUNS_DIR}
    if watching.is_silent(found):
        return _(
            "The trainer has been silent since %(time)s UTC. If it has died, another one that "
            "watches the folder goes on from the last checkpoint."
        ) % {"time": f"{found.beat_changed_at:%H:%M:%S}"}
    if found.live.get("stage") and found.n_done:
        return _("The epochs are done: the network is judged and exported.")
    return ""


def time_left(seconds: float | None) -> str:
    """Return a time as people say it, "" if it is not known."""
    if seconds is None:
        return ""
    if seconds < 90:
        n = max(1, round(seconds))
        return ngettext("about %(n)s second", "about %(n)s seconds", n) % {"n": n}
    if seconds < 90 * 60:
        n = round(seconds / 60)
        return ngettext("about %(n)s minute", "about %(n)s minutes", n) % {"n": n}
    n = round(seconds / 3600)
    return ngettext("about %(n)s hour", "about %(n)s hours", n) % {"n": n}


def loss(found: TrainingRun) -> curves.Curves | None:
    """Return the curves of the loss, nats a galaxy by epoch; None before the first epoch."""
    names = (("validation_loss", _("galaxies held out")), ("loss", _("galaxies learned from")))
    return curves.curves(
        [(words, _points(found, name)) for name, words in names], last_x=_last_epoch(found)
    )


def rate(found: TrainingRun) -> curves.Curves | None:
    """Return the curve of the learning rate; None before the first epoch."""
    points = _points(found, "learning_rate")
    return curves.curves([(_("learning rate"), points)], last_x=_last_epoch(found))


def _points(found: TrainingRun, name: str) -> list[tuple[float, float]]:
    return [(row["epoch"], row[name]) for row in found.metrics if name in row]


def _last_epoch(found: TrainingRun) -> int:
    told = [int(row["epoch"]) for row in found.metrics]
    if found.is_open or not told:
        return max([*told, found.n_total or 1])
    return max(told)
