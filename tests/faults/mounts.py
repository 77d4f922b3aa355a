"""Disks of a test's own: small ones, and folders that become read-only.

They are mounted where only this thread and what it starts sees them. That needs the right to mount,
which a container often has not; then the test is skipped and says so.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CLONE_NEWNS = 0x00020000
MB = 1_000_000


@contextlib.contextmanager
def own_mounts() -> Iterator[None]:
    """Let what is mounted meanwhile be seen by nobody else, and be gone afterwards."""
    library, here = ctypes.CDLL(None, use_errno=True), Path.cwd()
    with Path("/proc/thread-self/ns/mnt").open("rb") as before:
        if library.unshare(CLONE_NEWNS):
            pytest.skip(f"No mounts of one's own here: {os.strerror(ctypes.get_errno())}.")
        try:
            _mount("--make-rprivate", "/")
            yield
        finally:
            failed = library.setns(before.fileno(), CLONE_NEWNS)
            os.chdir(here)  # the other root is the same folder, but not for the kernel
            assert not failed, os.strerror(ctypes.get_errno())


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"Nothing can be mounted here: {done.stderr.strip()}")


@contextlib.contextmanager
def read_only(*folders: Path) -> Iterator[None]:
    """Let folders be on a disk that has become read-only; to be used within `own_mounts`."""
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        _mount("--bind", str(folder), str(folder))
        _mount("-o", "remount,bind,ro", str(folder))
    try:
        yield
    finally:
        for folder in folders:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def small_disk(folder: Path, free_mb: int) -> Iterator[Path]:
    """Let a folder be on a disk with so much free space; what is on it at the end stays.

    To be used within `own_mounts`, while nobody else uses the folder.
    """
    disk = folder.with_name(f"{folder.name}.small")
    disk.mkdir()
    n_bytes = sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
    _mount("-t", "tmpfs", "-o", f"size={n_bytes + free_mb * MB}", "tests", str(disk))
    copy(folder, disk)
    _mount("--bind", str(disk), str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        shutil.rmtree(folder)
        copy(disk, folder)
        subprocess.run(["umount", str(disk)], check=True)
        disk.rmdir()


def copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", "-T", str(source), str(target)], check=True)


def fill(folder: Path) -> Path:
    """Write a file until nothing more goes onto the disk of a folder; return it."""
    path = folder / "filler"
    for n_bytes in (65536, 512):  # what fits in large pieces, then the rest
        with contextlib.suppress(OSError), path.open("ab", buffering=0) as file:
            while file.write(bytes(n_bytes)):
                pass
    return path
