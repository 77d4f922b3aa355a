"""The place of the network that serves: another one is built beside it, proved, and swapped in."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inference.formats.card import Card
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
            other_tree: allow a network of another tree or another input.
            options: of `Session.open`.

        Raises:
            ModelRefused: it does not prove itself, or is about another tree; the old one stays.
            NoGpu: a GPU is required and cannot be used; the old one stays.
        """
        new = Session.open(path, **options)
        with self._lock:
            old = self._session
            if other_tree or is_alike(new.card, old.card):
                self._session = new
                self._users[new] = 0
                self._end_if_idle(old)
                return new
        new.close()
        raise ModelRefused(
            f"{path.name} is {_words(new.card)}, and {_words(old.card)} is served: start another "
            f"campaign with it, or swap it in where another tree is meant."
        )

    def _end_if_idle(self, session: Session) -> None:
        if session is not self._session and self._users.get(session) == 0:
            del self._users[session]
            session.close()


def is_alike(card: Card, other: Card) -> bool:
    """Say whether two networks take the same pictures and answer the same questions."""
    return (card.tree, card.input) == (other.tree, other.input)


def _words(card: Card) -> str:
    tree = card.tree
    return (
        f"about the tree {tree.key!r} ({tree.sha256[:12]}) at {card.input.size_px} px of the "
        f"central {card.input.crop:.0%}"
    )
