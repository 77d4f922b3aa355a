"""Scoring end to end beside the bare session, and look-alikes among many embeddings.

Pictures are the demo's own stamps, read from disk again and again; embeddings of the second table
are drawn: no network has seen so many galaxies here.
"""

import resource
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from tests.bench.report import of_runs, table

RUNS = 3
QUERIES = 200
BLOCK = 10_000
DIMENSIONS = 128


@dataclass
class Demo:
    """The demo's campaign with so many galaxies, and its network."""

    workflow: Any
    model: Any
    n: int


def run(n: int, n_embeddings: int, *, gpu: str) -> str:
    """Measure on n pictures and so many embeddings, and return the tables."""
    from django.conf import settings  # noqa: PLC0415 - Django is set up by now

    settings.GPU = gpu
    demo, first_s = _demo(n)
    return "\n\n".join([_scoring(demo, first_s), _look_alikes(n_embeddings)])


def _demo(n: int) -> tuple[Demo, float]:
    """Make the campaign; return it, and the seconds from registering to the first prediction."""
    from tests import make  # noqa: PLC0415
    from webapp.dashboard import demo as dashboard  # noqa: PLC0415
    from webapp.subjects import deepfield, demo  # noqa: PLC0415
    from webapp.subjects.models import Subject, SubjectSet  # noqa: PLC0415

    source = SubjectSet.objects.create(slug="source", name="Source", credit=deepfield.CREDIT)
    demo.load_deep_field(source)
    stamps = list(source.subjects.values_list("stamp_sha256", flat=True))
    galaxies = make.subjects(n)
    for number, galaxy in enumerate(galaxies):
        galaxy.stamp_sha256 = stamps[number % len(stamps)]
    Subject.objects.bulk_update(galaxies, ["stamp_sha256"], batch_size=1000)
    from inference.formats.tree import load_built_in  # noqa: PLC0415

    workflow = make.workflow(tree=load_built_in("galaxy-zoo-2"))
    make.link(workflow, galaxies[0].subject_set)
    started_s = time.perf_counter()
    model = _registered(dashboard.STARTER, workflow)
    first_s = _until_first(started_s)
    return Demo(workflow, model, n), first_s


def _registered(path: Any, workflow: Any) -> Any:
    from webapp.registry import promotion, services  # noqa: PLC0415
    from webapp.registry.models import Source  # noqa: PLC0415

    model = services.register_file(path=path, source=Source.DEMO)
    promotion.promote_model(workflow=workflow, model=model, why="a bench", by=None)
    return model


def _until_first(started_s: float) -> float:
    """Score everything; return when the first prediction was committed, seconds."""
    from webapp.predictions import scoring  # noqa: PLC0415

    worker = threading.Thread(target=scoring.score_all, kwargs={"deadline_s": float("inf")})
    worker.start()
    first_s = 0.0
    while worker.is_alive():
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM predictions_prediction)")
            if not first_s and cursor.fetchone()[0]:
                first_s = time.perf_counter() - started_s
        time.sleep(0.01)
    worker.join()
    return first_s


def _scoring(demo: Demo, first_s: float) -> str:
    from webapp.predictions import scorer  # noqa: PLC0415

    session = scorer.session_for(demo.model)
    tensors, peak_mb = _tensors(session), []
    rows = []
    for _ in range(RUNS):  # by turns, so that a machine that drifts does so for both
        bare = _bare(session, tensors, demo.n)
        whole = _whole(demo)
        peak_mb.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        rows.append([bare, whole, whole / bare])
    rates = table(
        [f"{demo.n:,} stamps of 224 px, starter network, {session.provider}", "pictures/s"],
        [
            of_runs("session, ready tensors", [[row[0]] for row in rows]),
            of_runs("JPEG files to committed rows", [[row[1]] for row in rows]),
        ],
    )
    ratio = statistics.median(row[2] for row in rows)
    spread = f"{min(row[2] for row in rows):.2f} to {max(row[2] for row in rows):.2f}"
    return (
        f"{rates}\n\nRatio {ratio:.2f} ({spread}). From registering the file to the first "
        f"committed prediction: {first_s:.1f} s. Peak memory after each run, MB: "
        f"{', '.join(f'{mb:.0f}' for mb in peak_mb)}."
    )


def _tensors(session: Any) -> NDArray[np.uint8]:
    from pathlib import Path  # noqa: PLC0415

    from inference.vision.preprocess import read_stamp  # noqa: PLC0415
    from webapp.subjects import media  # noqa: PLC0415
    from webapp.subjects.models import Subject  # noqa: PLC0415

    stamps = Subject.objects.filter(subject_set__slug="source").values_list("stamp_sha256")
    read = [
        read_stamp(Path(str(media.source("stamp", stamp))), session.card.input)
        for (stamp,) in stamps
    ]
    return np.array(read)


def _bare(session: Any, tensors: NDArray[np.uint8], n: int) -> float:
    """Return pictures a second of the session alone, in chunks as large as scoring's."""
    step, done = 480, 0
    chunk = np.resize(tensors, (step, *tensors.shape[1:]))
    started_s = time.perf_counter()
    while done < n:
        session.run(chunk[: min(step, n - done)])
        done += step
    return n / (time.perf_counter() - started_s)


def _whole(demo: Demo) -> float:
    from webapp.consensus.models import Consensus  # noqa: PLC0415
    from webapp.predictions import scoring  # noqa: PLC0415
    from webapp.predictions.models import Prediction  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE predictions_prediction")
        Consensus.objects.update(prior_model=None, prior=None)
        cursor.execute("VACUUM (ANALYZE) consensus_consensus")
    started_s = time.perf_counter()
    scoring.score_all(deadline_s=float("inf"))
    rate = demo.n / (time.perf_counter() - started_s)
    assert Prediction.objects.count() == demo.n
    return rate


def _look_alikes(n: int) -> str:
    """Fill a network's space with drawn embeddings; search it with an index and without."""
    from tests import make  # noqa: PLC0415
    from webapp.predictions import index  # noqa: PLC0415

    workflow = make.workflow(n_subjects=0)
    model = make.model()
    ids = _galaxies(workflow, n)
    for block in _drawn(ids):
        _store(model, *block)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) predictions_prediction")
        cursor.execute("VACUUM (ANALYZE) consensus_consensus")
    exact_ms = _queries(model, workflow, 20)
    started_s = time.perf_counter()
    index.build(model)
    build_s = time.perf_counter() - started_s
    indexed_ms = _queries(model, workflow, QUERIES)
    found = index.recall(model)
    rows = [
        of_runs("all compared", [_quantiles(exact_ms)]),
        of_runs("by the index", [_quantiles(indexed_ms)]),
    ]
    return (
        table([f"twelve look-alikes among {n:,} drawn embeddings", "p50 ms", "p95 ms"], rows)
        + f"\n\nThe index was built in {build_s:.0f} s and finds {found:.3f} of the true ones "
        f"(ef_search {index.EF_SEARCH})."
    )


def _galaxies(workflow: Any, n: int) -> NDArray[np.int64]:
    """Make n galaxies of a campaign, by statements as large as they are."""
    from tests import make  # noqa: PLC0415

    (first,) = make.subjects(1)
    with connection.cursor() as cursor:
        cursor.execute(_SUBJECTS, [n - 1, first.pk])
        cursor.execute(
            "SELECT id FROM subjects_subject WHERE subject_set_id = %s ORDER BY id",
            [first.subject_set_id],
        )
        ids = np.array([pk for (pk,) in cursor.fetchall()])
    make.link(workflow, first.subject_set)
    return ids


_SUBJECTS = """
    INSERT INTO subjects_subject (
        subject_set_id, survey_id, original_name, original_sha256, original_format,
        display_sha256, thumbnail_sha256, stamp_sha256, width_px, height_px, filled_share, notes,
        metadata, created_at)
    SELECT subject_set_id, survey_id || '-' || number, original_name, original_sha256,
           original_format, display_sha256, thumbnail_sha256, stamp_sha256, width_px, height_px,
           filled_share, notes, metadata, created_at
    FROM subjects_subject, generate_series(1, %s) number WHERE id = %s
"""
Block = tuple[NDArray[np.int64], NDArray[np.float32]]


def _drawn(ids: NDArray[np.int64]) -> Iterator[Block]:
    """Yield embeddings of falling variance a dimension, as principal components have it."""
    rng = np.random.default_rng(1)
    scale = 1 / np.sqrt(np.arange(1, DIMENSIONS + 1))
    for start in range(0, len(ids), BLOCK):
        some = ids[start : start + BLOCK]
        vectors = rng.normal(size=(len(some), DIMENSIONS)) * scale
        yield some, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _store(model: Any, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
    from webapp.predictions import services  # noqa: PLC0415
    from webapp.predictions.said import Said  # noqa: PLC0415

    n = len(ids)
    said = Said(
        np.ones((n, 37), np.float32), np.zeros(n, np.float32), vectors.astype(np.float16),
        (None,) * n,
    )  # fmt: skip
    services.store_predictions(model=model, subject_ids=ids.tolist(), said=said)


def _queries(model: Any, workflow: Any, n: int) -> list[float]:
    """Return how long each of n searches took, milliseconds."""
    from webapp.predictions import index  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(index._SOME, [model.pk, n + 1])
        rows = cursor.fetchall()
    spent = []
    for subject_id, embedding in rows:
        started_s = time.perf_counter()
        found = index.alike(model, subject_id, embedding, workflow=workflow)
        spent.append(1000 * (time.perf_counter() - started_s))
        assert len(found) == index.ALIKE
    return spent[1:]  # the first one reads the catalog


def _quantiles(values: list[float]) -> list[float]:
    return [float(np.percentile(values, 50)), float(np.percentile(values, 95))]
