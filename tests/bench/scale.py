"""How each hot query and each table grows: from ten thousand to ten million classifications.

Each case calls what the site calls, some times for other people and galaxies, and takes back what
it wrote. What PostgreSQL spends on it comes from EXPLAIN (ANALYZE, BUFFERS) of each statement.
"""

import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from tests.bench import fill
from tests.bench.fill import ROUNDS, TABLES, Campaign

REPEATS = 5
SLOW = 3  # of what is long work, or reads everything
FIRST = 10_000  # classifications
PLANNED = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")  # statements that have a plan


@dataclass
class Spent:
    """What PostgreSQL spent on one call."""

    wall_ms: float = 0.0
    database_ms: float = 0.0
    n_pages: int = 0
    n_statements: int = 0


@dataclass(frozen=True)
class Case:
    """One thing that the site does; what it returns is thrown away."""

    name: str
    call: Callable[[random.Random], object]
    repeats: int = REPEATS


@dataclass
class Size:
    """Measurements at one size."""

    n: int
    spent: dict[str, Spent] = field(default_factory=dict)
    bytes_of: dict[str, tuple[int, int]] = field(default_factory=dict)  # bytes, rows


def run(n_most: int) -> str:
    """Fill and measure up to so many classifications, and return the tables."""
    from django.conf import settings  # noqa: PLC0415 - Django is set up by now

    settings.ALLOWED_HOSTS = ["*"]
    settings.CONE_SEARCHES_PER_MINUTE = 1_000_000
    made, sizes, n_before = fill.campaign(), [], 0
    n = FIRST
    while n <= n_most:
        started_s = time.perf_counter()
        fill.fill(made, n_before // ROUNDS, n // ROUNDS)
        print(f"{n:,} filled in {time.perf_counter() - started_s:.0f} s", flush=True)
        sizes.append(_measured(made, n))
        n_before, n = n, 10 * n
        print("\n\n".join([_queries(sizes), _bytes(sizes)]), flush=True)  # a larger one may fail
    return "Done."


def _measured(made: Campaign, n: int) -> Size:
    found = Size(n)
    for case in _cases(made, n // ROUNDS):
        found.spent[case.name] = _spent(case)
        print(f"{n:,} {case.name}: {found.spent[case.name].wall_ms:.1f} ms", flush=True)
    found.bytes_of = dict(_sizes())
    return found


def _cases(made: Campaign, n_galaxies: int) -> Iterator[Case]:
    from webapp.classifications import queries, recount  # noqa: PLC0415
    from webapp.consensus import measuring  # noqa: PLC0415
    from webapp.exports import snapshot  # noqa: PLC0415
    from webapp.predictions import queries as predictions  # noqa: PLC0415
    from webapp.registry.models import ModelVersion  # noqa: PLC0415

    crowd, workflow = Crowd(made, n_galaxies), made.workflow
    by_gain = _with_mixture(workflow, {"gain": 1.0})
    model = ModelVersion.objects.get(pk=made.model_id)
    site = _client()
    catalog, cone = f"/catalog/{workflow.slug}/", f"/cone/{workflow.slug}"
    api = f"/api/workflows/{workflow.slug}/consensus/"

    def next_for(chance: random.Random, campaign: Any) -> object:
        return queries.next_subject(workflow=campaign, identity=crowd.somebody(chance))

    yield Case("next galaxy, at random", lambda chance: next_for(chance, workflow))
    yield Case("next galaxy, by gain", lambda chance: next_for(chance, by_gain))
    yield Case("a classification, all of it", crowd.classify)
    yield Case("of it: count_votes", crowd.count)
    yield Case("my last 36 galaxies", crowd.look_back)
    yield Case(
        "what waits to be scored", lambda _: predictions.unscored(workflow, model, limit=2000)
    )
    yield Case("cone of 0.1 degrees", lambda chance: _get(site, f"{cone}?{_position(chance)}"))
    yield Case("API page of 100 galaxies", lambda _: _get(site, api))
    yield Case(
        "recount of 500 galaxies",
        lambda chance: recount.compare_next(workflow, after=crowd.galaxy(chance) - 500),
    )
    yield Case("operations page", lambda _: _get(site, "/manage/operations/"))
    yield Case("export, 20,000 galaxies", lambda _: next(snapshot.evidence(workflow)), SLOW)
    yield Case(
        "progress of the campaign",
        lambda _: measuring.measure_progress(workflow, is_rationed=False),
        SLOW,
    )
    _make_edition(workflow)
    yield Case(
        "catalog page, two filters", lambda chance: _get(site, f"{catalog}?{_filters(chance)}")
    )


class Crowd:
    """Volunteers who have classified, and what they do next."""

    def __init__(self, made: Campaign, n_galaxies: int) -> None:
        from webapp.accounts.models import Volunteer  # noqa: PLC0415

        self.made, self.n_galaxies = made, n_galaxies
        last = fill.n_volunteers(n_galaxies)
        chance = random.Random(1)
        ids = {made.first_id + chance.randrange(last) for _ in range(200)}
        found = Volunteer.objects.filter(pk__in=ids)
        self.browsers = list(found.order_by("pk").values_list("uuid", flat=True))

    def somebody(self, chance: random.Random) -> Any:
        """Return one of them."""
        from webapp.accounts.identity import Identity  # noqa: PLC0415

        return Identity(user=None, browser=chance.choice(self.browsers))

    def galaxy(self, chance: random.Random) -> int:
        """Return an open galaxy."""
        number = chance.randrange(self.n_galaxies)
        return self.made.first_id + number + (number % fill.RETIRED_EACH == 0)

    def classify(self, chance: random.Random) -> object:
        """Store what somebody says of a galaxy."""
        from django.utils import timezone  # noqa: PLC0415

        from webapp.classifications import services  # noqa: PLC0415
        from webapp.classifications.models import Handout  # noqa: PLC0415
        from webapp.classifications.shown import Shown  # noqa: PLC0415

        identity, workflow = self.somebody(chance), self.made.workflow
        handout = Handout(
            holder=identity.holder, workflow=workflow, subject_id=self.galaxy(chance),
            tree=workflow.tree, stream="random", shown_at=timezone.now(),
        )  # fmt: skip
        return services.record_classification(
            identity=identity,
            uuid=uuid.UUID(int=chance.getrandbits(128)),
            shown=Shown.of(handout),
            path=[2],  # a star or artifact: the shortest walk
        )

    def count(self, chance: random.Random) -> object:
        """Add a vote to a galaxy's tally."""
        from webapp.consensus import services  # noqa: PLC0415

        workflow = self.made.workflow
        locked = services.lock_tally(workflow_id=workflow.pk, subject_id=self.galaxy(chance))
        return services.count_votes(
            locked=locked, path=[2], weight=1.0, tree=workflow.tree.tree, workflow=workflow,
            by=uuid.UUID(int=chance.getrandbits(128)),
        )  # fmt: skip

    def look_back(self, chance: random.Random) -> object:
        """Read the galaxies that somebody classified last."""
        from webapp.classifications import queries  # noqa: PLC0415

        return list(queries.classifications_of(self.somebody(chance))[:36])


def _with_mixture(workflow: Any, mixture: dict[str, float]) -> Any:
    from webapp.workflows.models import Workflow  # noqa: PLC0415

    other = Workflow.objects.with_tree().get(pk=workflow.pk)
    other.mixture = mixture
    return other


def _client() -> Any:
    """Return an administrator's browser."""
    from django.test import Client  # noqa: PLC0415

    from tests import make  # noqa: PLC0415
    from webapp.accounts.models import Role, User  # noqa: PLC0415

    client = Client(headers={"host": "localhost"})
    client.force_login(
        User.objects.filter(username="vera").first() or make.user("vera", Role.ADMIN)
    )
    return client


def _get(client: Any, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code, answer.content[:500])


def _position(chance: random.Random) -> str:
    return f"RA={chance.uniform(0, 360):.5f}&DEC={chance.uniform(-60, 60):.5f}&SR=0.1"


def _filters(chance: random.Random) -> str:
    share = chance.uniform(0, 0.5)
    return f"frac_smooth_or_featured_smooth={share:.2f}..&n_classifications=2..&view=table"


def _make_edition(workflow: Any) -> None:
    from webapp.explore import editions, shelf  # noqa: PLC0415
    from webapp.explore.models import Edition  # noqa: PLC0415

    Edition.objects.filter(workflow=workflow).delete()
    shelf.forget()  # the next edition has the first one's number again
    editions.refresh_editions(deadline_s=float("inf"))


def _spent(case: Case) -> Spent:
    """Return medians: of the time without, and of the plans with EXPLAIN."""
    walls, plans = [], []
    for number in range(case.repeats):
        started_s = time.perf_counter()
        _taken_back(case, number)
        walls.append(1000 * (time.perf_counter() - started_s))
    for number in range(case.repeats):
        with explained() as plan:
            _taken_back(case, number)
        plans.append(plan)
    return Spent(
        statistics.median(walls),
        statistics.median(plan.database_ms for plan in plans),
        int(statistics.median(plan.n_pages for plan in plans)),
        int(statistics.median(plan.n_statements for plan in plans)),
    )


def _taken_back(case: Case, number: int) -> None:
    with transaction.atomic():
        case.call(random.Random(number))
        transaction.set_rollback(True)


@contextmanager
def explained() -> Iterator[Spent]:
    """Add up what PostgreSQL spends on the statements within, each run once more for it."""
    total = Spent()

    def wrapper(execute: Any, query: Any, values: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        words = query if isinstance(query, str) else query.as_string(connection.connection)
        if not many and words.lstrip(" \n(").startswith(PLANNED):
            _explain(total, words, values)
        return execute(query, values, many, context)

    with connection.execute_wrapper(wrapper):
        yield total


def _explain(total: Spent, query: str, values: Any) -> None:
    with connection.connection.cursor() as cursor:
        cursor.execute("SAVEPOINT explained")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", values)
        (plan,) = cursor.fetchone()[0]
        cursor.execute("ROLLBACK TO SAVEPOINT explained")
    total.database_ms += plan["Execution Time"]
    total.n_pages += plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    total.n_statements += 1


_SIZES = """
    SELECT relname, pg_table_size(class.oid), greatest(reltuples, 1)::bigint
    FROM pg_class class WHERE relname = ANY(%(tables)s)
    UNION ALL
    SELECT indexed.relname, pg_relation_size(indexed.oid), greatest(owner.reltuples, 1)::bigint
    FROM pg_index JOIN pg_class indexed ON indexed.oid = indexrelid
    JOIN pg_class owner ON owner.oid = indrelid WHERE owner.relname = ANY(%(tables)s)
"""


def _sizes() -> Iterator[tuple[str, tuple[int, int]]]:
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, {"tables": list(TABLES)})
        for name, n_bytes, n_rows in cursor.fetchall():
            yield name, (n_bytes, n_rows)


def _queries(sizes: list[Size]) -> str:
    """Return the table of cases: milliseconds, of them in PostgreSQL, and pages of 8 kB."""
    names = list(sizes[-1].spent)
    head = "".join(f" {size.n:,} |" for size in sizes)
    lines = [
        f"| ms, of them in PostgreSQL, pages | statements |{head}",
        f"|---|---|{'---|' * len(sizes)}",
    ]
    for name in names:
        cells = "".join(f" {_cell(size.spent[name])} |" for size in sizes)
        lines.append(f"| {name} | {sizes[-1].spent[name].n_statements} |{cells}")
    return "\n".join(lines)


def _cell(spent: Spent) -> str:
    if not spent.n_statements:
        return f"{spent.wall_ms:.1f}"
    return f"{spent.wall_ms:.1f}, {spent.database_ms:.2f}, {spent.n_pages:,}"


def _bytes(sizes: list[Size]) -> str:
    """Return the table of tables and indexes: bytes a row at each size, and the whole."""
    head = "".join(f" {size.n:,} |" for size in sizes)
    lines = [f"| bytes a row |{head} rows | MB |", f"|---|{'---|' * (len(sizes) + 2)}"]
    for name, (n_bytes, n_rows) in sizes[-1].bytes_of.items():
        cells = "".join(
            f" {size.bytes_of[name][0] / size.bytes_of[name][1]:,.0f} |" for size in sizes
        )
        lines.append(f"| `{name}` |{cells} {n_rows:,} | {n_bytes / 1e6:,.0f} |")
    return "\n".join(lines)
