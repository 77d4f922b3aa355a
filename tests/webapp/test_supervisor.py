"""The supervisor with tiny stand-in children, real processes and real signals."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from webapp import children, cluster, embedded, sentinel, supervisor

pytestmark = pytest.mark.processes
ROOT = Path(__file__).resolve().parents[2]

# A supervisor whose children and patience come as JSON, run as a program of its own.
PROGRAM = """
import json, sys
from pathlib import Path
from webapp import children, supervisor, cluster
spec = json.loads(sys.argv[1])
watcher = supervisor.Supervisor(children.Patience(**spec["patience"]))
try:
    with watcher:
        for name, code in spec["children"].items():
            log = Path(spec["logs"]) / (name + ".log")
            watcher.start(children.Child(name, [sys.executable, "-c", code, spec["logs"]], log))
        watcher.watch()
except cluster.CannotStart as error:
    sys.exit(str(error))
"""
# Writes its number down and what signals come; so do its two grandchildren, one in a session of
# its own as PostgreSQL's are.
SLEEPER = """
import os, signal, sys, time
from pathlib import Path
here = Path(sys.argv[1])
def note(number, frame):
    with open(here / "signals", "a") as file: file.write(f"{number}\\n")
    if number == signal.SIGTERM: os._exit(0)
for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, note)
for leaves in (False, True):
    if os.fork() == 0:
        for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)
        if leaves: os.setsid()
        (here / f"grandchild-{leaves}.pid").write_text(str(os.getpid()))
        time.sleep(300)
        os._exit(0)
(here / "child.pid").write_text(str(os.getpid()))
while True: time.sleep(300)
"""
STUBBORN = """
import os, signal, sys, time
from pathlib import Path
for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)
(Path(sys.argv[1]) / "child.pid").write_text(str(os.getpid()))
while True: time.sleep(300)
"""
CRASHER = """
import sys, time
with open(sys.argv[1] + "/starts", "a") as file: file.write(f"{time.monotonic()}\\n")
print("out of tea", flush=True)
sys.exit(3)
"""


class Running:
    """A supervisor process, its folder, and whether what it started is alive."""

    def __init__(self, folder: Path, stand_ins: dict[str, str], **patience: float) -> None:
        self.folder = folder
        patience = {"first_delay_s": 0.05, "stop_within_s": 1.0, "poll_s": 0.02} | patience
        spec = {"patience": patience, "children": stand_ins, "logs": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(spec)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def pids(self, *names: str) -> list[int]:
        """Return the numbers that children have written down, once all of them have."""
        paths = [self.folder / f"{name}.pid" for name in names]
        wait_until(lambda: all(path.is_file() and path.read_text() for path in paths))
        return [int(path.read_text()) for path in paths]


def wait_until(condition, within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def sentinel_of(running: Running) -> int:
    found = [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/stat")
        if stat_parent(path) == running.process.pid
        and b"webapp.sentinel" in (path.parent / "cmdline").read_bytes()
    ]
    assert len(found) == 1
    return found[0]


def stat_parent(path: Path) -> int:
    try:
        return int(path.read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


FAMILY = ("child", "grandchild-False", "grandchild-True")


@pytest.fixture
def run(tmp_path):
    """Start supervisors, and leave nothing of them behind whatever the test finds."""
    started = []

    def start(stand_ins: dict[str, str], **patience: float) -> Running:
        started.append(Running(tmp_path, stand_ins, **patience))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate(timeout=10)
    for path in tmp_path.glob("*.pid"):
        if is_alive(int(path.read_text())):
            os.kill(int(path.read_text()), signal.SIGKILL)


def test_dead_child_is_started_again(run):
    running = run({"sleeper": SLEEPER})
    (first,) = running.pids("child")
    (running.folder / "child.pid").unlink()
    os.kill(first, signal.SIGKILL)
    (second,) = running.pids("child")
    assert first != second


def test_orphans_of_a_dead_child_are_gone_before_it_starts_again(run):
    running = run({"sleeper": SLEEPER})
    first, orphan, _ = running.pids(*FAMILY)
    (running.folder / "child.pid").unlink()
    os.kill(first, signal.SIGKILL)
    running.pids("child")
    assert not is_alive(orphan)


def test_restarts_wait_twice_as_long_each_time(run):
    running = run({"crasher": CRASHER}, first_delay_s=0.2)
    running.process.communicate(timeout=20)
    times = [float(line) for line in (running.folder / "starts").read_text().split()]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(gap >= 0.2 * 2**n for n, gap in enumerate(gaps))


def test_fifth_failure_stops_everything_with_one_sentence(run):
    running = run({"sleeper": SLEEPER, "crasher": CRASHER}, first_delay_s=0.2)
    family = running.pids(*FAMILY)
    _, said = running.process.communicate(timeout=20)
    assert running.process.returncode == 1
    assert len((running.folder / "starts").read_text().split()) == 5
    assert said.strip() == (
        "crasher ended 5 times within 60 s, so everything was stopped. "
        f"See {running.folder}/crasher.log."
    )
    assert not any(is_alive(pid) for pid in family)


def test_failures_outside_of_the_window_are_forgotten(tmp_path):
    child = children.Child("patient", [], tmp_path / "log")
    post = children.Post(child)
    patience = children.Patience(window_s=0.05)
    for _ in range(10):
        assert post.note_end(patience, 1) == patience.first_delay_s
        time.sleep(0.06)


def test_a_child_that_is_killed_often_has_not_failed(run):
    running = run({"sleeper": SLEEPER}, most_delay_s=0.1)
    for _ in range(7):
        (pid,) = running.pids("child")
        (running.folder / "child.pid").unlink()
        os.kill(pid, signal.SIGKILL)
    running.pids("child")
    running.process.send_signal(signal.SIGINT)
    said, _ = running.process.communicate(timeout=10)
    assert running.process.returncode == 0
    assert said.count("sleeper was ended by signal 9; it starts again in 0.1 s.") == 6


def test_kills_make_a_failing_child_wait_longer_and_do_not_excuse_it(tmp_path):
    post = children.Post(children.Child("failing", [], tmp_path / "log"))
    patience = children.Patience(failures=2)
    delays_s = [post.note_end(patience, code) for code in (-signal.SIGKILL, 1, -signal.SIGKILL)]
    assert delays_s == [0.5, 1, 2]
    with pytest.raises(cluster.CannotStart, match="failing ended 2 times"):
        post.note_end(patience, -signal.SIGSEGV)


def test_ctrl_c_reaches_a_child_once_and_through_the_supervisor(run):
    running = run({"sleeper": SLEEPER})
    family = running.pids(*FAMILY)
    # What a terminal does: the whole foreground group gets it.
    os.killpg(running.process.pid, signal.SIGINT)
    running.process.communicate(timeout=10)
    assert running.process.returncode == 0
    assert (running.folder / "signals").read_text().split() == [str(int(signal.SIGTERM))]
    assert not any(is_alive(pid) for pid in family)


def test_sigterm_ends_all_of_them_too(run):
    running = run({"sleeper": SLEEPER})
    family = running.pids(*FAMILY)
    running.process.terminate()
    running.process.communicate(timeout=10)
    assert not any(is_alive(pid) for pid in family)


def test_child_that_ignores_the_signal_is_killed_in_time(run):
    running = run({"stubborn": STUBBORN}, stop_within_s=0.5)
    (pid,) = running.pids("child")
    began = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    running.process.communicate(timeout=10)
    assert time.monotonic() - began < 5
    assert not is_alive(pid)


def test_second_ctrl_c_ends_the_waiting(run):
    running = run({"stubborn": STUBBORN}, stop_within_s=60)
    (pid,) = running.pids("child")
    running.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert is_alive(pid)
    running.process.send_signal(signal.SIGINT)
    running.process.communicate(timeout=10)
    assert not is_alive(pid)


def test_sigkill_of_the_supervisor_leaves_nothing_behind(run):
    running = run({"sleeper": SLEEPER}, stop_within_s=0.5)
    pids = [*running.pids(*FAMILY), sentinel_of(running)]
    os.killpg(running.process.pid, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in pids))
    # It was asked before it was killed: a database must be able to end in order.
    assert (running.folder / "signals").read_text().split() == [str(int(signal.SIGTERM))]


def test_killed_sentinel_is_replaced_and_does_its_work(run):
    running = run({"sleeper": SLEEPER}, stop_within_s=0.5)
    family = running.pids(*FAMILY)
    first = sentinel_of(running)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not is_alive(first))
    time.sleep(1)
    assert sentinel_of(running) != first
    running.process.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in family))


def test_sigint_ignored_from_birth_still_stops(tmp_path):
    """A script that starts us in the background lets us inherit an ignored SIGINT."""
    spec = {
        "patience": {"poll_s": 0.02, "stop_within_s": 1.0},
        "children": {"sleeper": SLEEPER},
        "logs": str(tmp_path),
    }
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", PROGRAM]
    process = subprocess.Popen([*command, json.dumps(spec)], cwd=ROOT, start_new_session=True)
    wait_until((tmp_path / "child.pid").is_file)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 0


def test_killed_database_is_started_again_with_everything_committed(tmp_path):
    code = """
import sys
from pathlib import Path
from webapp import supervisor
with supervisor.Supervisor() as watcher:
    supervisor.start_database(watcher, Path(sys.argv[1]))
    print("ready", flush=True)
    watcher.watch()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        url = embedded.database_url(tmp_path)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        pid = int((tmp_path / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid))
        wait_until(lambda: embedded.answers(url))
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        data = embedded.data_folder(tmp_path)
        wait_until(lambda: not cluster.servers_in(data))
        log = (tmp_path / "log" / "postgres.log").read_text()
        assert "database system is shut down" in log
    finally:
        process.kill()
        process.communicate()


def test_failed_step_says_its_last_words(tmp_path):
    step = children.Child("migrate", [sys.executable, "-c", CRASHER, str(tmp_path)], tmp_path / "l")
    with (
        pytest.raises(cluster.CannotStart, match=r"migrate failed: out of tea See .*/l\."),
        supervisor.Supervisor() as watcher,
    ):
        watcher.complete(step)


def test_long_log_is_moved_aside_and_its_writer_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(children, "LOG_LIMIT_BYTES", 10)
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"twelve bytes")
        children.bound(log)
        writer.write(b"more")
    assert log.read_bytes() == b"more"
    assert (tmp_path / "web.log.1").read_bytes() == b"twelve bytes"


def test_sentinel_ends_nobody_else(tmp_path):
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    sentinel.end({}, within_s=0)
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def start_on(port: str, var: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PORT": port, "VAR_DIR": str(var)}
    return subprocess.run(
        [sys.executable, "-m", "webapp.supervisor"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_port_in_use_is_one_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = start_on(str(port), tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"Port {port} cannot be used (Address already in use): stop what uses it, or choose "
        f"another, as in PORT={port + 1} make run.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("port", ["http", "0", "-1", "65536", "9" * 40])
def test_port_that_is_none_is_one_sentence(tmp_path, port):
    ended = start_on(port, tmp_path)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert port in ended.stderr


def test_second_supervisor_on_one_folder_is_one_sentence(tmp_path):
    with embedded.lock(tmp_path):
        ended = start_on("18123", tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"{tmp_path} is in use by process {os.getpid()}: "
        f"stop that one first, or set VAR_DIR to another folder.\n"
    )


def test_database_url_that_nobody_answers_is_one_sentence(monkeypatch):
    monkeypatch.setattr(supervisor, "DATABASE_WITHIN_S", 0)
    with pytest.raises(cluster.CannotStart, match="start it, or correct DATABASE_URL"):
        supervisor.check_configured_database("postgresql://nobody@127.0.0.1:1/nothing")


OPTIONAL = """
import json, sys
from pathlib import Path
from webapp import children, supervisor
logs = Path(sys.argv[1])
patience = children.Patience(
    optional_delay_s=0.05, optional_most_s=0.2, poll_s=0.02, stop_within_s=1.0
)
with supervisor.Supervisor(patience) as watcher:
    for name in ("failing", "sleeping"):
        code = (logs / (name + ".py")).read_text()
        log = logs / (name + ".log")
        watcher.start(
            children.Child(name, [sys.executable, "-c", code, str(logs)], log, is_optional=True)
        )
    watcher.watch()
"""


def test_an_optional_child_may_fail_for_ever_and_a_good_one_is_ended(tmp_path):
    (tmp_path / "failing.py").write_text(CRASHER)
    (tmp_path / "sleeping.py").write_text(SLEEPER)
    process = subprocess.Popen(
        [sys.executable, "-c", OPTIONAL, str(tmp_path)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    starts = tmp_path / "starts"
    wait_until(lambda: starts.is_file() and len(starts.read_text().splitlines()) >= 8)
    pids = [tmp_path / f"{name}.pid" for name in FAMILY]
    wait_until(lambda: all(path.is_file() and path.read_text() for path in pids))

    assert process.poll() is None  # eight failures did not stop it
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=10)

    assert said.count("failing ended with code 3; the site goes on without it") == 1
    wait_until(lambda: not any(is_alive(int(path.read_text())) for path in pids))


def test_the_trainer_is_polite_optional_and_can_be_switched_off(tmp_path):
    child = supervisor.trainer_child(tmp_path, tmp_path / "runs")

    assert child.is_optional
    assert "nice" in child.command
    assert child.command[-2:] == ["trainer", f"RUNS={tmp_path / 'runs'}"]
    assert os.environ["TRAINER"] == "false"  # no test installs PyTorch beside the site
