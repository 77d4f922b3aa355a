"""Cone searches over HTTP: how long an answer takes among very many galaxies."""

import statistics
import time
import urllib.request
from pathlib import Path

import numpy as np
from django.db import connection

from inference.formats.tree import load_built_in
from tests.bench.report import of_runs, table
from tests.bench.site import site

RUNS = 3
SEARCHES = 300
RADIUS_DEG = 0.1
FOOTPRINT = ((150.0, 180.0), (0.0, 30.0))  # RA and Dec, degrees: an eighth of SDSS
BLOCK = 50_000


def run(var: Path, database_pid: int, n: int) -> str:
    """Measure among n galaxies, and return the table."""
    import os  # noqa: PLC0415

    os.environ["CONE_SEARCHES_PER_MINUTE"] = "1000000"
    slug = _campaign(n)
    rows = []
    with site(var, database_pid) as running:
        place = f"http://127.0.0.1:{running.port}/cone/{slug}"
        _times(place, 2, seed=0)  # both processes have answered once
        for verbosity in (1, 2, 3):
            runs = [_times(place, verbosity, seed) for seed in range(1, RUNS + 1)]
            rows.append(of_runs(f"VERB={verbosity}", runs))
    headings = [f"cone of {RADIUS_DEG}° among {n:,} galaxies", "median ms", "p95 ms", "rows"]
    return table(headings, rows)


def _times(place: str, verbosity: int, seed: int) -> list[float]:
    random = np.random.default_rng(seed)
    took_ms, n_rows = [], []
    for ra, dec in _positions(SEARCHES, random):
        query = f"?RA={ra:.6f}&DEC={dec:.6f}&SR={RADIUS_DEG}&VERB={verbosity}"
        started_s = time.perf_counter()
        with urllib.request.urlopen(place + query) as answer:
            content = answer.read()
        took_ms.append(1000 * (time.perf_counter() - started_s))
        n_rows.append(content.count(b"<TR>"))
    return [statistics.median(took_ms), float(np.percentile(took_ms, 95)), statistics.mean(n_rows)]


def _positions(n: int, random: np.random.Generator) -> list[tuple[float, float]]:
    (west, east), (south, north) = FOOTPRINT
    low, high = np.sin(np.radians([south, north]))
    dec = np.degrees(np.arcsin(random.uniform(low, high, n)))
    return list(zip(random.uniform(west, east, n).tolist(), dec.tolist(), strict=True))


def _campaign(n: int) -> str:
    """Write galaxies and their tallies in bulk, and return the campaign's slug."""
    from tests import make  # noqa: PLC0415

    workflow = make.workflow(tree=load_built_in("galaxy-zoo-2"))
    (first,) = make.subjects(1)
    random = np.random.default_rng(0)
    for begin in range(0, n, BLOCK):
        _galaxies(first.subject_set_id, begin, _positions(min(BLOCK, n - begin), random))
    tree = workflow.tree.tree
    with connection.cursor() as cursor:
        cursor.execute(_TALLIES, [workflow.pk, workflow.tree_id, tree.n_answers, tree.n_questions])
        cursor.execute("VACUUM ANALYZE")
    return str(workflow.slug)


def _galaxies(subject_set_id: int, begin: int, positions: list[tuple[float, float]]) -> None:
    from astropy import units  # noqa: PLC0415
    from astropy_healpix import lonlat_to_healpix  # noqa: PLC0415

    ra, dec = np.array(positions).T
    cells = lonlat_to_healpix(ra * units.deg, dec * units.deg, nside=2**29, order="nested")
    digest = "0" * 64
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY subjects_subject (subject_set_id, survey_id, ra_deg, dec_deg, healpix,"
            " original_name, original_sha256, original_format, display_sha256, thumbnail_sha256,"
            " stamp_sha256, width_px, height_px, filled_share, notes, metadata) FROM STDIN"
        ) as copy,
    ):
        for number, (right, up, cell) in enumerate(zip(ra, dec, cells.tolist(), strict=True)):
            copy.write_row(
                (
                    subject_set_id, f"J{begin + number}", float(right), float(up), cell, "x.png",
                    digest, "png", digest, digest, digest, 424, 424, 0.0, [], "{}",
                )
            )  # fmt: skip


_TALLIES = """
    INSERT INTO consensus_consensus
        (workflow_id, tree_id, subject_id, votes, asked, n_classifications, weighted,
         weighted_asked, is_gold, retired_at, retired_reason, retired_words)
    SELECT %s, %s, s.id, v.votes, v.asked, 40, v.votes::real[], v.asked::real[], false,
           now(), 'count', ''
    FROM subjects_subject s
    CROSS JOIN (SELECT array_fill(3, ARRAY[%s]) AS votes, array_fill(20, ARRAY[%s]) AS asked) v
"""
