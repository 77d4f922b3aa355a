"""What a page says about the galaxy on it, signed: the reason it was shown is never lost.

The page carries it to the browser and back, so an answer can arrive weeks later, after the handout
has been forgotten, and still say why this galaxy was shown.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from django.core import signing

from webapp.classifications.models import Handout
from webapp.common.errors import DomainError

SALT = "webapp.classifications.shown"
NOT_OURS = (
    "This page was not made by this site, or was changed on its way: "
    "the answer was not stored. Reload the page and answer again."
)


class NotOurs(DomainError):
    """The signature is not this site's."""


@dataclass(frozen=True)
class Shown:
    """A galaxy as it was handed out."""

    handout: uuid.UUID
    holder: uuid.UUID
    workflow_id: int
    subject_id: int
    tree_id: int
    stream: str
    score: float | None
    shown_at: datetime

    @classmethod
    def of(cls, handout: Handout) -> "Shown":
        """Return what a handout says."""
        return cls(
            handout=handout.uuid,
            holder=handout.holder,
            workflow_id=handout.workflow_id,
            subject_id=handout.subject_id,
            tree_id=handout.tree_id,
            stream=handout.stream,
            score=handout.score,
            shown_at=handout.shown_at,
        )

    def sign(self) -> str:
        """Return it as text that only this site can make."""
        parts = [
            self.handout.hex,
            self.holder.hex,
            self.workflow_id,
            self.subject_id,
            self.tree_id,
            self.stream,
            self.score,
            self.shown_at.timestamp(),
        ]
        return signing.dumps(parts, salt=SALT)

    @classmethod
    def read(cls, text: str) -> "Shown":
        """Return what a signed text says.

        Raises:
            NotOurs: the text was not made here, or was changed.
        """
        try:
            handout, holder, workflow, subject, tree, stream, score, shown_at = signing.loads(
                text, salt=SALT
            )
        except (signing.BadSignature, ValueError, UnicodeError):
            raise NotOurs(NOT_OURS) from None
        return cls(
            uuid.UUID(handout),
            uuid.UUID(holder),
            workflow,
            subject,
            tree,
            stream,
            score,
            datetime.fromtimestamp(shown_at, tz=UTC),
        )
