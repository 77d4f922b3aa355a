"""The catalog's page with three filters, and what an edition costs.

Votes are drawn walks through the tree, the same few thousand again and again; positions are drawn.
Requests go through every middleware and template, without the network between.
"""

import random
import statistics
import time
from typing import Any

import numpy as np
from django.db import connection

from tests.bench.report import of_runs, table

RUNS = 3
REQUESTS = 60
PATTERNS = 2000
VIEWS = ("pictures", "table", "histogram", "map")


def run(n: int) -> str:
    """Make an edition of n galaxies, ask for pages of it, and return the tables."""
    from django.conf import settings  # noqa: PLC0415 - Django is set up by now

    settings.ALLOWED_HOSTS = ["*"]
    workflow = _campaign(n)
    made_s = _made(workflow)
    rows = [of_runs(f"three filters, {view}", [_asked(workflow, view) for _ in range(RUNS)])
            for view in VIEWS]  # fmt: skip
    first = of_runs(
        "three filters, first time in a process", [_first(workflow) for _ in range(RUNS)]
    )
    return (
        table([f"catalog page, {n:,} galaxies", "p50 ms", "p95 ms"], [*rows, first])
        + f"\n\nThe edition was made in {made_s:.0f} s and has {_size_mb():.0f} MB."
    )


def _campaign(n: int) -> Any:
    from inference.formats.tree import load_built_in  # noqa: PLC0415
    from tests import make  # noqa: PLC0415
    from tests.bench.scoring import _galaxies  # noqa: PLC0415

    tree = load_built_in("galaxy-zoo-decals")
    workflow = make.workflow(tree=tree, hides_votes=False)
    _galaxies(workflow, n)
    with connection.cursor() as cursor:
        cursor.execute(_POSITIONS)
        cursor.execute(_TABLE)
        cursor.executemany(_PATTERN, _patterns(tree))
        cursor.execute(_VOTES, {"patterns": PATTERNS, "model": make.model(workflow=workflow).pk})
        cursor.execute("VACUUM (ANALYZE) consensus_consensus")
        cursor.execute("VACUUM (ANALYZE) subjects_subject")
    return workflow


_POSITIONS = """
    UPDATE subjects_subject
    SET ra_deg = random() * 360, dec_deg = degrees(asin(2 * random() - 1)), healpix = 1
"""
_TABLE = """
    CREATE TEMPORARY TABLE pattern (
        number integer PRIMARY KEY, votes integer[], asked integer[], prior real[], n integer)
"""
_PATTERN = "INSERT INTO pattern VALUES (%s, %s, %s, %s, %s)"
_VOTES = """
    UPDATE consensus_consensus known
    SET votes = pattern.votes, asked = pattern.asked, weighted = pattern.votes::real[],
        weighted_asked = pattern.asked::real[], prior = pattern.prior, prior_model_id = %(model)s,
        n_classifications = pattern.n,
        retired_at = CASE WHEN pattern.n > 6 THEN now() - random() * interval '300 days' END,
        retired_reason = CASE WHEN pattern.n > 6 THEN 'count' ELSE '' END
    FROM pattern WHERE pattern.number = known.subject_id %% %(patterns)s
"""


def _patterns(tree: Any) -> list[tuple[Any, ...]]:
    from tests.webapp.exports.evidence import random_evidence  # noqa: PLC0415

    some = random_evidence(PATTERNS, tree, walks=PATTERNS)
    prior = np.nan_to_num(some.prior, nan=1.0)
    return [
        (
            row, some.votes[row].tolist(), some.asked[row].tolist(), prior[row].tolist(),
            int(some.n_classifications[row]),
        )
        for row in range(PATTERNS)
    ]  # fmt: skip


def _made(workflow: Any) -> float:
    from webapp.explore import editions  # noqa: PLC0415
    from webapp.explore.models import Edition  # noqa: PLC0415

    started_s = time.perf_counter()
    editions.refresh_editions(deadline_s=float("inf"))
    made = Edition.objects.get(workflow=workflow)
    assert made.number == 1, made.traceback
    return time.perf_counter() - started_s


def _size_mb() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('explore_editioncolumn')")
        return float(cursor.fetchone()[0]) / 1e6


_RANGES = (
    "frac_smooth_or_featured_smooth", "post_bar_strong", "p_bar_no_ml", "width_bar_weak",
    "wfrac_disk_edge_on_yes", "certainty_smooth_or_featured", "post_merging_none",
)  # fmt: skip


def _address(workflow: Any, view: str, chance: random.Random) -> str:
    filters = [f"{name}={chance.uniform(0, 0.5):.2f}.." for name in chance.sample(_RANGES, 2)]
    filters.append(
        chance.choice(
            ["n_classifications=2..", "lead_bar=no|weak", "cone=180,0,60", "retired_reason=count"]
        )
    )
    sort = chance.choice(["source_id", "-disagreement", "-post_bar_strong", "ra"])
    chart = f"&chart={chance.choice(_RANGES)}" if view == "histogram" else ""
    return f"/catalog/{workflow.slug}/?{'&'.join(filters)}&sort={sort}&view={view}{chart}"


def _client() -> Any:
    from django.test import Client  # noqa: PLC0415

    return Client(headers={"host": "localhost"})


def _asked(workflow: Any, view: str) -> list[float]:
    chance, client = random.Random(view), _client()
    spent = [_timed(client, _address(workflow, view, chance)) for _ in range(REQUESTS)]
    return _quantiles(spent)


def _first(workflow: Any) -> list[float]:
    """Ask as a process does that has just started: every column comes from the database."""
    from webapp.explore import shelf  # noqa: PLC0415

    chance, client = random.Random(7), _client()
    spent = []
    for _ in range(REQUESTS // 2):
        shelf.forget()
        spent.append(_timed(client, _address(workflow, "pictures", chance)))
    return _quantiles(spent)


def _timed(client: Any, address: str) -> float:
    started_s = time.perf_counter()
    answer = client.get(address)
    spent = 1000 * (time.perf_counter() - started_s)
    assert answer.status_code == 200, answer.content[-2000:]
    return spent


def _quantiles(spent: list[float]) -> list[float]:
    return [statistics.median(spent), float(np.percentile(spent, 95))]
