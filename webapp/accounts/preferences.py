"""How somebody wants the classify page to behave: which key presses what, and what stays.

A user's choice is kept with the account, a visitor's in the session.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User

ANSWERS = 9  # answers that have a digit
SESSION_KEY = "preferences"

# The controls of the classify page, in the order of the list: data-key, words, usual key. A key is
# what the browser calls it (KeyboardEvent.key), so it follows the layout of the keyboard.
CONTROLS: list[tuple[str, Any, str]] = [
    ("answer-1", _("First answer"), "1"),
    ("answer-2", _("Second answer"), "2"),
    ("answer-3", _("Third answer"), "3"),
    ("answer-4", _("Fourth answer"), "4"),
    ("answer-5", _("Fifth answer"), "5"),
    ("answer-6", _("Sixth answer"), "6"),
    ("answer-7", _("Seventh answer"), "7"),
    ("answer-8", _("Eighth answer"), "8"),
    ("answer-9", _("Ninth answer"), "9"),
    ("next", _("Next question"), "Enter"),
    ("done", _("Done"), "Enter"),
    ("back", _("One question back"), "Backspace"),
    ("change", _("Change my last answer"), "u"),
    ("skip", _("Skip this galaxy"), "s"),
    ("report", _("Report a bad image"), "x"),
    ("favorite", _("Favorite"), "l"),
    ("help", _("Help with this question"), "h"),
    ("keys", _("This list of keys"), "?"),
    ("zoom-in", _("Zoom in"), "+"),
    ("zoom-out", _("Zoom out"), "-"),
    ("zoom-reset", _("No zoom"), "0"),
    ("pan-left", _("Move the view to the left"), "ArrowLeft"),
    ("pan-right", _("Move the view to the right"), "ArrowRight"),
    ("pan-up", _("Move the view up"), "ArrowUp"),
    ("pan-down", _("Move the view down"), "ArrowDown"),
    ("rotate-right", _("Turn to the right"), "r"),
    ("rotate-left", _("Turn to the left"), "R"),
    ("invert", _("Invert the colors"), "i"),
    ("band", _("Next band"), "b"),
    ("reset-view", _("Reset the view"), "v"),
    ("full-screen", _("Full screen"), "f"),
]
USUAL_KEYS = {name: key for name, _words, key in CONTROLS}
# Never on a page together, so that one key may press both.
TOGETHER = {frozenset({"next", "done"})}
# Keys with a name; Tab, Escape, Delete and the space bar keep what they do everywhere.
NAMED_KEYS = {
    "Enter": "⏎ Enter", "Backspace": "⌫ Backspace", "Insert": "Insert", "Home": "Home",
    "End": "End", "PageUp": "Page Up", "PageDown": "Page Down", "ArrowLeft": "←",
    "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓",
}  # fmt: skip


@dataclass(frozen=True)
class Preferences:
    """What a person has chosen.

    Attributes:
        shortcuts: whether single keys press anything.
        sticky_view: whether the light and band of the picture stay from galaxy to galaxy.
        keys: the key of each control; empty for none.
    """

    shortcuts: bool = True
    sticky_view: bool = True
    keys: Mapping[str, str] = field(default_factory=lambda: dict(USUAL_KEYS))

    @classmethod
    def read(cls, stored: Any) -> "Preferences":
        """Return what is stored; what is missing, or no longer known, is as usual."""
        known = stored if isinstance(stored, dict) else {}
        keys = known.get("keys", {})
        own = {name: keys[name] for name in USUAL_KEYS if isinstance(keys.get(name), str)}
        return cls(
            shortcuts=known.get("shortcuts") is not False,
            sticky_view=known.get("sticky_view") is not False,
            keys=USUAL_KEYS | own,
        )

    @property
    def as_json(self) -> dict[str, Any]:
        """What the scripts of the page read."""
        return {
            "shortcuts": self.shortcuts,
            "sticky_view": self.sticky_view,
            "keys": dict(self.keys),
        }

    @property
    def changed(self) -> dict[str, Any]:
        """What is stored: only the keys that are not the usual ones."""
        own = {name: key for name, key in self.keys.items() if key != USUAL_KEYS[name]}
        return self.as_json | {"keys": own}

    @property
    def shown_keys(self) -> dict[str, str]:
        """The keys as they are written beside their controls; none while they press nothing."""
        return {name: key_words(key) for name, key in self.keys.items() if key and self.shortcuts}

    @property
    def listed(self) -> list[tuple[str, str]]:
        """Each control in words, and its key."""
        return [(str(words), key_words(self.keys[name])) for name, words, _key in CONTROLS]


def key_words(key: str) -> str:
    """Return how a key is written on a page."""
    return NAMED_KEYS.get(key, key)


def preferences_of(request: HttpRequest) -> Preferences:
    """Return what this person has chosen: in the account, else in this browser's session."""
    own = request.user.preferences if isinstance(request.user, User) else {}
    return Preferences.read(own or request.session.get(SESSION_KEY))


def save_preferences(request: HttpRequest, chosen: Preferences) -> None:
    """Keep a choice: with the account, or for a visitor with the session."""
    if not isinstance(request.user, User):
        request.session[SESSION_KEY] = chosen.changed
        return
    request.user.preferences = chosen.changed
    request.user.save(update_fields=["preferences"])


def context(request: HttpRequest) -> dict[str, Any]:
    """Give templates the preferences, which are read only where they are named."""
    return {"preferences": lambda: preferences_of(request)}
