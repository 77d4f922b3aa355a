"""Python reads this first where PYTHONPATH leads here: no process reaches beyond its machine.

What libpq does itself is not seen; the databases of tests are reached by a Unix socket. A child
that is started isolated (-I) is not seen either: those decode pictures and models, and a system
call filter refuses them every socket (inference/vision/confinement.py).
"""

import os
import sys
from pathlib import Path
from typing import Any

SEEN = Path(os.environ["WATCHED"])


def _note(words: str) -> None:
    with SEEN.open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()} {words}\n")


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        address = arguments[:2]
    else:
        return
    is_local = isinstance(address, str | bytes) or address[0] in (None, "", "127.0.0.1", "::1")
    if not is_local:
        _note(f"asked {event} {address!r}")
        raise PermissionError(f"A test lets nothing be reached, and this is {address!r}.")


sys.addaudithook(_watch)
_note(f"started {' '.join(sys.orig_argv)}")
