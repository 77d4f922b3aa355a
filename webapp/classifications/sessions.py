"""What the bar under the question says of a sitting, and the fact that thanks for an answer."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from webapp.accounts.identity import Identity
from webapp.classifications import history
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


def session_of(
    identity: Identity, handout: Handout | None, recorded: Recorded | None = None
) -> Session:
    """Return a person's sitting as it stands, after an answer or on a page of its own.

    Args:
        handout: the galaxy on the page, None where only the answer before matters.
    """
    if recorded and recorded.is_first:  # nothing has to be looked up: the dearest vote stays cheap
        return Session(1, is_favorite=False)
    own = list(recorded.own) if recorded else own_ids(identity)
    found = history.sitting(
        own,
        user=identity.user,
        subject_id=handout.subject_id if handout else None,
        given=recorded.classification_id if recorded else None,
    )
    is_told = recorded and recorded.state == Standing.State.COUNTED and found.was_first
    fact = _("You are the first person here to look at that galaxy closely.") if is_told else ""
    return Session(found.n_saved, found.is_favorite, fact)
