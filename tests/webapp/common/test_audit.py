"""The audit log takes lines and gives none back; what was done to it past the site is found."""

import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from tests import make
from webapp.common.audit import ChainBroken, verify_chain, write_entry
from webapp.common.models import AuditEntry, AuditLink

pytestmark = pytest.mark.django_db


def entry(**fields):
    return write_entry(action="rename", target="workflow", target_id=7, **fields)


def test_an_entry_says_who_changed_what_and_why():
    alice = make.user("alice")
    made = entry(actor=alice, old="a", new={"b": [1]}, reason="typo")
    made.refresh_from_db()
    assert (made.actor_id, made.action, made.target, made.target_id) == (
        alice.pk, "rename", "workflow", "7",
    )  # fmt: skip
    assert (made.old, made.new, made.reason) == ("a", {"b": [1]}, "typo")
    assert made.at is not None
    assert str(made) == "rename workflow 7"


def test_the_system_is_an_actor_too():
    assert entry(actor=None).actor_id is None


def test_an_entry_goes_with_the_change_that_failed():
    def change() -> None:
        with transaction.atomic():
            entry(actor=None)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("change", ["update", "delete"])
def test_an_entry_can_neither_be_changed_nor_deleted(change):
    made = entry(actor=None)
    rows = AuditEntry.objects.filter(pk=made.pk)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        rows.update(reason="forged") if change == "update" else rows.delete()
    assert rows.get().reason == ""


def committed(n):
    """Write lines, each as if its transaction had ended."""
    for number in range(n):
        entry(actor=None, new=number, reason='a "reason", ünïcode')
        connection.check_constraints()


def past_the_triggers(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_a_whole_log_says_where_it_ends():
    assert verify_chain().n_lines == 0
    committed(3)
    head = verify_chain()
    assert (head.n_lines, head.sha256) == (3, AuditLink.objects.get(place=3).sha256)
    committed(1)
    assert verify_chain(noted=head.sha256).n_lines == 4


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE common_auditentry SET reason = 'forged' WHERE id = %s", "Place 2 .* does not fit"),
        (
            (
                "WITH gone AS (DELETE FROM common_auditlink WHERE entry_id = %s RETURNING entry_id)"
                "DELETE FROM common_auditentry WHERE id IN (SELECT entry_id FROM gone)"
            ),
            "Place 2 .* is missing",
        ),
        (
            (
                "INSERT INTO common_auditentry (action, target, target_id, reason)"
                "SELECT action, target, target_id, reason FROM common_auditentry WHERE id = %s"
            ),
            "has no place",
        ),
    ],
)
def test_a_line_that_was_tampered_with_is_named(statement, words):
    committed(3)
    second = AuditLink.objects.get(place=2).entry_id
    past_the_triggers(statement, second)
    with pytest.raises(ChainBroken, match=words):
        verify_chain()


def test_a_log_that_was_cut_off_is_found_by_a_hash_noted_before():
    committed(3)
    noted = verify_chain().sha256
    past_the_triggers("DELETE FROM common_auditlink WHERE place = 3")
    past_the_triggers("DELETE FROM common_auditentry WHERE new = '2'")
    assert verify_chain().n_lines == 2
    with pytest.raises(CommandError, match="cut off"):
        call_command("verify_audit", noted=noted)


def test_the_command_prints_the_last_hash(capsys):
    call_command("verify_audit")
    assert "empty" in capsys.readouterr().out
    committed(2)
    call_command("verify_audit")
    assert capsys.readouterr().out.split()[-1] == AuditLink.objects.get(place=2).sha256


@pytest.mark.django_db(transaction=True)
def test_lines_of_transactions_at_once_are_one_chain():
    def write():
        for _ in range(5):
            entry(actor=None)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify_chain().n_lines == 20
