"""What a page says about the galaxy on it, signed: the reason it was shown is never lost.

The page carries it to the browser and back, so an answer can arrive weeks later, after the handout
has been forgotten, and still say why this galaxy was shown. That reason itself is masked: a galaxy
that experts have answered must look like any other until it has been answered.
"""

import base64
import hashlib
import hmac
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.core import signing

from webapp.classifications.models import Handout
from webapp.common.errors import DomainError
from webapp.consensus.models import Stream

SALT = "webapp.classifications.shown"
NOT_OURS = (
    "This page was not made by this site, or was changed on its way: "
    "the answer was not stored. Reload the page and answer again."
)


_REASON_BYTES = hashlib.sha512().digest_size


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
    model_id: int | None = None
    supersedes: int | None = None  # the classification that is to be changed

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
            model_id=handout.model_id,
            supersedes=handout.supersedes,
        )

    def sign(self) -> str:
        """Return it as text that only this site can make."""
        parts = [
            self.handout.hex,
            self.holder.hex,
            self.workflow_id,
            self.subject_id,
            self.tree_id,
            _mask_reason(self.handout, self.stream, self.score, self.model_id),
            self.shown_at.timestamp(),
        ]
        if self.supersedes:
            parts.append(self.supersedes)
        return signing.dumps(parts, salt=SALT)

    @classmethod
    def read(cls, text: str) -> "Shown":
        """Return what a signed text says.

        Raises:
            NotOurs: the text was not made here, or was changed.
        """
        try:
            handout, holder, workflow, subject, tree, reason, shown_at, *changes = signing.loads(
                text, salt=SALT
            )
            stream, score, model_id = _reason(uuid.UUID(handout), reason)
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
            model_id,
            changes[0] if changes else None,
        )


def _mask_reason(handout: uuid.UUID, stream: str, score: float | None, model_id: int | None) -> str:
    """Return why it was shown as text of one length, in which nobody else can read."""
    words = f"{stream} {'' if score is None else repr(score)} {model_id or ''}"
    plain = words.ljust(_REASON_BYTES).encode()
    return base64.urlsafe_b64encode(_mixed(plain, handout, settings.SECRET_KEY)).decode()


def _reason(handout: uuid.UUID, masked: str) -> tuple[str, float | None, int | None]:
    """Return what `_mask_reason` hid; the page may be of a time before the key was changed.

    Pages of a time before there were models say nothing of one.
    """
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        plain = _mixed(base64.urlsafe_b64decode(masked), handout, key)
        stream, _, rest = plain.decode("ascii", "replace").rstrip().partition(" ")
        if stream in Stream.values:
            score, _, model_id = rest.partition(" ")
            return stream, float(score) if score else None, int(model_id) if model_id else None
    raise NotOurs(NOT_OURS)


def _mixed(text: bytes, handout: uuid.UUID, key: str) -> bytes:
    """Add bytes that only this site can make, of this one handout: twice gives the text back."""
    pad = hmac.digest(f"{SALT} {key}".encode(), handout.bytes, hashlib.sha512)
    return bytes(a ^ b for a, b in zip(text, pad, strict=True))
