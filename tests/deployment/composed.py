"""docker-compose.yml without a container engine: its processes run on this machine, in its order.

What a container would bring is put in its place by name: volumes and secrets are folders of the
test, the hosts `postgres` and `redis` are servers that listen on 127.0.0.1.
"""

import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
WITHIN_S = 120.0


def read(settings: dict[str, str]) -> dict[str, Any]:
    """Return the file with its variables set, as `docker compose config` would."""

    def value(match: re.Match[str]) -> str:
        name, kind, words = match.groups()
        if name in settings:
            return settings[name]
        if kind == "-":
            return words
        raise KeyError(f"{name}: {words}")

    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    composed: dict[str, Any] = YAML(typ="safe").load(VARIABLE.sub(value, text))
    return composed


def order(services: dict[str, Any], wanted: list[str]) -> list[str]:
    """Return services in an order in which each comes after those it depends on."""
    found: list[str] = []
    for name in wanted:
        needed = [*services[name].get("depends_on", {})]
        for one in [*order(services, needed), name]:
            if one not in found:
                found.append(one)
    return found


@dataclass
class Machine:
    """Where the services run: a folder, and what stands for the names of a network."""

    folder: Path
    replaced: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def here(self, service: str, text: str) -> str:
        """Return a text of the file with this machine's places."""
        places = {
            "/tmp/": f"{self.folder / service}/",  # first: the others may lead there
            "/run/secrets": str(self.folder / "secrets"),
            "/var/lib/tuning-fork": str(self.folder / "site"),
            "/var/lib/backups": str(self.folder / "backups"),
        }
        for old, new in (places | self.replaced).items():
            text = text.replace(old, new)
        return text

    def environment(self, name: str, service: dict[str, Any]) -> dict[str, str]:
        """Return all that the process of a service sees."""
        given = {
            key: self.here(name, str(value))
            for key, value in service["environment"].items()
            if value is not None  # Compose leaves out what has no value
        }
        return {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **given}

    def run(self, name: str, service: dict[str, Any]) -> None:
        """Run a service that ends by itself."""
        self._start(name, service).wait(WITHIN_S)
        assert self.processes.pop(name).returncode == 0, self.log(name)

    def start(self, name: str, service: dict[str, Any]) -> None:
        """Start a service, and wait until its health check says that it lives."""
        process, check = self._start(name, service), service["healthcheck"]["test"]
        assert check[0] == "CMD"
        probe = [self.here(name, part) for part in check[1:]]
        deadline = time.monotonic() + WITHIN_S
        while subprocess.run(
            probe, cwd=ROOT, env=self.environment(name, service), capture_output=True, check=False
        ).returncode:
            assert process.poll() is None, self.log(name)
            assert time.monotonic() < deadline, self.log(name)
            time.sleep(0.2)

    def _start(self, name: str, service: dict[str, Any]) -> subprocess.Popen[bytes]:
        (self.folder / name).mkdir()
        command = [self.here(name, part) for part in service["command"]]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=self.environment(name, service), stdout=log, stderr=log
            )
        return self.processes[name]

    def log(self, name: str) -> str:
        """Return what a service has said."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    def stop(self) -> None:
        """End all services, the last first."""
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            process.wait(45)


def dockerfile() -> list[tuple[str, list[str]]]:
    """Return the instructions of the Dockerfile, each with its words."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found = [line.split(maxsplit=1) for line in lines]
    return [(name, words.split() if "[" in words else shlex.split(words)) for name, words in found]
