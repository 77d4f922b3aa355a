"""What an owner wants to know of a campaign, computed by beat so that its page is read at once."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from numpy.typing import NDArray

from inference.belief.coverage import ALL, coverage
from inference.belief.dirichlet import fractions, span_of
from inference.belief.effort import Effort, effort
from inference.belief.reliability import Reliability, reliability
from inference.formats.split import TEST, split_of
from inference.formats.tree import Tree
from webapp.classifications.models import Insight, Skill
from webapp.consensus.models import PROGRESS_RATION, Consensus, RetiredReason, Stream
from webapp.workflows.models import Workflow

DAYS = 60
FULL_DAYS = 14  # from which the end is foretold (UX-P2)
WEIGHT_BINS = 16
MASSES = (0.5, 0.8, 0.9)
LEAST_ASKED = 10  # people, for a network to be judged by what they said
FIGURES = {
    "days", "toward", "agreement", "retired", "n_subjects", "weights", "calibration", "effort",
}  # fmt: skip
_READ = 5_000


def measure_insight(workflow: Workflow, *, is_rationed: bool = True) -> None:
    """Compute a campaign's figures, unless the last time was dear and is recent."""
    known = Insight.objects.filter(workflow=workflow).first()
    if is_rationed and known and is_whole(known) and not _may_measure(known):
        return
    started = time.perf_counter()
    tree = workflow.tree.tree
    galaxies = _galaxies(workflow)
    figures = _days(workflow) | {
        "agreement": agreement(galaxies["votes"], tree),
        "retired": dict(Counter(filter(None, galaxies["reason"]))),
        "n_subjects": len(galaxies["reason"]),
        "weights": _weights(workflow),
        "calibration": _calibration(galaxies, tree),
        "effort": _effort(workflow, galaxies),
    }
    Insight.objects.update_or_create(
        workflow=workflow,
        defaults={
            "figures": figures,
            "measured_at": timezone.now(),
            "took_s": time.perf_counter() - started,
        },
    )


def is_whole(known: Insight) -> bool:
    """Say whether every figure is there: an older version of the site measured fewer."""
    return FIGURES.issubset(known.figures)


def _may_measure(known: Insight) -> bool:
    wait_s = max(settings.INSIGHT_EVERY_S, PROGRESS_RATION * known.took_s)
    return abs(timezone.now() - known.measured_at) >= timedelta(seconds=wait_s)


_DAYS = """
    SELECT (given.received_at AT TIME ZONE 'UTC')::date, count(*),
           count(*) FILTER (WHERE standing.state = 'counted'),
           count(*) FILTER (WHERE standing.state = 'counted' AND NOT known.is_gold
                            AND known.retired_reason <> 'withdrawn')
    FROM classifications_classification given
    LEFT JOIN classifications_standing standing ON standing.classification_id = given.id
    LEFT JOIN consensus_consensus known
      ON (known.workflow_id, known.subject_id) = (given.workflow_id, given.subject_id)
    WHERE given.workflow_id = %s AND given.received_at >= %s
    GROUP BY 1 ORDER BY 1
"""


def _days(workflow: Workflow) -> dict[str, list[list[Any]]]:
    """Return what came in on each of the last days, also on those when nothing did.

    Returns:
        Of `days` [day, classifications, those that count]; of `toward`, of the last full days,
        [day, those that count toward retirement], as `consensus.measuring` sums them.
    """
    today = timezone.now().date()
    first = today - timedelta(days=DAYS - 1)
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, [workflow.pk, first])
        found = {day: counts for day, *counts in cursor.fetchall()}
    days = [first + timedelta(days=number) for number in range(DAYS)]
    filled = [[day.isoformat(), *found.get(day, (0, 0, 0))] for day in days]
    return {
        "days": [row[:3] for row in filled],
        "toward": [[day, toward] for day, _, _, toward in filled[-FULL_DAYS - 1 : -1]],
    }


def _galaxies(workflow: Workflow) -> dict[str, Any]:
    """Return the columns of all galaxies whose tally is along the present tree, gold left out."""
    found: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for row in _rows(workflow):
        for name, value in zip(_COLUMNS, row, strict=True):
            found[name].append(value)
    tree = workflow.tree.tree
    arrays = {
        "votes": np.array(found["votes"], np.int64).reshape(-1, tree.n_answers),
        "asked": np.array(found["asked"], np.int64).reshape(-1, tree.n_questions),
        "n": np.array(found["n"], np.int64),
    }
    return found | arrays


_COLUMNS = ("subject_id", "survey_id", "votes", "asked", "n", "reason", "prior")


def _rows(workflow: Workflow) -> Iterator[tuple[Any, ...]]:
    rows = Consensus.objects.filter(workflow=workflow, tree_id=workflow.tree_id, is_gold=False)
    rows = rows.exclude(retired_reason=RetiredReason.WITHDRAWN)
    with transaction.atomic():
        yield from rows.values_list(
            "subject_id", "subject__survey_id", "votes", "asked", "n_classifications",
            "retired_reason", "prior",
        ).iterator(chunk_size=_READ)  # fmt: skip


def agreement(votes: NDArray[np.int64], tree: Tree) -> list[dict[str, Any]]:
    """Return for each single-choice question how often two people say the same of a galaxy.

    Pairs of the same galaxy, over all galaxies; None where no two people were asked.
    """
    found = []
    for question in tree.questions:
        if not question.is_single:
            continue
        given = votes[:, span_of(question)]
        people = given.sum(1)
        pairs = int((people * (people - 1)).sum())
        same = int((given * (given - 1)).sum())
        found.append(
            {
                "question": question.key,
                "agreement": same / pairs if pairs else None,
                "n_galaxies": int((people > 1).sum()),
            }
        )
    return found


def _weights(workflow: Workflow) -> list[int]:
    """Return how many volunteers have each weight, in bins from 0 to 1."""
    found = Skill.objects.filter(workflow=workflow).values_list("weight", flat=True)
    counts, _ = np.histogram(list(found), bins=WEIGHT_BINS, range=(0, 1))
    return [int(count) for count in counts]


def _calibration(galaxies: dict[str, Any], tree: Tree) -> dict[str, Any] | None:
    """Return how the network's word compares with people's, on galaxies no network is trained on.

    None as long as none of them has both.
    """
    held_out = np.array(
        [
            number
            for number, prior in enumerate(galaxies["prior"])
            if prior is not None
            and galaxies["asked"][number, 0] >= LEAST_ASKED
            and split_of(galaxies["survey_id"][number]) == TEST
        ],
        np.int64,
    )
    if not len(held_out):
        return None
    alpha = np.array([galaxies["prior"][number] for number in held_out])
    votes, asked = galaxies["votes"][held_out], galaxies["asked"][held_out]
    first = tree.questions[0]
    span = span_of(first)
    shares = fractions(alpha, tree)[:, span]
    judged = reliability(shares, votes[:, span] / asked[:, :1])
    return _plain(judged) | {
        "question": first.key,
        "n_galaxies": len(held_out),
        "coverage": [
            [one.mass, one.nominal, one.observed, one.n]
            for one in coverage(alpha, votes, asked, tree, MASSES)[ALL]
        ],
    }


def _plain(judged: Reliability) -> dict[str, Any]:
    return {"bins": [list(one) for one in judged.bins], "error": judged.error}


def _effort(workflow: Workflow, galaxies: dict[str, Any]) -> dict[str, Any]:
    """Return what the rule has saved on galaxies that came to their first volunteer at random."""
    places = _first_at_random(workflow, galaxies["subject_id"])
    is_retired = np.array([bool(galaxies["reason"][place]) for place in places], bool)
    found: Effort = effort(galaxies["n"][places], is_retired, workflow.parsed_rule.votes)
    return {
        "mean": None if np.isnan(found.mean) else found.mean,
        "error": None if np.isnan(found.error) else found.error,
        "n_subjects": found.n_subjects,
        "n_retired": found.n_retired,
        "most": found.most,
    }


_FIRST = """
    SELECT subject_id FROM (
        SELECT DISTINCT ON (subject_id) subject_id, stream
        FROM classifications_classification WHERE workflow_id = %s AND NOT is_test
        ORDER BY subject_id, id
    ) first WHERE stream = %s
"""


def _first_at_random(workflow: Workflow, subject_ids: Sequence[int]) -> NDArray[np.int64]:
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, [workflow.pk, Stream.RANDOM])
        chosen = {subject_id for (subject_id,) in cursor.fetchall()}
    return np.array([place for place, pk in enumerate(subject_ids) if pk in chosen], np.int64)
