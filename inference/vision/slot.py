"""The place of the network that serves: another one is built beside it, proved, and swapped in."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inference.vision.model_file import ModelRefused
from inference.vision.session import Session


class Slot:
    """Holds the session in use; whoever uses one keeps it until they are done."""

    def __init__(self, session: Session) -> None:
        self._lock = threading.Lock()
        self._session = session
        self._users: dict[Session, int] = {session: 0}

    @contextmanager
    def current(self) -> Iterator[Session]:
        """Lend the session that serves now; a swap meanwhile does not touch it."""
        with self._lock:
            session = self._session
            self._users[session] += 1
        try:
            yield session
        finally:
            with self._lock:
                self._users[session] -= 1
                self._end_if_idle(session)

    def swap(self, path: Path, *, other_tree: bool = False, **options: Any) -> Session:
        """Load another model file beside the one that serves and let it serve from now on.

        Args:
            other_tree: allow a network of another tree or picture size.
            options: of `Session.open`.

        Raises:
            ModelRefused: it does not prove itself, or is about another tree; the old one stays.
        """
        new = Session.open(path, **options)
        with self._lock:
            old = self._session
            if not other_tree and (new.card.tree, new.card.input) != (
                old.card.tree,
                old.card.input,
            ):
                raise ModelRefused(
                    f"{path.name} is about the tree {new.card.tree.key!r} "
                    f"({new.card.tree.sha256[:12]}) at {new.card.input.size_px} px, and "
                    f"{old.card.tree.key!r} ({old.card.tree.sha256[:12]}) at "
                    f"{old.card.input.size_px} px is served: swap it in where that is meant."
                )
            self._session = new
            self._users[new] = 0
            self._end_if_idle(old)
        return new

    def _end_if_idle(self, session: Session) -> None:
        if session is not self._session and self._users.get(session) == 0:
            del self._users[session]
            session.close()
