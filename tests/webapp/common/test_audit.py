"""The audit log takes lines and gives none back."""

import pytest
from django.db import DatabaseError, transaction

from tests import make
from webapp.common.audit import write_entry
from webapp.common.models import AuditEntry

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
