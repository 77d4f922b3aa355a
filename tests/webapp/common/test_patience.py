"""A database that is slow as a whole, and one heavy statement, are told apart."""

import time

import pytest

from webapp.common import patience
from webapp.common.patience import Budget, Gate, TooSlow


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def statements(budget: Budget, clock: list[float], *seconds: float) -> None:
    for took_s in seconds:

        def execute(*_, took_s=took_s):
            clock[0] += took_s

        budget(execute, "SELECT 1", None, False, None)  # noqa: FBT003 - as Django calls it


@pytest.mark.parametrize(
    ("seconds", "is_slow"),
    [((0.6, 3.0), True), ((0.6,), False), ((0.01, 9.0, 0.6), False), ((), False)],
)
def test_a_database_is_slow_if_even_its_quickest_statement_is(clock, seconds, is_slow):
    budget = Budget()
    statements(budget, clock, *seconds)
    assert budget.is_slow == is_slow


def test_a_page_gets_no_more_statements_once_its_time_is_spent(clock, settings):
    settings.REQUEST_BUDGET_S = 10
    budget = Budget()
    statements(budget, clock, 4, 4, 4)
    with pytest.raises(TooSlow, match=r"3 statements took 12.0 s"):
        statements(budget, clock, 0.1)


def test_the_gate_lets_one_try_at_a_time_until_one_was_quick(clock):
    gate = Gate()
    assert [gate.may_pass() for _ in range(3)] == [True, True, True]
    gate.close()
    assert not gate.may_pass()
    clock[0] += patience.CLOSED_S
    assert [gate.may_pass() for _ in range(3)] == [True, False, False]
    gate.give_back()  # a page without any statement has shown nothing
    assert [gate.may_pass() for _ in range(2)] == [True, False]
    gate.close()
    clock[0] += patience.CLOSED_S
    assert gate.may_pass()
    gate.open()
    assert [gate.may_pass() for _ in range(3)] == [True, True, True]
