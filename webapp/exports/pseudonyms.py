"""Names for volunteers that say nothing of them, and that nobody without the key can make again.

One person has one name in all files of a campaign, whatever browsers they used, and another one in
every other campaign. The key is not in the database, so that a copy of it does not tell who is who.
"""

import hashlib
import hmac
from functools import lru_cache

from django.conf import settings

LENGTH = 20  # hexadecimal digits: among a billion people none share a name
_PURPOSE = b"pseudonyms of volunteers"


def pseudonym(person: str, workflow_id: int) -> str:
    """Return the name of somebody in the files of a campaign.

    Args:
        person: as `person_of` calls them.
    """
    said = f"{workflow_id}:{person}".encode()
    return "v" + hmac.new(_key(settings.PSEUDONYM_KEY), said, hashlib.sha256).hexdigest()[:LENGTH]


def person_of(user_id: int | None, browser: object) -> str:
    """Return what stands for a person: the account, or the browser of who has none."""
    return f"user {user_id}" if user_id is not None else f"browser {browser}"


@lru_cache(maxsize=4)
def _key(secret: str) -> bytes:
    return hmac.new(secret.encode(), _PURPOSE, hashlib.sha256).digest()
