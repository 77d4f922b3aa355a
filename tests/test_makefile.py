"""The first thing a stranger meets: what make says on a machine that lacks something."""

import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).resolve().parent.parent / "Makefile"
OLD = '#!/bin/sh\ncase "$*" in *version_info*) exit 1;; *--version*) echo Python 3.9.2;; esac\n'
WITHOUT_VENV = '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\n'
WORKING = """#!/bin/sh
case "$*" in
  *"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python;;
  *"pip --version"*) test -x .venv/bin/python;;
  *install*) echo "$*" >> installed;;
esac
"""


@pytest.fixture
def machine(tmp_path):
    """A folder with our Makefile and a PATH that holds nothing but a shell's tools."""
    (tmp_path / "bin").mkdir()
    for tool in ("make", "sh", "touch", "mkdir", "cp", "awk"):
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    shutil.copy(MAKEFILE, tmp_path)
    (tmp_path / "requirements").mkdir()
    for name in ("web", "dev"):
        (tmp_path / "requirements" / f"{name}.txt").touch()
    return tmp_path


def make(machine: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=machine,
        env={"PATH": str(machine / "bin")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def give(machine: Path, script: str, name: str = "python3") -> None:
    (machine / "bin" / name).write_text(script)
    (machine / "bin" / name).chmod(0o755)


def test_make_alone_lists_every_target(machine):
    listed = {line.split()[1] for line in make(machine).stdout.splitlines()}
    phony = {
        line.split()[1] for line in MAKEFILE.read_text().splitlines() if line.startswith(".PHONY")
    }
    assert listed == phony - {"help"}


def test_old_python_is_one_sentence(machine):
    give(machine, OLD)
    ended = make(machine, "run")
    assert ended.returncode != 0
    assert ended.stderr.startswith("Python 3.11 or newer is needed and Python 3.9.2 was found:")
    assert not (machine / ".venv").exists()


def test_no_python_is_one_sentence(machine):
    ended = make(machine, "run")
    assert ended.returncode != 0
    assert "no python3 was found: install one" in ended.stderr


def test_newer_python_beside_an_old_one_is_taken(machine):
    give(machine, OLD)
    give(machine, WORKING, "python3.12")
    assert make(machine, ".venv/.web").returncode == 0


def test_missing_venv_module_is_one_sentence(machine):
    give(machine, WITHOUT_VENV)
    ended = make(machine, "run")
    assert ended.returncode != 0
    assert "apt install python3-venv" in ended.stderr
    assert not (machine / ".venv").exists()


def test_unchanged_lock_installs_nothing_again(machine):
    give(machine, WORKING)
    for _ in range(2):
        assert make(machine, ".venv/.web").returncode == 0
    (installed,) = (machine / "installed").read_text().splitlines()
    assert "--require-hashes -r requirements/web.txt" in installed


def test_failed_installation_is_done_again(machine):
    give(machine, WORKING + "case $* in *install*) exit 1;; esac\n")
    assert make(machine, ".venv/.web").returncode != 0
    assert not (machine / ".venv" / ".web").exists()
    give(machine, WORKING)
    (machine / ".venv" / "bin" / "python").write_text(WORKING)
    assert make(machine, ".venv/.web").returncode == 0
