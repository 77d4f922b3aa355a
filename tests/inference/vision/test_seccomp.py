"""What the kernel refuses a sealed process: each is tried, before and after."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(
        platform.system() != "Linux" or platform.machine() not in ("x86_64", "aarch64"),
        reason="seccomp is Linux's, and the numbers of its calls are known for two machines",
    ),
]

PROGRAM = """
import ctypes, errno, json, os, socket, subprocess
from inference.vision.confinement import confine
from inference.vision.seccomp import seal

def outcome(attempt):
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"

def fork():
    process_id = os.fork()
    if process_id == 0:
        os._exit(0)
    os.waitpid(process_id, 0)

def raw(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(*map(ctypes.c_long, (number, *arguments))) < 0:
        raise OSError(ctypes.get_errno(), "raw")

attempts = {
    "socket": lambda: socket.socket().close(),
    "local socket": lambda: socket.socketpair(),
    "fork": fork,
    "program": lambda: subprocess.run(["true"], check=True),
    "signal to its parent": lambda: os.kill(os.getppid(), 0),
    "signal to a thread": lambda: raw(TGKILL, os.getppid(), os.getppid(), 0),
    "new file": lambda: open("new", "w").close(),
    "old file": lambda: open("old", "r+").close(),
    "permissions": lambda: os.chmod("old", 0o600),
    "new folder": lambda: os.mkdir("folder"),
    "link": lambda: os.symlink("old", "link"),
    "new name": lambda: os.rename("old", "older"),
    "no file": lambda: os.unlink("older" if os.path.exists("older") else "old"),
    "reading": lambda: open(os.__file__).close(),
}
TGKILL = {"x86_64": 234, "aarch64": 131}[os.uname().machine]

def outcomes(folder):
    os.chdir(folder)
    return {name: outcome(attempt) for name, attempt in attempts.items()}

before = outcomes("before")
os.chdir("..")
confine(memory_mb=2000, parent_id=os.getppid())
print(json.dumps([before, seal(), outcomes("after")]), flush=True)
os.abort()
"""


def test_a_sealed_process_can_read_and_compute_and_nothing_else(tmp_path):
    for folder in ("before", "after"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "old").touch()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert done.stdout, done.stderr
    before, is_sealed, after = json.loads(done.stdout)
    assert set(before.values()) == {"done"}
    assert is_sealed is True
    assert after.pop("reading") == "done"
    assert {name: code for name, code in after.items() if code != "EPERM"} == {}
    assert [path.name for path in (tmp_path / "after").iterdir()] == ["old"]
    assert done.returncode < 0  # it can still end itself
