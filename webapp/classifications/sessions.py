"""What the bar under the question says of a sitting, and the fact that thanks for an answer."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from webapp.accounts.identity import Identity
from webapp.classifications import favorites, history
from webapp.classifications.models import Handout, Standing
from webapp.classifications.queries import own_ids
from webapp.classifications.services import Recorded


@dataclass(frozen=True)
class Session:
    """A sitting: the galaxies since the last long pause.

    Attributes:
        n_saved: as the server has stored them.
        is_favorite: whether the galaxy on the page is one.
        fact: what the answer before did, or nothing.
    """

    n_saved: int
    is_favorite: bool
    fact: str = ""


def session_of(identity: Identity, handout: Handout, recorded: Recorded | None = None) -> Session:
    """Return a person's sitting as it stands, after an answer or on a page of its own."""
    own = list(recorded.own) if recorded else own_ids(identity)
    return Session(
        history.sitting(own),
        favorites.is_favorite(user=identity.user, subject_id=handout.subject_id),
        _fact(recorded, own) if recorded else "",
    )


def _fact(recorded: Recorded, own: list[int]) -> str:
    """Return a fact that is true of the answer just stored, the rarest first."""
    if recorded.state != Standing.State.COUNTED:
        return ""
    if history.is_first_to_look(classification_id=recorded.classification_id, own=own):
        return _("You are the first person here to look at that galaxy closely.")
    return ""
