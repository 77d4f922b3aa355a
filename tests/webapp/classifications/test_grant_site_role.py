"""The role that serves a site in server mode."""

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from psycopg import sql

from tests import make
from webapp.classifications.models import Classification, Standing
from webapp.consensus.models import Consensus
from webapp.workflows.models import TreeVersion

pytestmark = pytest.mark.django_db
ROLE = "site_of_a_test"


@pytest.fixture
def role():
    """A role without any rights, for the time of one transaction."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(ROLE)))
    return ROLE


def become(role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))


def test_the_site_works_as_that_role(role):
    workflow = make.workflow(n_subjects=1)
    call_command("grant_site_role", role, verbosity=0)
    become(role)

    for _ in range(3):
        make.classification(make.visitor(), workflow, workflow.subject_sets.get().subjects.get())

    assert Consensus.objects.get().retired_reason == "count"
    assert Standing.objects.update(reason="may change") == 3


@pytest.mark.parametrize("model", [Classification, TreeVersion])
def test_that_role_cannot_change_what_is_append_only(role, model):
    workflow = make.workflow(n_subjects=1)
    make.classification(make.visitor(), workflow, workflow.subject_sets.get().subjects.get())
    call_command("grant_site_role", role, verbosity=0)
    become(role)

    for verb in ("UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"):
        with (
            pytest.raises(ProgrammingError, match="permission denied") as refused,
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql.SQL(verb).format(sql.Identifier(model._meta.db_table)))
        assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "DROP TRIGGER {trigger} ON {}",
        "ALTER TABLE {} RENAME TO elsewhere",
        "DROP TABLE {} CASCADE",
    ],
)
def test_that_role_cannot_take_the_protection_away(role, statement):
    table = Classification._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal",
            [table],
        )
        trigger = sql.Identifier(cursor.fetchone()[0])
    call_command("grant_site_role", role, verbosity=0)
    become(role)
    with (
        pytest.raises(ProgrammingError, match=r"must be owner|permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql.SQL(statement).format(sql.Identifier(table), trigger=trigger))


def test_an_unknown_role_is_said():
    with pytest.raises(CommandError, match=r"no database role 'nobody_here'.*CREATE ROLE"):
        call_command("grant_site_role", "nobody_here")


def test_a_superuser_is_refused():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (name,) = cursor.fetchone()
    with pytest.raises(CommandError, match="superuser"):
        call_command("grant_site_role", name)
