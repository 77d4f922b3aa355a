"""What the database holds at one moment, which pg_dump is told to see too."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from webapp.backups import tools

SAMPLE = 1000  # rows whose hashes a backup holds
AT_LEAST = 3  # of a table that has so many

_TABLES = """
    SELECT c.relname, coalesce(
        (SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod))
                ORDER BY array_position(i.indkey::smallint[], a.attnum))
         FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)
         WHERE i.indrelid = c.oid AND i.indisprimary), '[]')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind = 'r'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    ORDER BY c.relname
"""
# A row is compared by the text that PostgreSQL writes of it, every value in full.
_HASH = sql.SQL("encode(sha256(convert_to(t::text, 'UTF8')), 'hex')")
_SOME = sql.SQL("""
    SELECT json_build_array({keys}), {hash} FROM {table} t TABLESAMPLE BERNOULLI ({percent})
    ORDER BY random() LIMIT {limit}
""")
_SAME = sql.SQL("""
    SELECT count(*) FROM jsonb_array_elements(%s::jsonb) given JOIN {table} t ON {equal}
    WHERE {hash} = given ->> 1
""")
# What rows name, by table; an empty hash names none.
_NAMED = {
    "subjects_subject": (
        ("display_sha256", "'media/display/' || left({0}, 2) || '/' || {0} || '.jpg'"),
        ("thumbnail_sha256", "'media/thumbnail/' || left({0}, 2) || '/' || {0} || '.jpg'"),
        ("stamp_sha256", "'media/stamp/' || left({0}, 2) || '/' || {0} || '.jpg'"),
        (
            "original_sha256",
            "'originals/' || left({0}, 2) || '/' || {0} || '.' || original_format",
        ),
    ),
    "predictions_heatmap": (
        ("picture_sha256", "'media/heat/' || left({0}, 2) || '/' || {0} || '.png'"),
    ),
    "registry_modelversion": (("sha256", "'models/' || {0} || '.onnx'"),),
}


@dataclass(frozen=True)
class Table:
    """A table: how many rows it has, and its primary key's columns with their types."""

    name: str
    keys: list[tuple[str, str]]
    n_rows: int


@dataclass(frozen=True)
class Moment:
    """A connection whose statements all see the same moment."""

    connection: psycopg.Connection[Any]
    snapshot: str

    def tables(self) -> list[Table]:
        """Count the rows of every table."""
        found = self.connection.execute(_TABLES).fetchall()
        return [
            Table(name, [(key, kind) for key, kind in keys], self._count(name))
            for name, keys in found
        ]

    def _count(self, table: str) -> int:
        statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        return int(self.connection.execute(statement).fetchone()[0])  # type: ignore[index]

    def sample(self, tables: list[Table]) -> dict[str, list[Any]]:
        """Return hashes of some rows drawn at random, by table: pairs of primary key and hash."""
        n_all = sum(table.n_rows for table in tables)
        found = {}
        for table in tables:
            n = min(table.n_rows, max(AT_LEAST, round(SAMPLE * table.n_rows / max(1, n_all))))
            if n and table.keys:
                found[table.name] = self._some(table, n)
        return found

    def _some(self, table: Table, n: int) -> list[Any]:
        keys = [sql.SQL("t.{}").format(sql.Identifier(key)) for key, _ in table.keys]
        statement = _SOME.format(
            keys=sql.SQL(", ").join(keys),
            hash=_HASH,
            table=sql.Identifier(table.name),
            # About four times as many, so that there are enough by all odds.
            percent=sql.Literal(min(100.0, 100 * (4 * n + 40) / table.n_rows)),
            limit=sql.Literal(n),
        )
        return [list(row) for row in self.connection.execute(statement)]

    def n_same(self, table: Table, sample: list[Any]) -> int:
        """Return how many rows of a sample are here as they were there."""
        equal = [
            sql.SQL("t.{} = (given -> 0 ->> {})::{}").format(
                sql.Identifier(key), sql.Literal(place), sql.SQL(kind)
            )
            for place, (key, kind) in enumerate(table.keys)
        ]
        statement = _SAME.format(
            table=sql.Identifier(table.name), equal=sql.SQL(" AND ").join(equal), hash=_HASH
        )
        found = self.connection.execute(statement, [json.dumps(sample)]).fetchone()
        return int(found[0])  # type: ignore[index]

    def migrations(self) -> dict[str, list[str]]:
        """Return the names of the migrations that have run, by app."""
        rows = self.connection.execute("SELECT app, name FROM django_migrations ORDER BY 1, 2")
        found: dict[str, list[str]] = {}
        for app, name in rows:
            found.setdefault(app, []).append(name)
        return found

    def audit_head(self) -> str:
        """Return the hash at which the audit log ends; empty if it has no line."""
        row = self.connection.execute(
            "SELECT sha256 FROM common_auditlink ORDER BY place DESC LIMIT 1"
        ).fetchone()
        return row[0] if row else ""

    def missing(self, names: Iterable[str]) -> list[str]:
        """Return files that rows name and that are not among these, some thousands at most."""
        self.connection.execute("CREATE TEMP TABLE kept_files (name text) ON COMMIT DROP")
        with self.connection.cursor() as cursor:
            with cursor.copy("COPY kept_files FROM STDIN") as copy:
                for name in names:
                    copy.write_row([name])
            cursor.execute("CREATE INDEX ON kept_files (name)")
            cursor.execute("ANALYZE kept_files")
            found: list[str] = []
            for table, columns in _NAMED.items():
                for column, name in columns:
                    cursor.execute(
                        f"SELECT name FROM (SELECT {name.format(column)} AS name FROM {table} "  # noqa: S608
                        f"WHERE {column} <> '') AS named WHERE NOT EXISTS "
                        f"(SELECT FROM kept_files kept WHERE kept.name = named.name) LIMIT 1000"
                    )
                    found += [name for (name,) in cursor]
        return found

    @property
    def server_version(self) -> int:
        """As in 180001."""
        return self.connection.info.server_version


@contextlib.contextmanager
def moment(database: str = "") -> Iterator[Moment]:
    """Hold one moment of the site's database, or of another one of its server."""
    with psycopg.connect(tools.conninfo(database)) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        yield Moment(connection, row[0])  # type: ignore[index]
        connection.rollback()
