"""What one person has done: how many galaxies, in how much time, and the figures as text."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import connection
from django.db.models import (
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    Sum,
)
from django.db.models.functions import Coalesce, Greatest, Least, TruncDay, TruncMonth, TruncWeek

from inference.formats.tree import Tree
from webapp.accounts.identity import Identity
from webapp.accounts.models import User
from webapp.classifications.favorites import with_favorites
from webapp.classifications.models import Classification, Standing
from webapp.classifications.queries import own_ids
from webapp.common import cells

# Nobody looks at one galaxy for longer: the rest is a pause.
PAUSE_S = 120
SITTING_GAP_S = 1800  # a longer silence ends a sitting
SITTING_MOST = 500  # rows that the count of a sitting looks at

COUNTED = Standing.State.COUNTED


class By(StrEnum):
    """The length of a line of the statistics; weeks begin on Monday, days at midnight UTC."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_TRUNCATIONS = {By.DAY: TruncDay, By.WEEK: TruncWeek, By.MONTH: TruncMonth}


@dataclass(frozen=True)
class Figures:
    """What was done in a span of time.

    Attributes:
        n_counted: those of the galaxies whose answer counts.
        hours: by the rule of PAUSE_S.
    """

    n_galaxies: int
    n_counted: int
    hours: float

    @property
    def minutes(self) -> float:
        """The same time, for those who have just begun."""
        return 60 * self.hours


@dataclass(frozen=True)
class Line:
    """The figures of one campaign in one day, week or month."""

    begins_on: date
    campaign: str
    slug: str
    figures: Figures


def standing_answers(identity: Identity) -> QuerySet[Classification]:
    """Return what a person has answered, without answers that they have changed since."""
    return Classification.objects.filter(
        volunteer__in=own_ids(identity), superseded_by__isnull=True
    )


def _spent() -> Least:
    """Return the time at a galaxy: by the browser's clock, else ours, and at most a pause."""
    by_client = F("client_finished_at") - F("client_started_at")
    spent = Coalesce(by_client, F("received_at") - F("shown_at"), output_field=DurationField())
    nothing, most = timedelta(0), timedelta(seconds=PAUSE_S)
    return Least(
        Greatest(ExpressionWrapper(spent, DurationField()), nothing, output_field=DurationField()),
        most,
        output_field=DurationField(),
    )


_SUMS = {
    "n_galaxies": Count("pk"),
    "n_counted": Count("pk", filter=Q(standing__state=COUNTED)),
    "spent": Sum(_spent()),
}


def total(identity: Identity) -> Figures:
    """Return the figures of all that a person has done."""
    return _figures(standing_answers(identity).aggregate(**_SUMS))


def lines(identity: Identity, by: By) -> list[Line]:
    """Return the figures of every span and campaign in which a person was here, newest first."""
    begins_at = _TRUNCATIONS[by]("received_at")
    rows = (
        standing_answers(identity)
        .annotate(begins_at=begins_at)
        .values("begins_at", "workflow__name", "workflow__slug")
        .annotate(**_SUMS)
        .order_by("-begins_at", "workflow__name", "workflow__slug")
    )
    return [
        Line(row["begins_at"].date(), row["workflow__name"], row["workflow__slug"], _figures(row))
        for row in rows
    ]


def _figures(row: Mapping[str, object]) -> Figures:
    spent = row["spent"]
    hours = spent / timedelta(hours=1) if isinstance(spent, timedelta) else 0.0
    return Figures(int(str(row["n_galaxies"])), int(str(row["n_counted"])), hours)


def span(identity: Identity) -> tuple[datetime, datetime] | None:
    """Return when a person answered first and last, or None if they never have."""
    rows = standing_answers(identity).order_by("received_at")
    first, last = rows.first(), rows.last()
    return (first.received_at, last.received_at) if first and last else None


# One statement, for every vote asks it. Bounded: the newest rows of each of the person's
# volunteers, up to the first long silence.
_SITTING = """
    SELECT count(*) FILTER (WHERE ended = 0),
           EXISTS (SELECT FROM classifications_favorite
                   WHERE user_id = %(user)s AND subject_id = %(subject)s),
           NOT EXISTS (
               SELECT FROM classifications_classification other
               WHERE other.volunteer_id <> ALL(%(own)s) AND other.subject_id = (
                   SELECT subject_id FROM classifications_classification WHERE id = %(given)s))
    FROM (
        SELECT sum((silence > %(gap)s * interval '1 second')::int) OVER (ORDER BY id DESC) AS ended
        FROM (
            SELECT id, coalesce(lag(received_at) OVER (ORDER BY id DESC), now()) - received_at
                AS silence
            FROM (
                SELECT id, received_at FROM classifications_classification
                WHERE volunteer_id = ANY(%(own)s) AND supersedes_id IS NULL
                ORDER BY id DESC LIMIT %(most)s
            ) newest
        ) answers
    ) sitting
"""


@dataclass(frozen=True)
class Sitting:
    """A person's time here since their last long silence.

    Attributes:
        n_saved: galaxies they have classified.
        is_favorite: whether the galaxy that is shown is one of their favorites.
        was_first: whether nobody else has ever classified the one they have just answered.
    """

    n_saved: int
    is_favorite: bool
    was_first: bool


def sitting(
    own: list[int], *, user: User | None, subject_id: int | None, given: int | None = None
) -> Sitting:
    """Return how a person's sitting stands, in one statement.

    Args:
        subject_id: the galaxy that is shown, if one is.
        given: the classification that was just stored.
    """
    values: dict[str, Any] = {
        "own": own, "gap": SITTING_GAP_S, "most": SITTING_MOST, "given": given,
        "user": user.pk if user else None, "subject": subject_id,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_SITTING, values)
        rows: list[tuple[int, bool, bool]] = cursor.fetchall()
    n_saved, is_favorite, nobody_else = rows[0]
    return Sitting(n_saved, is_favorite, nobody_else and given is not None)


COLUMNS = (
    "classification", "campaign", "tree", "subject", "ra_deg", "dec_deg", "answers", "shown_at",
    "received_at", "seconds", "state", "is_favorite", "picture_view",
)  # fmt: skip


def csv_lines(identity: Identity) -> Iterator[str]:
    """Yield a person's own data as CSV: points and ISO dates, whatever the language of the page."""
    yield _line(COLUMNS)
    rows = with_favorites(standing_answers(identity), identity.user).annotate(spent=_spent())
    rows = rows.select_related("subject", "workflow", "tree", "standing").defer("tree__document")
    for row in rows.order_by("pk").iterator(chunk_size=1000):
        yield _line(_cells(row))


def _cells(row: Classification) -> list[str]:
    subject, tree = row.subject, row.tree.tree
    standing = getattr(row, "standing", None)
    spent: timedelta = row.spent  # type: ignore[attr-defined]
    is_favorite: bool = row.is_favorite  # type: ignore[attr-defined]
    return [
        str(row.uuid),
        cells.as_text(row.workflow.slug),
        cells.as_text(row.tree.key),
        cells.as_text(subject.survey_id),
        _number(subject.ra_deg),
        _number(subject.dec_deg),
        cells.as_text(" ".join(_key(tree, index) for index in row.path)),
        row.shown_at.isoformat(),
        row.received_at.isoformat(),
        f"{spent.total_seconds():.3f}",
        standing.state if standing else Standing.State.REPEAT.value,
        str(is_favorite).lower(),
        "" if row.view is None else json.dumps(row.view, ensure_ascii=False, sort_keys=True),
    ]


def _key(tree: Tree, index: int) -> str:
    answer = tree.answers[index]
    return f"{tree.questions[answer.question].key}:{answer.key}"


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _line(parts: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(parts)
    return text.getvalue()
