"""A campaign's tables filled by COPY: ten classifications a galaxy, in the order of a crowd.

Rows are what the site would have written; foreign keys and triggers are not asked, which is what
takes the time. The next block continues where the last one ended.
"""

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection

ROUNDS = 10  # classifications a galaxy
GALAXIES_A_VOLUNTEER = 10
PATTERNS = 500  # different walks, tallies and embeddings
EMBEDDING_SIZE = 128
RETIRED_EACH = 10  # one in so many
BEGAN_AT = datetime(2026, 1, 1, tzinfo=UTC)
TABLES = (
    "subjects_subject", "consensus_consensus", "consensus_queue", "predictions_prediction",
    "accounts_volunteer", "classifications_classification", "classifications_standing",
)  # fmt: skip


@dataclass(frozen=True)
class Campaign:
    """What rows refer to."""

    workflow: Any
    subject_set_id: int
    model_id: int
    first_id: int = 1000  # of galaxies and volunteers, beyond those that making it took


def campaign() -> Campaign:
    """Make a live campaign with the tree of Galaxy Zoo 2, a model, and no galaxies."""
    from inference.formats.tree import load_built_in  # noqa: PLC0415 - Django is set up by now
    from tests import make  # noqa: PLC0415
    from webapp.registry.promotion import promote_model  # noqa: PLC0415

    workflow = make.workflow(
        tree=load_built_in("galaxy-zoo-2"),
        rule={"format": 1, "votes": 40, "artifact": None},
        hides_votes=False,
    )
    subject_set = make.subject_set()
    make.link(workflow, subject_set)
    model = make.model(workflow=workflow)
    promote_model(workflow=workflow, model=model, why="a bench", by=None)
    return Campaign(workflow, subject_set.pk, model.pk)


def fill(made: Campaign, begin: int, end: int) -> None:
    """Add galaxies number begin to end with all that is known of them, and renew statistics."""
    chance = random.Random(begin)
    drawn = _Drawn(made, chance)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
    _copy(TABLES[0], _SUBJECT, _subjects(made, begin, end))
    _copy(TABLES[1], _TALLY, _tallies(made, drawn, begin, end))
    _copy(TABLES[2], _QUEUED, _queued(made, chance, begin, end))
    _copy(TABLES[3], _PREDICTION, _predictions(made, drawn, begin, end))
    _copy(TABLES[4], "id, uuid, is_browser, is_simulated", _volunteers(made, chance, begin, end))
    order = np.random.default_rng(begin).permutation((end - begin) * ROUNDS)
    _copy(TABLES[5], _ANSWER, _answers(made, drawn, begin, end, order))
    _copy(TABLES[6], _STANDING, _standings(made, begin, end, order))
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = origin")
        for table in TABLES:
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "
                f"(SELECT max(id) FROM {table}))"
            )
            cursor.execute(f"VACUUM (ANALYZE) {table}")


class _Drawn:
    """Some hundreds of walks through the tree, tallies and embeddings, as COPY takes them."""

    def __init__(self, made: Campaign, chance: random.Random) -> None:
        from webapp.consensus import tally  # noqa: PLC0415

        tree = made.workflow.tree.tree
        walks = [_walk(tree, chance) for _ in range(PATTERNS)]
        self.paths = [_array(walk) for walk in walks]
        self.tallies = []
        for number in range(PATTERNS):
            votes, asked = [0] * tree.n_answers, [0] * tree.n_questions
            for walk in (walks[(number + step) % PATTERNS] for step in range(ROUNDS)):
                answers, questions = tally.counted(walk, tree, tree)
                tally.add(votes, answers, 1)
                tally.add(asked, questions, 1)
            self.tallies.append((_array(votes), _array(asked)))
        numbers = np.random.default_rng(0)
        shapes = numbers.gamma(2, 2, (PATTERNS, tree.n_answers)).round(3)
        self.priors = [_array(row) for row in shapes.tolist()]
        embeddings = numbers.normal(0, 0.1, (PATTERNS, EMBEDDING_SIZE)).round(4)
        self.embeddings = [json.dumps(row) for row in embeddings.tolist()]


def _walk(tree: Any, chance: random.Random) -> list[int]:
    path, question = [], tree.questions[0]
    while question is not None:
        answer = chance.choice(question.answers)
        path.append(answer.index)
        following = answer.next if question.is_single else question.next
        question = None if following is None else tree.questions[following]
    return path


def _array(values: Iterable[object]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _copy(table: str, columns: str, rows: Iterator[tuple[object, ...]]) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
    ):
        lines: list[str] = []
        for row in rows:
            lines.append("\t".join(map(str, row)))
            if len(lines) == 5000:
                copy.write("\n".join(lines) + "\n")
                lines.clear()
        if lines:
            copy.write("\n".join(lines) + "\n")


_SUBJECT = (
    "id, subject_set_id, survey_id, ra_deg, dec_deg, healpix, original_name, original_sha256, "
    "original_format, display_sha256, thumbnail_sha256, stamp_sha256, width_px, height_px, "
    "filled_share, notes, metadata"
)


def _subjects(made: Campaign, begin: int, end: int) -> Iterator[tuple[object, ...]]:
    from astropy import units  # noqa: PLC0415
    from astropy_healpix import lonlat_to_healpix  # noqa: PLC0415

    draw = np.random.default_rng(begin)
    ra = draw.uniform(0, 360, end - begin)
    dec = np.degrees(np.arcsin(draw.uniform(-1, 1, end - begin)))
    cells = lonlat_to_healpix(ra * units.deg, dec * units.deg, nside=2**29, order="nested")
    hashes = draw.bytes(32 * (end - begin)).hex()
    for place, number in enumerate(range(begin, end)):
        digest = hashes[64 * place : 64 * place + 64]
        yield (
            made.first_id + number, made.subject_set_id, f"J{number:09d}", ra[place], dec[place],
            cells[place], f"J{number:09d}.png", digest, "png", digest[::-1], digest, digest, 424,
            424, 0.0, "{}", '{"z": 0.08}',
        )  # fmt: skip


_TALLY = (
    "workflow_id, subject_id, tree_id, votes, asked, n_classifications, weighted, weighted_asked, "
    "prior, prior_model_id, is_gold, retired_at, retired_reason, retired_words"
)


def _tallies(made: Campaign, drawn: _Drawn, begin: int, end: int) -> Iterator[tuple[object, ...]]:
    workflow = made.workflow
    for number in range(begin, end):
        votes, asked = drawn.tallies[number % PATTERNS]
        is_retired = number % RETIRED_EACH == 0
        yield (
            workflow.pk, made.first_id + number, workflow.tree_id, votes, asked, ROUNDS, votes,
            asked, drawn.priors[number % PATTERNS], made.model_id, "f",
            BEGAN_AT if is_retired else "\\N", "count" if is_retired else "",
            "10 of 10 classifications" if is_retired else "",
        )  # fmt: skip


_QUEUED = "workflow_id, subject_id, stream, sort_key"


def _queued(
    made: Campaign, chance: random.Random, begin: int, end: int
) -> Iterator[tuple[object, ...]]:
    for number in range(begin, end):
        if number % RETIRED_EACH:
            for stream in ("random", "gain", "ignorance"):
                yield made.workflow.pk, made.first_id + number, stream, chance.random()


_PREDICTION = "model_id, subject_id, concentrations, ignorance, embedding, error"


def _predictions(
    made: Campaign, drawn: _Drawn, begin: int, end: int
) -> Iterator[tuple[object, ...]]:
    for number in range(begin, end):
        place = number % PATTERNS
        yield (
            made.model_id, made.first_id + number, drawn.priors[place], 0.01,
            drawn.embeddings[place], "",
        )  # fmt: skip


def _volunteers(
    made: Campaign, chance: random.Random, begin: int, end: int
) -> Iterator[tuple[object, ...]]:
    for number in range(n_volunteers(begin), n_volunteers(end)):
        yield made.first_id + number, f"{chance.getrandbits(128):032x}", "t", "f"


def n_volunteers(n_galaxies: int) -> int:
    """Return how many people classify so many galaxies; never fewer than a galaxy has."""
    return max(ROUNDS, n_galaxies // GALAXIES_A_VOLUNTEER) if n_galaxies else 0


_ANSWER = (
    "id, uuid, workflow_id, subject_id, volunteer_id, tree_id, path, stream, score, model_id, "
    "is_test, shown_at, client_started_at, client_finished_at, received_at"
)


def _who(made: Campaign, place: int, begin: int, end: int) -> tuple[int, int]:
    """Return the galaxy and the volunteer of an answer; nobody answers one twice."""
    number, round_ = begin + place // ROUNDS, place % ROUNDS
    people = n_volunteers(end)
    volunteer = (number * 7919 + round_ * (people // ROUNDS)) % people
    return made.first_id + number, made.first_id + volunteer


def _answers(
    made: Campaign, drawn: _Drawn, begin: int, end: int, order: Any
) -> Iterator[tuple[object, ...]]:
    chance = random.Random(end)
    workflow, first = made.workflow, begin * ROUNDS + 1
    for place, which in enumerate(order.tolist()):
        subject, volunteer = _who(made, which, begin, end)
        then = BEGAN_AT + timedelta(seconds=first + place)
        yield (
            first + place, f"{chance.getrandbits(128):032x}", workflow.pk, subject, volunteer,
            workflow.tree_id, drawn.paths[which % PATTERNS], "random", 0.5, made.model_id, "f",
            then, then, then, then,
        )  # fmt: skip


_STANDING = "workflow_id, subject_id, volunteer_id, classification_id, state, weight, reason"


def _standings(made: Campaign, begin: int, end: int, order: Any) -> Iterator[tuple[object, ...]]:
    first = begin * ROUNDS + 1
    for place, which in enumerate(order.tolist()):
        subject, volunteer = _who(made, which, begin, end)
        yield made.workflow.pk, subject, volunteer, first + place, "counted", 1, ""
