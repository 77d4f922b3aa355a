"""docker-compose.yml says what a server needs, and its processes work together."""

import contextlib
import re
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.bench.volunteers import FIELD, Volunteer
from tests.deployment.composed import ROOT, Machine, dockerfile, order, read
from tests.faults.brokers import control_rabbitmq, open_virtual_host
from tests.webapp.test_brokers import listens
from webapp import embedded

HOST = "galaxies.example.org"
GIVEN = {"SITE_HOST": HOST, "EMAIL_HOST": "mail.example.org", "WORKER_PROCESSES": "1"}
SITE = ["web", "worker", "scorer", "beat"]  # and backup, which comes last
BROKERS = {
    "redis": (6379, "redis://127.0.0.1:6379/12"),
    "rabbitmq": (5672, "amqp://guest:guest@127.0.0.1:5672/tuning-fork-composed"),
}


@pytest.fixture(scope="module")
def services():
    return read(GIVEN)["services"]


def test_it_is_what_the_compose_specification_says():
    check = [str(Path(sys.executable).parent / "check-jsonschema")]
    check += ["--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")]
    found = subprocess.run(check, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_without_the_names_of_site_and_mail_server_nothing_starts():
    for name in ("SITE_HOST", "EMAIL_HOST"):
        with pytest.raises(KeyError, match=name):
            read({key: value for key, value in GIVEN.items() if key != name})


def test_every_service_has_limits_and_says_whether_it_lives(services):
    for name, service in services.items():
        assert service["healthcheck"], name
        assert name == "migrate" or service["deploy"]["resources"]["limits"]["memory"], name
        assert "privileged" not in service, name
        if name != "postgres":  # its image begins as root, and gives that up
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name


def test_only_the_proxy_is_reached_from_outside(services):
    open_to_all = {
        name
        for name, service in services.items()
        for port in service.get("ports", [])
        if not port.startswith("127.0.0.1:")
    }
    assert open_to_all == {"proxy"}


def test_secrets_are_files_that_the_script_makes(tmp_path):
    subprocess.run([ROOT / "deploy" / "make-secrets"], cwd=tmp_path, check=True)
    composed = read(GIVEN)
    assert {f"./secrets/{path.name}" for path in (tmp_path / "secrets").iterdir()} == {
        secret["file"] for secret in composed["secrets"].values()
    }
    before = {path: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    subprocess.run([ROOT / "deploy" / "make-secrets"], cwd=tmp_path, check=True)
    assert {path: path.read_text() for path in before} == before
    for service in composed["services"].values():
        assert set(service.get("secrets", [])) <= set(composed["secrets"])


def test_the_environment_has_only_names_that_the_site_reads(services):
    documented = set(
        re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    )
    documented |= {f"{name}_FILE" for name in documented} | {"PROMETHEUS_MULTIPROC_DIR"}
    for name in ("migrate", *SITE, "backup", "scorer-gpu"):
        assert set(services[name]["environment"]) <= documented, name


def test_what_serves_passes_djangos_deployment_checks(services, tmp_path):
    subprocess.run([ROOT / "deploy" / "make-secrets"], cwd=tmp_path, check=True)
    machine = Machine(tmp_path, {})
    for name in SITE:
        command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
        found = subprocess.run(
            command, cwd=ROOT, env=machine.environment(name, services[name]),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert found.returncode == 0, found.stderr
        assert "no issues (0 silenced)" in found.stdout


def test_the_images_copy_what_is_there_and_run_as_nobody_special():
    instructions = dockerfile()
    copied = [words[:-1] for name, words in instructions if name == "COPY"]
    for source in (path for paths in copied for path in paths if not paths[0].startswith("--from")):
        assert (ROOT / source).exists(), source
    targets = {words[-1] for name, words in instructions if name == "FROM"}
    assert {"web", "gpu", "trainer"} <= targets
    assert [words for name, words in instructions if name == "USER"] == [["site"], ["site"]]
    built = {service["build"]["target"] for service in read(GIVEN)["services"].values()
             if "build" in service}  # fmt: skip
    assert built == {"web", "gpu", "trainer"}


def stages() -> dict[str, list[tuple[str, list[str]]]]:
    """Return each stage's own instructions, FROM first."""
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for name, words in dockerfile():
        if name == "FROM":
            here = found[words[-1]] = []
        here.append((name, words))
    return found


def whole(name: str) -> list[tuple[str, list[str]]]:
    """Return all instructions that make a stage, those of the stages under it first."""
    own = stages()[name]
    under = own[0][1][0]
    return [*(whole(under) if under in stages() else []), *own]


@pytest.mark.parametrize("target", ["web", "gpu", "trainer"])
def test_an_image_runs_as_nobody_special_says_whether_it_lives_and_installs_nothing(target):
    made = whole(target)
    assert [words for name, words in made if name == "USER"][-1] == ["site"]
    assert "HEALTHCHECK" in {name for name, _ in made}
    said = " ".join(" ".join(words) for name, words in made if name == "RUN")
    for tool in ("pip", "apt", "gcc", "make ", "curl"):
        assert tool not in said, tool
    copied = [words for name, words in made if name == "COPY"]
    assert any("--from" in words[0] and words[-1] == "/opt/venv" for words in copied)


def test_the_site_s_image_has_every_folder_that_the_settings_read():
    text = (ROOT / "webapp" / "settings.py").read_text()
    read_there = set(re.findall(r'BASE_DIR / "(\w+)"', text)) - {"var"}
    copied = {words[0].split("/")[0] for name, words in whole("web") if name == "COPY"}
    assert "locale" in read_there
    assert read_there <= copied


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """A server on TCP, as the database's image makes it; returns its port."""
    port = free_port()
    server = embedded.start(tmp_path / "postgres", port=port, password="its own")
    subprocess.run([ROOT / "deploy" / "make-secrets"], cwd=tmp_path, check=True)
    secrets = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    with psycopg.connect(server.url, autocommit=True) as connection:
        owner = sql.SQL("CREATE ROLE owner SUPERUSER LOGIN PASSWORD {}")
        connection.execute(owner.format(sql.Literal(secrets["owner_password"])))
    for name in ("owner_url", "database_url"):
        here = secrets[name].replace("postgres:5432", f"127.0.0.1:{port}")
        (tmp_path / "secrets" / name).chmod(0o600)
        (tmp_path / "secrets" / name).write_text(here)
    script = (ROOT / "deploy" / "postgres-roles.sh").read_text()
    (statements,) = re.findall(r"<<'SQL'\n(.*)SQL\n", script, re.DOTALL)
    password = sql.Literal(secrets["site_password"]).as_string()
    owners = (tmp_path / "secrets" / "owner_url").read_text()
    with psycopg.connect(owners, autocommit=True) as connection:
        for statement in statements.replace(":'password'", password).split(";"):
            if statement.strip():
                connection.execute(statement)
    yield owners
    server.stop()


@pytest.fixture(params=sorted(BROKERS))
def broker(request) -> Iterator[str]:
    """The address of a broker of this machine, empty before and after."""
    port, url = BROKERS[request.param]
    if not listens(port):
        pytest.skip(f"No {request.param} answers on 127.0.0.1:{port}.")
    if request.param == "redis":
        import redis  # noqa: PLC0415 - not every machine runs this test

        with redis.Redis.from_url(url) as client:
            client.flushdb()
            yield url
            client.flushdb()
        return
    if shutil.which("rabbitmqctl") is None:
        pytest.skip("rabbitmqctl is not here.")
    vhost = url.rpartition("/")[2]
    yield open_virtual_host(vhost)
    control_rabbitmq("delete_vhost", vhost)


class Mail(socketserver.StreamRequestHandler):
    """As much of a mail server as somebody needs who looks whether it is there."""

    def handle(self):
        """Greet, agree to everything, and say goodbye."""
        self.wfile.write(b"220 ready\r\n")
        for line in self.rfile:
            is_last = line.upper().startswith(b"QUIT")
            self.wfile.write(b"221 bye\r\n" if is_last else b"250 fine\r\n")
            if is_last:
                return


@pytest.fixture
def mail() -> Iterator[dict[str, str]]:
    """The settings of a mail server that answers."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        host, port = server.server_address[:2]
        yield {"EMAIL_HOST": str(host), "EMAIL_PORT": str(port), "EMAIL_USE_TLS": "false"}
        server.shutdown()
        thread.join()


class Visitor(Volunteer):
    """Somebody whose requests come through the proxy."""

    def request(self, method, place, body=None, **headers):
        """Send a request as the proxy passes it on."""
        passed = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
        return super().request(method, place, body, **passed, **headers)

    def close(self):
        """Hang up."""
        self.connection.close()


@pytest.mark.services
@pytest.mark.processes
@pytest.mark.xdist_group("composed")
def test_its_processes_serve_a_campaign_together(tmp_path, database, broker, mail):
    port, services = free_port(), read(GIVEN | mail)["services"]
    machine = Machine(
        tmp_path,
        {"redis://redis:6379/0": broker, "0.0.0.0:8000": f"127.0.0.1:{port}",
         "127.0.0.1:8000": f"127.0.0.1:{port}"},
    )  # fmt: skip
    started = [name for name in order(services, SITE) if name not in ("postgres", "redis")]
    assert started[0] == "migrate"
    try:
        machine.run("migrate", services["migrate"])
        for name in started[1:]:
            machine.start(name, services[name])
        command = ["python", "manage.py", "load_demo"]
        machine.run("demo", services["worker"] | {"command": command})
        wait_for_predictions(database)
        vote(port, database)
        with contextlib.closing(Visitor(port, "", [])) as monitor:
            status, content, _ = monitor.request("GET", "/readyz")
        assert status == 200, content
        assert_backups_work(tmp_path, machine, services["backup"], database)
    finally:
        machine.stop()
    assert '"level": "INFO"' in machine.log("worker")


def assert_backups_work(folder: Path, machine: Machine, service, database: str) -> None:
    """The service that makes backups lives; it makes one, encrypted, and restores it to try."""
    machine.start("backup", service)
    manage = ["python", "manage.py"]
    machine.run("key", service | {"command": [*manage, "backup", "--new-key", "-"]})
    (folder / "backup_key").write_text(machine.log("key"))
    (folder / "backup_key").replace(folder / "secrets" / "backup_key")
    machine.run("made", service | {"command": [*manage, "backup"]})
    machine.run("tried", service | {"command": [*manage, "verify_backup"]})
    with psycopg.connect(database) as connection:
        (words,) = connection.execute("SELECT words FROM backups_drill WHERE is_good").fetchone()
        kinds = connection.execute("SELECT kind FROM common_process").fetchall()
    assert "1 campaigns counted again" in words
    assert ("backup",) in kinds
    assert list((folder / "backups").glob("20*/database.dump.age"))


def wait_for_predictions(database: str) -> None:
    """The demo's galaxies are admitted by a worker and looked at by the scorer."""
    deadline = time.monotonic() + 120
    with psycopg.connect(database, autocommit=True) as connection:
        while not connection.execute("SELECT count(*) FROM predictions_prediction").fetchone()[0]:
            assert time.monotonic() < deadline
            time.sleep(0.3)


def vote(port: int, database: str) -> None:
    """Classify a galaxy as a visitor, and find the answer in the database."""
    with psycopg.connect(database) as connection:
        (slug,) = connection.execute("SELECT slug FROM workflows_workflow").fetchone()
    with contextlib.closing(Visitor(port, slug, [])) as visitor:
        uuid = classified(visitor)
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT uuid::text FROM classifications_classification")
        assert rows.fetchall() == [(uuid,)]


def classified(visitor: Visitor) -> str:
    """Answer the galaxy that is shown; return the id of the answer."""
    html = visitor.open_page()
    found = {name: pattern.search(html)[1] for name, pattern in FIELD.items()}
    headers = {
        "X-CSRFToken": found["csrfmiddlewaretoken"],
        "Referer": f"https://{HOST}/",
        "HX-Request": "true",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    body = urllib.parse.urlencode({"uuid": found["uuid"], "shown": found["shown"], "path": "2"})
    place = f"/c/{visitor.slug}/submit/"
    status, _, _ = visitor.request("POST", place, body, **headers)
    assert status == 200
    assert all(name.startswith("__Host-") for name in visitor.cookies)
    return str(found["uuid"])
