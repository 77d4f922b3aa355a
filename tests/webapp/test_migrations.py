"""RS-33: no migration holds the tables that votes are written to for longer than a moment.

What is asked of each migration after the first tables that could take votes: its statements change
only the catalog, or add to a table that is new, or check rows without a lock that votes wait for.
What a migration does in Python is not seen.
"""

import re

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests.faults.upgrade import FIRST

pytestmark = pytest.mark.django_db
BIG = (
    "classifications_classification", "classifications_standing", "consensus_consensus",
    "consensus_queue", "subjects_subject",
)  # fmt: skip
TABLE = rf'"?(?:{"|".join(BIG)})"?(?![\w"])'
ALTERS = rf"ALTER TABLE (?:ONLY )?{TABLE} .*"
# Each reads or writes a whole table while votes wait for it.
LONG = [
    rf"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).* ON {TABLE}",
    rf"{ALTERS}ADD CONSTRAINT (?!.*(?:NOT VALID|USING INDEX))",
    rf"{ALTERS}ADD COLUMN .*(?:REFERENCES|GENERATED ALWAYS AS \(.*STORED|\bUNIQUE|PRIMARY KEY)",
    rf"{ALTERS}ADD COLUMN .*DEFAULT \(?(?:random|clock_timestamp|gen_random_uuid|nextval)\(",
    rf"{ALTERS}ALTER COLUMN .* (?:SET DATA )?TYPE ",
    rf"{ALTERS}ALTER COLUMN .* SET NOT NULL",
    rf"{ALTERS}SET (?:LOGGED|UNLOGGED|TABLESPACE|ACCESS METHOD)",
    rf"(?:VACUUM FULL|CLUSTER|REINDEX TABLE (?!CONCURRENTLY)) ?{TABLE}",
    rf"LOCK TABLE (?:ONLY )?{TABLE}",
    rf"^(?:UPDATE|DELETE FROM) (?:ONLY )?{TABLE}",
]
# These were written before this was asked of any, and take what tests/faults/test_upgrade.py
# measures; none is to come to them.
BEFORE = {
    "classifications.0003_index_of_test_votes": 1,
    "classifications.0007_shown_by_a_model": 1,
    "consensus.0003_belief": 1,
    "consensus.0004_priors_of_a_model": 2,
    "subjects.0003_admission_goes_on": 1,
}


def long_ones(sql: str) -> list[str]:
    """Return the statements that a vote may have to wait for."""
    flat = [" ".join(one.split()) for one in re.sub(r"--.*", "", sql).split(";")]
    return [one for one in flat if any(re.search(long, one, re.IGNORECASE) for long in LONG)]


def test_no_migration_keeps_votes_waiting():
    executor = MigrationExecutor(connection)
    loader = executor.loader
    first = {key for target in FIRST for key in loader.graph.forwards_plan(target)}
    plan = [
        key
        for leaf in loader.graph.leaf_nodes()
        for key in loader.graph.forwards_plan(leaf)
        if key not in first
    ]
    assert len(plan) > 30
    found = {}
    for app, name in dict.fromkeys(plan):
        migration = loader.graph.nodes[app, name]
        sql = "\n".join(loader.collect_sql([(migration, False)]))
        if statements := long_ones(sql):
            found[f"{app}.{name}"] = statements
    assert {name: len(statements) for name, statements in found.items()} == BEFORE, found


@pytest.mark.parametrize(
    "sql",
    [
        'CREATE INDEX "a" ON "consensus_consensus" ("votes");',
        "CREATE UNIQUE INDEX a ON classifications_standing (id)",
        'ALTER TABLE "classifications_classification" ADD CONSTRAINT "a" CHECK (id > 0);',
        "ALTER TABLE consensus_consensus ADD COLUMN a bigint CONSTRAINT b REFERENCES c (id)",
        "ALTER TABLE consensus_consensus\n  ADD COLUMN a float DEFAULT random()",
        'ALTER TABLE "subjects_subject" ALTER COLUMN "notes" TYPE varchar(3) USING "notes"::text',
        'ALTER TABLE "subjects_subject" ALTER COLUMN "notes" SET NOT NULL',
        "-- to fill it\nUPDATE consensus_consensus SET votes = '{}'",
    ],
)
def test_what_takes_long_is_noticed(sql):
    assert long_ones(sql)


@pytest.mark.parametrize(
    "sql",
    [
        'CREATE INDEX CONCURRENTLY "a" ON "consensus_consensus" ("votes");',
        'CREATE INDEX "a" ON "consensus_progress" ("votes");',
        'ALTER TABLE "consensus_consensus" ADD CONSTRAINT "a" CHECK (id > 0) NOT VALID',
        'ALTER TABLE "consensus_consensus" VALIDATE CONSTRAINT "a"',
        "ALTER TABLE consensus_consensus ADD COLUMN a text NOT NULL DEFAULT ''",
        "ALTER TABLE consensus_consensus ADD COLUMN a timestamptz NULL",
        "UPDATE workflows_workflow SET text = ''",
    ],
)
def test_what_takes_a_moment_passes(sql):
    assert long_ones(sql) == []
