"""Let a second database role serve the site, which cannot change what is append-only."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from psycopg import sql

from webapp.classifications.models import Classification
from webapp.common.models import AuditEntry, AuditLink
from webapp.workflows.models import TreeVersion

APPEND_ONLY = (Classification, AuditEntry, AuditLink, TreeVersion)
GRANTS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    # SELECT, so that this role can make a backup.
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
    # Tables that a later upgrade makes belong to whoever runs this, and are served too.
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public "
        "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}"
    ),
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role}",
)


class Command(BaseCommand):
    help = "Grant an existing database role what the site needs; run it again after an upgrade."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role", help="such as site; made before with CREATE ROLE ... LOGIN")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["role"]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", [name])
            found = cursor.fetchone()
            if found is None:
                raise CommandError(
                    f"There is no database role {name!r}. Make it first: "
                    f"CREATE ROLE {name} LOGIN PASSWORD '...'."
                )
            if found[0]:
                raise CommandError(
                    f"The role {name!r} is a superuser, whom no grant limits. Make another one."
                )
            role = sql.Identifier(name)
            for grant in GRANTS:
                cursor.execute(sql.SQL(grant).format(role=role))
            for model in APPEND_ONLY:
                cursor.execute(
                    sql.SQL("REVOKE UPDATE, DELETE ON {table} FROM {role}").format(
                        table=sql.Identifier(model._meta.db_table),  # noqa: SLF001 - documented
                        role=role,
                    )
                )
        self.stdout.write(f"{name} may serve the site, and change nothing that is append-only.")
