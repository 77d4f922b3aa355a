"""The owner's page of figures: what the votes say of the crowd, the rule and the network."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from webapp.classifications.insight import is_whole
from webapp.classifications.models import Insight
from webapp.common import charts
from webapp.consensus.models import RetiredReason
from webapp.dashboard.access import owner_page
from webapp.workflows.models import Workflow

NAMED_DAYS = 14  # between two days with their name under the column


@dataclass(frozen=True)
class Line:
    """A row with a bar: a value of the most there can be, in thousandths where it is a share."""

    words: str
    value: int
    most: int
    figures: str


@require_safe
@owner_page
def insight(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Show votes by day, agreement, retirement, the crowd's weights, calibration, effort saved."""
    known = Insight.objects.filter(workflow=workflow).first()
    if known and not is_whole(known):
        known = None
    context = {"workflow": workflow, "tab": "insight", "known": known}
    if known:
        context |= _shown(known.figures, workflow)
    return render(request, "dashboard/insight.html", context)


def _shown(figures: dict[str, Any], workflow: Workflow) -> dict[str, Any]:
    return {
        "effort": _effort(figures["effort"]),
        "days": figures["days"],
        "day_chart": _day_chart(figures["days"]),
        "retired": _retired(figures),
        "agreement": _agreement(figures["agreement"], workflow),
        "n_weighed": sum(figures["weights"]),
        "weights": _weight_bins(figures["weights"]),
        "weight_chart": _weight_chart(figures["weights"]),
        "calibration": figures["calibration"],
        "calibration_plot": _calibration_plot(figures["calibration"]),
        "coverage": _coverage(figures["calibration"]),
    }


def _effort(found: dict[str, Any]) -> dict[str, Any] | None:
    """Return the effort with the share saved, whole percent; None before anything has retired."""
    if found["mean"] is None or not found["n_retired"]:
        return None
    return found | {
        "saved": round(100 * (1 - found["mean"] / found["most"])),
        "low": max(0.0, found["mean"] - 1.64 * found["error"]),
        "high": min(found["most"], found["mean"] + 1.64 * found["error"]),
    }


def _day_chart(days: list[list[Any]]) -> charts.Columns:
    named = {
        number: date_format(date.fromisoformat(day), "M j")
        for number, (day, _all, _counted) in enumerate(days)
        if (len(days) - 1 - number) % NAMED_DAYS == 0
    }
    words = [
        f"{date_format(date.fromisoformat(day), 'M j')}: "
        + ngettext("%(n)s classification", "%(n)s classifications", n) % {"n": f"{n:,}"}
        for day, n, _counted in days
    ]
    return charts.columns([n for _day, n, _counted in days], words, named)


def _retired(figures: dict[str, Any]) -> list[Line]:
    most = max(figures["n_subjects"], 1)
    return [
        Line(str(RetiredReason(key).label), n, most, f"{n:,}")
        for key, n in sorted(figures["retired"].items(), key=lambda item: -item[1])
    ]


def _agreement(found: list[dict[str, Any]], workflow: Workflow) -> list[Line]:
    questions = {question.key: question.text for question in workflow.tree.tree.questions}
    return [
        Line(
            questions.get(one["question"], one["question"]),
            round(1000 * one["agreement"]),
            1000,
            _("%(share)s %% of pairs, %(n)s galaxies")
            % {"share": f"{100 * one['agreement']:.0f}", "n": f"{one['n_galaxies']:,}"},
        )
        for one in found
        if one["agreement"] is not None
    ]


def _weight_bins(counts: list[int]) -> list[tuple[str, int]]:
    step = 1 / len(counts)
    return [(f"{step * n:.2f} to {step * (n + 1):.2f}", count) for n, count in enumerate(counts)]


def _weight_chart(counts: list[int]) -> charts.Columns:
    words = [f"{span}: {count:,}" for span, count in _weight_bins(counts)]
    half = len(counts) // 2
    return charts.columns(counts, words, {0: "0", half: "0.5", len(counts) - 1: "1"})


def _coverage(found: dict[str, Any] | None) -> list[tuple[str, str, str, int]]:
    """Return the rows of the table of intervals, in percent."""
    rows = found["coverage"] if found else []
    return [
        (f"{100 * mass:.0f}", f"{100 * nominal:.1f}", f"{100 * observed:.1f}", n)
        for mass, nominal, observed, n in rows
    ]


def _calibration_plot(found: dict[str, Any] | None) -> charts.Square | None:
    if found is None:
        return None
    points = [(expected, given, n) for expected, given, n in found["bins"]]
    words = [
        ngettext(
            "%(expected)s expected, %(given)s given, %(n)s galaxy",
            "%(expected)s expected, %(given)s given, %(n)s galaxies",
            n,
        )
        % {"expected": f"{expected:.2f}", "given": f"{given:.2f}", "n": f"{n:,}"}
        for expected, given, n in points
    ]
    return charts.square(points, words)
