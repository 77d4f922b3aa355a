"""Tallies recomputed from the votes, beside panoptes_aggregation on the same classifications."""

import json
import random
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

from django.db import connection, transaction

from inference.formats.tree import Tree, load_built_in
from tests.bench.peers import interpreter
from tests.bench.report import of_runs, table

EACH = 40  # classifications a galaxy
PEER = 4_000  # of them go to the peer too: it takes a millisecond and more for each
RUNS = 3


def run(n: int) -> str:
    """Measure on n classifications, and return the table."""
    from webapp.workflows.models import Workflow  # noqa: PLC0415

    tree = load_built_in("galaxy-zoo-2")
    workflow: Workflow = _campaign(tree, n // EACH)
    ours = [_recomputed(workflow) for _ in range(RUNS)]
    theirs = [_reduced(workflow, tree) for _ in range(RUNS)]
    ratios = [[mine[0] / his[0]] for mine, his in zip(ours, theirs, strict=True)]
    return table(
        [f"{n:,} classifications, {EACH} a galaxy", "classifications/s"],
        [
            of_runs("recount, from PostgreSQL", ours),
            of_runs(f"panoptes_aggregation, {PEER:,} of them", theirs),
            of_runs("ratio", ratios),
        ],
    )


def _campaign(tree: Tree, n_galaxies: int):
    """Return a campaign whose every galaxy has its classifications, written in bulk."""
    from tests import make  # noqa: PLC0415
    from webapp.accounts.models import Volunteer  # noqa: PLC0415
    from webapp.classifications.models import Classification  # noqa: PLC0415

    workflow = make.workflow(tree=tree, n_subjects=n_galaxies)
    people = Volunteer.objects.bulk_create(Volunteer(uuid=uuid.uuid4()) for _ in range(EACH))
    paths = [list(path) for path in _some_paths(tree)]
    chance = random.Random(1)
    subjects = list(workflow.subject_sets.get().subjects.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        with cursor.copy(
            "COPY classifications_classification (uuid, workflow_id, subject_id, volunteer_id, "
            "tree_id, path, stream, is_test, shown_at) FROM STDIN"
        ) as copy:
            for subject_id in subjects:
                for person in people:
                    copy.write_row(
                        (
                            uuid.UUID(int=chance.getrandbits(128), version=4), workflow.pk,
                            subject_id, person.pk, workflow.tree_id, chance.choice(paths),
                            "random", False, "2026-01-01",
                        )
                    )  # fmt: skip
        cursor.execute(
            "INSERT INTO classifications_standing (workflow_id, subject_id, volunteer_id, "
            "classification_id, state, reason) SELECT workflow_id, subject_id, volunteer_id, id, "
            "'counted', '' FROM classifications_classification"
        )
        cursor.execute("ANALYZE")
    assert Classification.objects.count() == n_galaxies * EACH
    return workflow


def _some_paths(tree: Tree) -> list[tuple[int, ...]]:
    chance = random.Random(2)
    return chance.sample([tuple(path) for _, path in zip(range(4000), tree.paths())], 200)  # noqa: B905


def _recomputed(workflow) -> list[float]:
    """Return classifications a second, read, grouped and added up."""
    from webapp.classifications import recount  # noqa: PLC0415
    from webapp.consensus.models import Consensus  # noqa: PLC0415
    from webapp.consensus.services import CHUNK  # noqa: PLC0415

    started, n, last = time.perf_counter(), 0, 0
    while True:
        with transaction.atomic():
            rows = list(
                Consensus.objects.filter(workflow=workflow, subject_id__gt=last).order_by(
                    "subject_id"
                )[:CHUNK]
            )
            recount.fill(workflow, rows)
        if not rows:
            return [n / (time.perf_counter() - started)]
        n += sum(row.n_classifications for row in rows)
        last = rows[-1].subject_id


def _reduced(workflow, tree: Tree) -> list[float]:
    """Return the peer's classifications a second, its tallies being ours."""
    from webapp.classifications import recount  # noqa: PLC0415
    from webapp.classifications.models import Classification  # noqa: PLC0415
    from webapp.consensus.models import Consensus  # noqa: PLC0415

    rows = list(
        Classification.objects.filter(workflow=workflow)
        .order_by("subject_id", "pk")
        .values_list("pk", "volunteer_id", "subject_id", "path")[:PEER]
    )
    told = [[pk, person, subject, _annotations(tree, path)] for pk, person, subject, path in rows]
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "given.json", Path(folder) / "out.json"
        given.write_text(json.dumps({"rows": told}), encoding="ascii")
        script = Path(__file__).with_name("panoptes_reduce.py")
        subprocess.run(
            [interpreter("panoptes-aggregation"), script, given, out], check=True, timeout=600
        )
        found = json.loads(out.read_text(encoding="ascii"))
    ours = list(Consensus.objects.filter(subject_id__in={row[2] for row in rows}))
    recount.fill(workflow, ours)
    for row in ours:
        assert _tally(tree, found["tallies"][str(row.subject_id)]) == row.votes
    return [len(rows) / found["seconds"]]


def _annotations(tree: Tree, path: list[int]) -> list[list[object]]:
    """Return a path as Panoptes has it: a task and the answer's number within it."""
    return [
        [f"T{tree.answers[index].question}", index - _question(tree, index).first_answer]
        for index in path
        if _question(tree, index).is_single
    ] + _multiple(tree, path)


def _question(tree: Tree, index: int):
    return tree.questions[tree.answers[index].question]


def _multiple(tree: Tree, path: list[int]) -> list[list[object]]:
    chosen: dict[int, list[int]] = {}
    for index in path:
        question = _question(tree, index)
        if not question.is_single:
            chosen.setdefault(question.index, []).append(index - question.first_answer)
    return [[f"T{question}", answers] for question, answers in chosen.items()]


def _tally(tree: Tree, tasks: dict[str, dict[str, int]]) -> list[int]:
    found = [0] * tree.n_answers
    for task, votes in tasks.items():
        first = tree.questions[int(task[1:])].first_answer
        for answer, count in votes.items():
            found[first + int(answer)] += int(count)
    return found
