"""What a child gives up before it meets the first stranger's file, and how it then answers."""

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from inference.vision import wire

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_MAX_OPEN_FILES = 64


def answer_requests(
    answer: Callable[[dict[str, Any], list[bytes]], bytes], *, out_of_memory: bytes, cpu_s: float
) -> None:
    """Say that this process is ready, then answer each message on standard input until it ends.

    Args:
        answer: returns the reply to the fields and blobs of a message.
        out_of_memory: the reply where that needed too much memory.
        cpu_s: seconds of CPU that one answer may take.
    """
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not end up between the replies
    reply: bytes | None = wire.packed({"ready": True})
    while reply is not None:
        replies.write(reply)
        replies.flush()
        allow_cpu(cpu_s)
        try:
            request = wire.received(sys.stdin.buffer)
            reply = answer(*request) if request is not None else None
        except MemoryError:
            reply = out_of_memory


def confine(*, memory_mb: int, parent_id: int) -> None:
    """Limit this process for ever: memory, files, no new processes, no life after its parent.

    Limits that the system does not know are left out: they are a second line behind the checks.
    """
    _end_with_parent(parent_id)
    n_bytes = memory_mb * 1_000_000
    for limit, value in [
        (resource.RLIMIT_AS, n_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, _MAX_OPEN_FILES),
    ]:
        _lower(limit, value)
    # What outlives the CPU limit ends the process: no handler may catch this signal.
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)


def allow_cpu(seconds: float) -> None:
    """Let this process use so many more seconds of CPU before the kernel ends it."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 1, hard))


def _end_with_parent(parent_id: int) -> None:
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):  # not Linux: the end of its input ends the child instead
        return
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent_id:  # it died before the kernel was asked
        os._exit(1)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (value, value))
