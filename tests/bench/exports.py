"""A catalog to Parquet and to FITS, beside a bare COPY of what is stored and pyarrow.

Each file is made by a process of its own, as a worker makes it, so that its memory is its own; the
galaxies are those of the catalog bench. Meanwhile volunteers classify over HTTP.
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.report import of_runs, table
from tests.bench.site import ROOT, site

RUNS = 3
VOLUNTEERS = 2
LABEL_STUDIO = 555  # rows/s of its CSV export, as the issue of its maintainers has it


def run(var: Path, database_pid: int, n: int) -> str:
    """Make files of n galaxies, and return the table."""
    from tests.bench.catalog import _campaign  # noqa: PLC0415 - Django is set up by now

    os.environ["ANSWERS_PER_MINUTE"] = "1000000"  # two volunteers stand for many
    workflow = _campaign(n)
    runs: dict[str, list[list[float]]] = {"bare": [], "parquet": [], "fits": []}
    for _ in range(RUNS):  # by turns, so that a machine that drifts does so for all
        for name, found in runs.items():
            said = _made(workflow.pk, name)
            found.append([said["s"], n / said["s"], said["mb"], said["file_mb"]])
    columns = ["seconds", "rows/s", "peak memory, MB", "file, MB"]
    names = {"bare": "bare COPY and pyarrow", "parquet": "Parquet", "fits": "FITS"}
    rows = [of_runs(names[name], found) for name, found in runs.items()]
    text = table([f"{n:,} galaxies, {workflow.tree.n_answers} answers", *columns], rows)
    return f"{text}\n\n{_ratios(runs)}\n\n{_beside(var, database_pid, workflow)}"


def _ratios(runs: dict[str, list[list[float]]]) -> str:
    lines = []
    for name in ("parquet", "fits"):
        to_bare = [own[0] / bare[0] for own, bare in zip(runs[name], runs["bare"], strict=True)]
        rate = float(np.median([one[1] for one in runs[name]]))
        lines.append(
            f"{name}: {np.median(to_bare):.1f} times the bare one's seconds "
            f"({min(to_bare):.1f} to {max(to_bare):.1f}), {rate / LABEL_STUDIO:.0f} times the "
            f"rows/s of Label Studio."
        )
    return "\n".join(lines)


def _made(workflow_id: int, name: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.exports", str(workflow_id), name]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _beside(var: Path, database_pid: int, workflow: Any) -> str:
    """Classify while a file is made, and say how long a page took."""
    from tests import make  # noqa: PLC0415
    from tests.bench.volunteers import Timings, Volunteer  # noqa: PLC0415
    from webapp.subjects.models import Subject  # noqa: PLC0415

    (shown,) = make.pictured(list(Subject.objects.order_by("pk")[:1]))
    Subject.objects.update(display_sha256=shown.display_sha256)
    paths = [list(path) for path in list(workflow.tree.tree.paths())[:50]]
    with site(var, database_pid) as running:
        timings = Timings()
        people = [Volunteer(running.port, workflow.slug, paths) for _ in range(VOLUNTEERS)]
        making = threading.Thread(target=_made, args=(workflow.pk, "parquet"))
        making.start()
        deadline_s = time.perf_counter() + 30
        threads = [
            threading.Thread(target=one.classify_until, args=(deadline_s, timings))
            for one in people
        ]
        for thread in threads:
            thread.start()
        for thread in (*threads, making):
            thread.join()
    if not timings.post_s:
        return f"Nobody could classify meanwhile: {timings.errors[:1]}"
    p50, p95 = (1000 * float(np.percentile(timings.post_s, q)) for q in (50, 95))
    return (
        f"Meanwhile {len(timings.post_s):,} classifications were stored, each with the next galaxy "
        f"in p50 {p50:.0f} ms, p95 {p95:.0f} ms; {len(timings.errors)} errors."
    )


def _alone(workflow_id: int, name: str) -> dict[str, float]:
    """Make one file in this process, and say what it took."""
    import resource  # noqa: PLC0415
    import tempfile  # noqa: PLC0415

    import django  # noqa: PLC0415

    django.setup()
    from webapp.workflows.models import Workflow  # noqa: PLC0415

    workflow = Workflow.objects.get(pk=workflow_id)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        started_s = time.perf_counter()
        (_bare if name == "bare" else _file)(workflow, path, name)
        spent_s = time.perf_counter() - started_s
        size = path.stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"s": spent_s, "mb": peak, "file_mb": size / 1e6}


def _file(workflow: Any, path: Path, name: str) -> None:
    """Write a file as `exports.writing` does, without the row that says how far it is."""
    from webapp.exports import snapshot  # noqa: PLC0415
    from webapp.exports.contents import Catalog, instant_of  # noqa: PLC0415
    from webapp.exports.origin import header_of  # noqa: PLC0415
    from webapp.exports.writers import open_writer  # noqa: PLC0415

    with snapshot.one_moment() as moment:
        catalog = Catalog(moment, workflow)
        header = header_of(workflow, instant_of(moment), "catalog")
        with open_writer(name, path, catalog.columns, header, catalog.count()) as writer:
            for rows in catalog.parts():
                writer.write(rows)


def _bare(workflow: Any, path: Path, _name: str) -> None:
    """Copy what is stored of the tallies in one statement, and write that as it is.

    No other table is joined, and nothing is computed, checked or described.
    """
    import pyarrow as pa  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    layout = _stored(workflow.tree.tree)
    statement = (
        "COPY (SELECT subject_id, votes, asked, weighted, weighted_asked, prior "
        f"FROM consensus_consensus WHERE workflow_id = {int(workflow.pk)}) "
        "TO STDOUT (FORMAT BINARY)"
    )
    writer, waiting = None, bytearray()
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for piece in copy:
            waiting += piece
            n_rows = (len(waiting) - HEAD) // layout.itemsize
            if n_rows < BLOCK and bytes(waiting[-2:]) != END:
                continue
            start = HEAD if writer is None else 0
            n_rows = (len(waiting) - start) // layout.itemsize
            found = np.frombuffer(bytes(waiting), layout, n_rows, start)
            rows = pa.table(_columns(found))
            writer = writer or parquet.ParquetWriter(path, rows.schema)
            writer.write_table(rows)
            del waiting[: start + n_rows * layout.itemsize]
    if writer:
        writer.close()


BLOCK = 20_000  # rows written at once
HEAD, END = 19, b"\xff\xff"  # what PostgreSQL's binary format begins and ends with


def _stored(tree: Any) -> np.dtype[Any]:
    """Return how PostgreSQL sends a row: each value after its length, arrays with their head."""
    fields: list[Any] = [("n_fields", ">i2"), ("id_bytes", ">i4"), ("subject_id", ">i8")]
    k, q = tree.n_answers, tree.n_questions
    for name, kind, n in (
        ("votes", ">i4", k), ("asked", ">i4", q), ("weighted", ">f4", k),
        ("weighted_asked", ">f4", q), ("prior", ">f4", k),
    ):  # fmt: skip
        values = [("bytes", ">i4"), ("value", kind)]
        fields += [(f"{name}_head", ">i4", (6,)), (name, values, (n,))]
    return np.dtype(fields)


def _columns(found: Any) -> dict[str, Any]:
    columns = {"subject_id": found["subject_id"].astype(np.int64)}
    for name in ("votes", "asked", "weighted", "weighted_asked", "prior"):
        plain = found[name]["value"].astype(found[name]["value"].dtype.newbyteorder("="))
        columns |= {f"{name}_{k}": column for k, column in enumerate(plain.T)}
    return columns


if __name__ == "__main__":
    print(json.dumps(_alone(int(sys.argv[1]), sys.argv[2])))
