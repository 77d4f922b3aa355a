"""When a campaign will be finished, in a sentence, or why nobody can say (UX-P2)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inference.belief.forecast import LEAST_DAYS, Forecast, forecast
from webapp.classifications.models import Insight
from webapp.consensus.models import Progress
from webapp.workflows.models import Status, Workflow

FAR_DAYS = 3650  # beyond it a date is no information


def outlook(workflow: Workflow, progress: Progress | None, insight: Insight | None) -> str:
    """Return a sentence about the end of a campaign; "" where the question makes no sense."""
    if progress is None or workflow.status not in (Status.LIVE, Status.PAUSED):
        return ""
    n_left = progress.n_needed - progress.n_counted
    if n_left <= 0:
        return _("Nothing is left to classify.")
    if workflow.status == Status.PAUSED:
        return _("No end can be foretold while it is paused.")
    if workflow.parsed_rule.certainty:
        return _(
            "No end can be foretold: galaxies retire as soon as they are sure, and how many "
            "classifications that takes shows only as they come."
        )
    return _by_days(full_days(workflow, insight), n_left)


def outlook_of(workflow: Workflow, progress: Progress | None) -> str:
    """Return the sentence for one campaign, whose figures are read."""
    return outlook(workflow, progress, Insight.objects.filter(workflow=workflow).first())


def full_days(workflow: Workflow, insight: Insight | None) -> list[int]:
    """Return the classifications toward retirement of the last 14 full days since the launch."""
    if insight is None or workflow.launched_at is None:
        return []
    launched_on = workflow.launched_at.astimezone(UTC).date()
    days = insight.figures.get("toward", [])  # figures of an older version have none
    return [n for day, n in days if date.fromisoformat(day) > launched_on]


def _by_days(daily: Sequence[int], n_left: int) -> str:
    if len(daily) < LEAST_DAYS:
        return ngettext(
            "No end can be foretold before %(least)s full days; %(n)s has passed.",
            "No end can be foretold before %(least)s full days; %(n)s have passed.",
            len(daily),
        ) % {"least": LEAST_DAYS, "n": len(daily)}
    found = forecast(daily, n_left)
    if found is None:
        return _(
            "No end can be foretold: no classification of the last %(n)s full days counts."
        ) % {"n": len(daily)}
    return _range(found, len(daily))


def _range(found: Forecast, n_days: int) -> str:
    """Say the range as dates, counted from now."""
    low, high = _date(found.low_days), _date(found.high_days)
    values = {"n": n_days, "rate": f"{found.per_day:,.0f}", "low": low, "high": high}
    if found.high_days > FAR_DAYS:
        return (
            _(
                "Not before %(low)s. The last %(n)s full days brought %(rate)s classifications a "
                "day, too unevenly to say more."
            )
            % values
        )
    if low == high:
        return (
            _("On %(low)s, if days stay like the last %(n)s: %(rate)s classifications a day.")
            % values
        )
    return (
        _(
            "Between %(low)s and %(high)s, if days stay like the last %(n)s: %(rate)s "
            "classifications a day."
        )
        % values
    )


def _date(days: float) -> str:
    then = datetime.now(UTC) + timedelta(days=min(days, 10 * FAR_DAYS))
    return str(date_format(then, "DATE_FORMAT"))
