import json
import multiprocessing

import pytest

from inference.formats.claims import UNKNOWN, Claims

AT = "2026-01-31T12:00:00+00:00"


@pytest.fixture
def claims(tmp_path):
    return Claims(tmp_path / "claim")


def test_nobody_has_a_new_run(claims):
    assert claims.holder() is None
    assert not claims.folder.exists()


def test_who_takes_it_has_it_and_nobody_else_can_take_it(claims):
    assert claims.take("alice", AT)
    assert claims.holder() == "alice"
    assert not claims.take("bob", AT)
    assert not claims.take("alice", AT)
    assert claims.holder() == "alice"


def test_only_from_who_has_it_can_it_be_freed(claims):
    assert not claims.free("alice", AT)
    claims.take("alice", AT)
    assert not claims.free("bob", AT)
    assert claims.free("alice", AT)
    assert claims.holder() is None
    assert claims.take("bob", AT)
    assert not claims.free("alice", AT)
    assert claims.holder() == "bob"


def test_ten_claims_and_more_are_counted_as_numbers(claims):
    for _ in range(6):
        assert claims.take("alice", AT)
        assert claims.free("alice", AT)
    assert claims.take("bob", AT)
    assert sorted(int(path.name) for path in claims.folder.iterdir()) == list(range(1, 14))
    assert claims.holder() == "bob"


def test_a_claim_says_who_and_when(claims):
    claims.take("alice", AT)
    assert json.loads((claims.folder / "1").read_text()) == {"worker": "alice", "at": AT}


class Sleepy(Claims):
    """Somebody who looked when there was one claim, and acts later."""

    def _last(self):
        return 1


def test_who_lost_patience_with_one_worker_cannot_break_the_claim_of_the_next(claims):
    claims.take("dead", AT)
    sleepy = Sleepy(claims.folder)
    assert sleepy.holder() == "dead"
    assert claims.free("dead", AT)
    assert claims.take("bob", AT)
    assert not sleepy.free("dead", AT)
    assert claims.holder() == "bob"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"worker": 1}', b"\xff", b"x" * 20_000])
def test_a_claim_that_cannot_be_read_is_somebodys_until_it_is_broken(claims, content):
    claims.folder.mkdir()
    (claims.folder / "1").write_bytes(content)
    assert claims.holder() == UNKNOWN
    assert not claims.take("bob", AT)
    assert claims.free(UNKNOWN, AT)
    assert claims.take("bob", AT)


def test_a_link_in_place_of_a_claim_is_not_followed(claims, tmp_path):
    (tmp_path / "elsewhere").write_text(json.dumps({"worker": "alice"}))
    claims.folder.mkdir()
    (claims.folder / "1").symlink_to(tmp_path / "elsewhere")
    assert claims.holder() == UNKNOWN
    (claims.folder / "2").symlink_to(tmp_path / "nowhere")
    assert not claims.take("bob", AT)
    assert not (tmp_path / "nowhere").exists()


def test_other_files_beside_the_claims_mean_nothing(claims):
    claims.folder.mkdir()
    for name in ("README", "-1", "007", "1.5", "٣", ".nfs0001", "9" * 40):
        (claims.folder / name).write_text("")
    assert claims.holder() is None
    assert claims.take("alice", AT)


def _race(folder, gate, results, name):
    claims = Claims(folder)
    gate.wait()
    won = 0
    for number in range(50):
        # Everybody takes the run as soon as nobody has it; and everybody finds the dead dead.
        won += claims.free(f"dead-{number}", AT)
        gate.wait()
        won += 1000 * claims.take(name, AT)
        gate.wait()
        claims.free(name, AT)
        gate.wait()
        claims.take(f"dead-{number + 1}", AT)
        gate.wait()
    results.put(won)


@pytest.mark.processes
def test_of_processes_that_want_a_run_at_once_one_gets_it(claims):
    """Fifty times over: a dead worker's claim is broken once, and the run is taken once."""
    n = 4
    context = multiprocessing.get_context("spawn")
    gate, results = context.Barrier(n), context.Queue()
    assert claims.take("dead-0", AT)
    racers = [
        context.Process(target=_race, args=(claims.folder, gate, results, f"racer-{number}"))
        for number in range(n)
    ]
    for racer in racers:
        racer.start()
    won = sum(results.get(timeout=60) for _ in racers)
    for racer in racers:
        racer.join(60)
        assert racer.exitcode == 0
    assert won == 50 * 1001
