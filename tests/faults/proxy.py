"""A relay between two programs that speak over a stream, which can hurt them as a network does.

It listens on a port of this machine or on a Unix socket, and passes every connection on to another.
"""

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

Address = tuple[str, int] | str  # host and port, or the path of a Unix socket
CHUNK = 65536
POLL_S = 0.05
RESET_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST, as a crashed host does


@dataclass
class Faults:
    """What is done to the connections; changed at any time, from any thread.

    Attributes:
        latency_s: what is sent to the server arrives so much later.
        is_silent: nothing arrives any more on either side, and nobody is told (half-open).
        reset_every: of so many answers one is cut after its first byte; the server has done by
            then what it was asked. 0 for none.
    """

    latency_s: float = 0.0
    is_silent: bool = False
    reset_every: int = 0


class Proxy:
    """The relay; its threads end with it."""

    def __init__(self, listens: Address, target: Address) -> None:
        self.faults, self.target = Faults(), target
        self.n_connections = self.n_answers = self.n_reset = 0
        self._n_cuts, self._lock = 0, threading.Lock()
        self._listener = _socket(listens)
        self._listener.bind(listens)
        self._listener.listen(512)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *error: object) -> None:
        self.faults.is_silent = False
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def cut(self) -> None:
        """Reset every connection that is open now."""
        self._n_cuts += 1

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.n_connections += 1
            thread = threading.Thread(target=self._serve, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        server, n_cuts = _socket(self.target), self._n_cuts
        try:
            with contextlib.suppress(OSError):
                server.connect(self.target)
                while self._n_cuts == n_cuts and self._pass_on(client, server):
                    pass
        finally:
            for each in (client, server):
                if each.family == socket.AF_INET:
                    with contextlib.suppress(OSError):
                        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
                each.close()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> bool:
        """Pass on what there is; False if one side has hung up, or is to be."""
        if self.faults.is_silent:
            time.sleep(POLL_S)
            return True
        ready, _, _ = select.select([client, server], [], [], POLL_S)
        for one in ready:
            some = one.recv(CHUNK)
            if not some:
                return False
            if one is client:
                time.sleep(self.faults.latency_s)
                server.sendall(some)
            elif self._is_to_be_reset():
                client.sendall(some[:1])
                return False
            else:
                client.sendall(some)
        return True

    def _is_to_be_reset(self) -> bool:
        with self._lock:
            self.n_answers += 1
            every = self.faults.reset_every
            is_due = bool(every) and self.n_answers % every == 0
            self.n_reset += is_due
        return is_due


def _socket(address: Address) -> socket.socket:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM)


@contextlib.contextmanager
def before_database(folder: Path) -> Iterator[Proxy]:
    """Stand between a site and the socket of its embedded server, which must be running.

    Connections that were there before do not come through it.
    """
    public, real = folder / ".s.PGSQL.5432", folder / ".s.PGSQL.5499"
    public.rename(real)
    try:
        with Proxy(str(public), str(real)) as proxy:
            public.chmod(0o777)
            yield proxy
    finally:
        public.unlink(missing_ok=True)
        real.rename(public)
