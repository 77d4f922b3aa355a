"""The embedded PostgreSQL and broker: real servers in temporary folders."""

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from webapp import cluster, embedded
from webapp.cluster import CannotStart

pytestmark = pytest.mark.processes
ROOT = Path(__file__).resolve().parents[2]
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def data(tmp_path):
    """Return a data folder's path, and leave no server and no socket folder behind."""
    data = tmp_path / "postgres"
    yield data
    if data.exists():
        for pid in cluster.servers_in(data):
            cluster.signal_process(pid, signal.SIGKILL)
    for uid in {os.geteuid(), pwd.getpwnam("nobody").pw_uid}:
        shutil.rmtree(cluster.socket_folder(data, uid), ignore_errors=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One running server for the tests that only ask."""
    server = embedded.start(tmp_path_factory.mktemp("shared") / "postgres")
    yield server
    server.stop()
    shutil.rmtree(server.cluster.socket_dir, ignore_errors=True)


@pytest.fixture
def forced_nobody(tmp_path, monkeypatch):
    """Let this machine be one that forbids user namespaces, with nobody's home elsewhere."""
    if not IS_ROOT:
        pytest.skip("only root can become nobody")
    home = Path(f"/tmp/tuning-fork-test-{os.getpid()}")
    monkeypatch.setattr(cluster, "namespaces_work", lambda: False)
    monkeypatch.setattr(cluster, "NOBODY_HOME", home)
    yield home
    shutil.rmtree(home, ignore_errors=True)


def modes(path: Path) -> dict[Path, tuple[int, int, int]]:
    """Return mode and owners of a folder and all above it, and of the machine's user list."""
    watched = [path, *path.parents, Path(sys.prefix), *Path(sys.prefix).parents]
    watched += [Path("/etc/passwd"), Path("/var/lib")]
    found = {each: each.stat() for each in watched}
    return {each: (s.st_mode, s.st_uid, s.st_gid) for each, s in found.items()}


def ask(url: str, question: str):
    with psycopg.connect(url) as connection:
        (answer,) = connection.execute(question).fetchone() or (None,)
        return answer


def test_server_is_18_with_pgvector_08_in_utf8_without_icu(server):
    assert ask(server.url, "SELECT current_setting('server_version_num')::int / 10000") == 18
    version = "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
    assert ask(server.url, version).startswith("0.8")
    encoding = "SELECT concat(datlocprovider, pg_encoding_to_char(encoding), datlocale)"
    assert ask(server.url, f"{encoding} FROM pg_database WHERE datname = current_database()") == (
        "bUTF8C.UTF-8"
    )


def test_server_is_reached_through_its_private_socket_only(server):
    assert ask(server.url, "SELECT current_setting('listen_addresses')") == ""
    folder = server.cluster.socket_dir
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(str(folder / ".s.PGSQL.65535")) < 107


def test_server_keeps_time_in_utc(server):
    assert ask(server.url, "SELECT current_setting('timezone')") == "UTC"


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_edited_configuration_cannot_weaken_durability(data, name):
    embedded.start(data).stop()
    with (data / "postgresql.conf").open("a") as file:
        file.write(f"{name} = off\n")
    server = embedded.start(data)
    with psycopg.connect(server.url) as connection:
        embedded.check_durability(connection)
    server.stop()


def test_connection_that_could_lose_answers_is_refused(server):
    with psycopg.connect(server.url) as connection:
        connection.execute("SET synchronous_commit = off")
        with pytest.raises(
            CannotStart, match=r"synchronous_commit=off .* set synchronous_commit=on"
        ):
            embedded.check_durability(connection)


def test_unsafe_server_is_refused_with_every_setting_named(data):
    place = cluster.locate(data)
    cluster.prepare(place)
    command = [*place.command, "-c", "fsync=off", "-c", "full_page_writes=off"]
    process = subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL, **place.identity)
    try:
        embedded.wait_until_ready(place.url, lambda: process.poll() is None, data)
        with (
            psycopg.connect(place.url) as connection,
            pytest.raises(CannotStart, match="fsync=off and full_page_writes=off"),
        ):
            embedded.check_durability(connection)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def test_committed_rows_outlive_a_kill(data):
    server = embedded.start(data)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    server.kill()
    server = embedded.start(data)
    assert ask(server.url, "SELECT answer FROM kept") == 42
    server.stop()


def test_stale_pid_file_with_a_number_in_use_does_not_hinder(data):
    server = embedded.start(data)
    pid_file = data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop()
    bystander = subprocess.Popen(["sleep", "60"])
    pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
    server = embedded.start(data)
    assert ask(server.url, "SELECT 1") == 1
    server.stop()
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


@pytest.mark.parametrize("content", ["", "no number\n", "\x00\x00"])
def test_half_written_pid_file_does_not_hinder(data, content):
    embedded.start(data).stop()
    (data / "postmaster.pid").write_text(content)
    server = embedded.start(data)
    server.stop()


def test_server_that_a_killed_process_left_is_ended_in_order(data):
    left = embedded.start(data)
    server = embedded.start(data)
    assert left.process.wait(timeout=5) == 0
    left.sentinel.dismiss()
    assert ask(server.url, "SELECT 1") == 1
    server.stop()


def test_killed_initdb_leaves_nothing_that_is_trusted(data):
    place = cluster.locate(data)
    half = data.with_name("postgres.unfinished")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    cluster.prepare(place)
    assert not half.exists()
    assert (data / "global" / "pg_control").is_file()


def test_initdb_that_fails_leaves_no_data_folder(data, tmp_path):
    place = cluster.locate(data)
    broken = cluster.Cluster(data, tmp_path / "bin", place.socket_dir, place.uid, place.gid)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "initdb").write_text("#!/bin/sh\necho out of space >&2\nexit 1\n")
    (tmp_path / "bin" / "initdb").chmod(0o755)
    with pytest.raises(CannotStart, match=r"cannot make .*: out of space"):
        cluster.prepare(broken)
    assert not data.exists()


@pytest.mark.parametrize("version", ["19", "17"])
def test_data_of_another_version_is_one_sentence_and_stays_as_it_is(data, version):
    data.mkdir()
    (data / "PG_VERSION").write_text(f"{version}\n")
    with pytest.raises(
        CannotStart, match=f"made by PostgreSQL {version}, and this checkout runs 18"
    ):
        embedded.start(data)
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_folder_that_is_no_database_is_refused(data):
    data.mkdir()
    (data / "thesis.tex").write_text("years of work")
    with pytest.raises(CannotStart, match="made by PostgreSQL nobody known"):
        embedded.start(data)
    assert (data / "thesis.tex").read_text() == "years of work"


def test_machine_without_the_wheel_is_told_to_set_database_url(data, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CannotStart, match=r"for this machine \(Linux .*\): set DATABASE_URL"):
        embedded.start(data)
    assert not data.exists()


def test_server_that_cannot_run_says_its_last_words(data):
    embedded.start(data).stop()
    (data / "global" / "pg_control").unlink()
    with pytest.raises(CannotStart, match=r"did not start: .*pg_control"):
        embedded.start(data)


@pytest.mark.parametrize("trap", ["link", "open", "file"])
def test_socket_folder_that_somebody_prepared_is_refused(data, tmp_path, trap):
    place = cluster.locate(data)
    if trap == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.socket_dir.symlink_to(tmp_path / "elsewhere")
    elif trap == "open":
        place.socket_dir.mkdir()
        place.socket_dir.chmod(0o777)
    else:
        place.socket_dir.touch()
    try:
        with pytest.raises(CannotStart, match="is not a private folder of user"):
            embedded.start(data)
    finally:
        place.socket_dir.unlink() if trap != "open" else place.socket_dir.rmdir()
    assert not data.exists()


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a folder away")
def test_socket_folder_of_a_stranger_is_refused(data):
    place = cluster.locate(data)
    place.socket_dir.mkdir(mode=0o700)
    os.chown(place.socket_dir, 4711, 4711)
    with pytest.raises(CannotStart, match="is not a private folder of user"):
        embedded.start(data)


def test_start_below_a_private_folder_changes_no_mode_and_no_owner(data):
    data.parent.chmod(0o700)
    before = modes(data.parent)
    users = Path("/etc/passwd").read_bytes()
    server = embedded.start(data)
    assert ask(server.url, "SELECT 1") == 1
    server.stop()
    assert modes(data.parent) == before
    assert Path("/etc/passwd").read_bytes() == users


def test_without_namespaces_nobody_runs_it_and_no_mode_changes(data, forced_nobody):
    data.parent.chmod(0o700)
    before = modes(data.parent)
    users = Path("/etc/passwd").read_bytes()
    server = embedded.start(data)
    assert ask(server.url, "SELECT 1") == 1
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    assert f"Uid:\t{pwd.getpwnam('nobody').pw_uid}\t" in status
    assert server.url == embedded.database_url(data.parent)
    server.kill()
    again = embedded.start(data)
    again.stop()
    assert modes(data.parent) == before
    assert Path("/etc/passwd").read_bytes() == users
    assert stat.S_IMODE((data.resolve()).stat().st_mode) == 0o700


def test_data_of_nobody_stays_nobodys_when_namespaces_come_back(data, forced_nobody, monkeypatch):
    embedded.start(data).stop()
    monkeypatch.setattr(cluster, "namespaces_work", lambda: True)
    server = embedded.start(data)
    assert server.cluster.uid == pwd.getpwnam("nobody").pw_uid
    server.stop()


def test_data_of_root_is_refused_when_namespaces_are_gone(data, forced_nobody):
    data.mkdir()
    (data / "PG_VERSION").write_text("18\n")
    with pytest.raises(CannotStart, match="no longer allows user namespaces"):
        embedded.start(data)


def test_tcp_server_wants_its_password(data):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = embedded.start(data, port=port, password="p@ss/w%rd")
    assert ask(server.url, "SELECT inet_server_port()") == port
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url.replace("p%40ss", "guess"))
    server.stop()


def test_database_url_starts_and_makes_nothing(tmp_path):
    url = embedded.database_url(tmp_path / "var")
    assert url.startswith("postgresql://tuningfork@/tuningfork?host=%2Ftmp%2F")
    assert not (tmp_path / "var").exists()


def test_one_folder_has_one_url_from_wherever_one_looks(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    urls = {embedded.database_url(Path(p)) for p in ("here", "link", tmp_path / "here")}
    assert len(urls) == 1


def test_command_by_hand_gets_a_server_and_takes_it_down_again(data):
    code = (
        "import sys; from pathlib import Path; from webapp import embedded\n"
        "var = Path(sys.argv[1]); embedded.ensure_running(var); embedded.ensure_running(var)\n"
        "assert embedded.answers(embedded.database_url(var))"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, str(data.parent)], cwd=ROOT, check=True)
        assert cluster.servers_in(data) == []


def test_command_killed_by_hand_leaves_no_server(data):
    code = (
        "import sys, time; from pathlib import Path; from webapp import embedded\n"
        "embedded.ensure_running(Path(sys.argv[1])); print('ready', flush=True); time.sleep(60)"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", code, str(data.parent)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert command.stdout is not None
    command.stdout.readline()
    assert cluster.servers_in(data)
    command.kill()
    command.communicate()
    deadline = time.monotonic() + 10
    while cluster.servers_in(data):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_command_by_hand_uses_the_server_that_runs(data):
    server = embedded.start(data)
    with embedded.lock(data.parent):
        embedded.ensure_running(data.parent)
    server.stop()


def test_folder_in_use_is_one_sentence(tmp_path):
    with (
        embedded.lock(tmp_path),
        pytest.raises(CannotStart, match=f"in use by process {os.getpid()}: stop that one first"),
        embedded.lock(tmp_path),
    ):
        pass


def test_lock_of_a_killed_process_is_free(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from webapp import embedded\n"
        "with embedded.lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    holder.kill()
    holder.communicate()
    with embedded.lock(tmp_path):
        pass


def test_secret_key_is_made_once_and_private(tmp_path):
    key = embedded.secret_key(tmp_path / "var")
    assert len(key) > 50
    assert embedded.secret_key(tmp_path / "var") == key
    assert stat.S_IMODE((tmp_path / "var" / "secret-key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["secret-key"]


def test_second_start_answers_within_two_seconds(data):
    embedded.start(data).stop()
    began = time.monotonic()
    server = embedded.start(data)
    elapsed_s = time.monotonic() - began
    server.stop()
    assert elapsed_s < 2
