"""Leases, tokens, attempts: in one process, and with worker processes that are killed."""

import contextlib
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from tests import make
from tests.webapp.common.processes import wait_until, worker
from webapp.common import drain, work
from webapp.common.errors import DomainError
from webapp.common.models import WorkStatus
from webapp.subjects import services
from webapp.subjects.models import IngestBatch

pytestmark = pytest.mark.django_db
processes = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def waiting() -> IngestBatch:
    """Work that waits; what it would read does not matter here."""
    made: IngestBatch = make.batch(Path("nowhere"))
    return made


def claimed() -> IngestBatch:
    row = work.claim(waiting())
    assert row is not None
    return row


def fresh(row: IngestBatch) -> IngestBatch:
    return IngestBatch.objects.get(pk=row.pk)


def let_time_pass(row: IngestBatch) -> None:
    """Let the lease and the back-off be over."""
    past = timezone.now() - timedelta(seconds=1)
    IngestBatch.objects.filter(pk=row.pk, lease_expires_at__isnull=False).update(
        lease_expires_at=past
    )
    IngestBatch.objects.filter(pk=row.pk, not_before_at__isnull=False).update(not_before_at=past)


@contextlib.contextmanager
def draining():
    drain.ask()
    try:
        yield
    finally:
        drain.forget()


def fail(_: IngestBatch) -> None:
    raise ValueError("poison")


def finish(row: IngestBatch) -> None:
    with transaction.atomic():
        work.hold(row)
        work.finish(row)


def run_all(perform) -> int:
    return work.run_all(IngestBatch, perform, deadline_s=time.monotonic() + 60)


def test_the_oldest_waiting_row_is_claimed_once():
    first, second = waiting(), waiting()
    assert work.claim_next(IngestBatch) == first
    assert work.claim_next(IngestBatch) == second
    assert work.claim_next(IngestBatch) is None
    assert fresh(first).token == 1


def test_a_row_whose_lease_ran_out_is_claimed_and_the_old_token_is_worth_nothing():
    old = claimed()
    let_time_pass(old)
    new = work.claim_next(IngestBatch)
    assert new is not None
    assert (new.pk, new.token, new.started_at) == (old.pk, 2, old.started_at)

    with pytest.raises(work.LeaseLost), transaction.atomic():
        work.hold(old)
    work.report(old, n_done=99)
    work.finish(old)
    work.give_up(old, ValueError())
    work.put_back(old)
    row = fresh(old)
    assert (row.status, row.n_done, row.token) == (WorkStatus.RUNNING, 0, 2)


def test_hold_extends_the_lease():
    row = claimed()
    IngestBatch.objects.update(lease_expires_at=timezone.now() + timedelta(seconds=0.5))
    with transaction.atomic():
        work.hold(row)
    lease_ends_at = fresh(row).lease_expires_at
    assert lease_ends_at is not None
    assert lease_ends_at > timezone.now() + timedelta(seconds=1)


def test_poison_fails_five_times_with_growing_patience_and_others_go_on():
    poison, good = waiting(), waiting()
    patience_s = []
    for attempt in range(1, 6):
        run_all(lambda row: fail(row) if row.pk == poison.pk else finish(row))
        row = fresh(poison)
        assert row.attempts == attempt
        assert fresh(good).status == WorkStatus.DONE
        if row.not_before_at and attempt < 5:
            assert work.claim_next(IngestBatch) is None
            patience_s.append(round((row.not_before_at - timezone.now()).total_seconds()))
        let_time_pass(poison)

    assert patience_s == [1, 2, 4, 8]
    assert row.status == WorkStatus.FAILED
    assert "ValueError" in row.error
    assert "An administrator" in row.error
    assert "in fail\n" in row.traceback
    assert run_all(fail) == 0


def test_an_error_that_no_database_takes_is_stored_all_the_same():
    row = claimed()
    work.give_up(row, ValueError("nul\0 half \ud800"))
    assert "nul\\0 half \\ud800" in fresh(row).error
    assert "nul\\0 half \\ud800" in fresh(row).traceback


def test_retry_makes_failed_work_wait_again_and_nothing_else():
    row = waiting()
    assert not work.retry(row)
    IngestBatch.objects.update(
        status=WorkStatus.FAILED, attempts=5, error="x", cancel_requested_at=timezone.now()
    )
    assert work.retry(row)
    assert run_all(finish) == 1
    assert (fresh(row).status, fresh(row).error) == (WorkStatus.DONE, "")


def test_work_that_kills_its_workers_ends_and_does_not_keep_others_waiting():
    killer, good = waiting(), waiting()
    for _ in range(5):
        assert work.claim(killer)
        let_time_pass(killer)

    assert run_all(finish) == 1

    assert fresh(good).status == WorkStatus.DONE
    assert (fresh(killer).status, fresh(killer).error) == (WorkStatus.FAILED, work.DIED)


def test_progress_forgives_attempts_and_no_progress_does_not():
    row = claimed()
    work.report(row, n_done=0, n_total=10)
    assert fresh(row).attempts == 1
    work.report(row, n_done=1, n_total=10)
    assert (fresh(row).attempts, row.attempts) == (0, 0)


def test_a_reason_that_a_repetition_does_not_cure_ends_the_work_at_once():
    row = waiting()

    def refuse(_: IngestBatch) -> None:
        raise DomainError("No pictures: add some.")

    run_all(refuse)
    assert (fresh(row).status, fresh(row).error) == (WorkStatus.FAILED, "No pictures: add some.")


def test_waiting_work_is_cancelled_at_once_and_running_work_at_its_next_step():
    still, running = waiting(), claimed()
    assert work.request_cancel(still)
    assert work.request_cancel(running)
    assert fresh(still).status == WorkStatus.CANCELLED
    assert fresh(running).status == WorkStatus.RUNNING

    work.run(running, finish)
    assert fresh(running).status == WorkStatus.CANCELLED
    assert not work.request_cancel(running)


def test_cancelled_work_whose_worker_died_is_not_started_again():
    row = claimed()
    work.request_cancel(row)
    let_time_pass(row)
    assert work.claim_next(IngestBatch) is None
    assert fresh(row).status == WorkStatus.CANCELLED


def test_a_worker_that_is_to_end_puts_its_work_back_and_takes_no_more():
    row, other = claimed(), waiting()
    with draining():
        work.run(row, work.rest)
        assert run_all(finish) == 0
    assert (fresh(row).status, fresh(row).lease_expires_at) == (WorkStatus.PENDING, None)
    assert fresh(other).status == WorkStatus.PENDING
    assert run_all(finish) == 2


def test_the_lease_is_kept_through_a_failure_of_the_database(monkeypatch):
    calls = []

    class Once:
        def exclude(self, **_):
            return self

        def update(self, **_):
            calls.append(1)
            if len(calls) == 1:
                raise OperationalError("away")

    row = claimed()
    monkeypatch.setattr(work, "_held", lambda _: Once())
    with work.heartbeat(row):
        wait_until(lambda: len(calls) > 1, within_s=5)


def test_work_that_is_rolled_back_is_never_done(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as sent, transaction.atomic():
        waiting()
        transaction.set_rollback(True)
    assert sent == []
    assert run_all(finish) == 0


class TestProcesses:
    """Real workers with a lease of two seconds."""

    pytestmark = processes

    def test_a_killed_worker_is_replaced_and_its_work_goes_on(self):
        row = waiting()
        with worker("count") as first:
            wait_until(lambda: fresh(row).n_done >= 3, within_s=20)
            first.send_signal(signal.SIGKILL)
            first.wait()
        with worker("count"):
            wait_until(lambda: fresh(row).status == WorkStatus.DONE, within_s=20)

        row = fresh(row)
        assert (row.token, row.n_added, row.n_done) == (2, 12, 12)

    def test_a_stopped_worker_cannot_commit_after_it_was_overtaken(self):
        row = waiting()
        with worker("count") as first:
            wait_until(lambda: fresh(row).n_done >= 2, within_s=20)
            first.send_signal(signal.SIGSTOP)
            try:
                with worker("count"):
                    took_s = wait_until(lambda: fresh(row).token == 2, within_s=10)
                    first.send_signal(signal.SIGCONT)
                    wait_until(lambda: fresh(row).status == WorkStatus.DONE, within_s=20)
            finally:
                first.send_signal(signal.SIGCONT)

        assert took_s < 6
        assert (fresh(row).token, fresh(row).n_added) == (2, 12)

    def test_work_of_several_leases_is_started_once_by_two_workers(self):
        row = waiting()
        with worker("count"), worker("count"):
            wait_until(lambda: fresh(row).status == WorkStatus.DONE, within_s=20)

        row = fresh(row)
        assert row.finished_at is not None
        assert row.started_at is not None
        assert row.finished_at - row.started_at > timedelta(seconds=2)
        assert (row.token, row.n_added) == (1, 12)

    def test_two_workers_share_what_waits(self):
        rows = [waiting() for _ in range(4)]
        with worker("count"), worker("count"):
            wait_until(
                lambda: all(fresh(row).status == WorkStatus.DONE for row in rows), within_s=40
            )
        assert {(fresh(row).token, fresh(row).n_added) for row in rows} == {(1, 12)}

    def test_a_terminated_worker_leaves_after_its_step_and_the_next_goes_on_at_once(self):
        row = waiting()
        with worker("count") as first:
            wait_until(lambda: fresh(row).n_done >= 2, within_s=20)
            first.send_signal(signal.SIGTERM)
            assert first.wait(timeout=5) == 0
        assert fresh(row).status == WorkStatus.PENDING
        with worker("count"):
            wait_until(lambda: fresh(row).status == WorkStatus.DONE, within_s=20)
        assert (fresh(row).token, fresh(row).n_added) == (2, 12)

    def test_cancel_is_heard_by_another_process(self):
        row = waiting()
        with worker("count"):
            wait_until(lambda: fresh(row).n_done >= 2, within_s=20)
            services.cancel_batch(batch=row, actor=None)
            wait_until(lambda: fresh(row).status == WorkStatus.CANCELLED, within_s=5)
        assert fresh(row).n_done < 12
