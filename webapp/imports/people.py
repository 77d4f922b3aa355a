"""Volunteers who stand for people of another project."""

import hashlib
import hmac
import uuid
from collections.abc import Collection

from django.conf import settings

from webapp.accounts.models import Volunteer
from webapp.imports.models import ImportedVolunteer

_PURPOSE = b"people of other projects"
_NAMES = uuid.UUID("9a3c2d64-6a5e-5b0f-8f0e-0c6b5f1f3f55")


def name_hash(source: str, name: str) -> str:
    """Return what stands for a name: nobody without the key can find the name by trying all."""
    key = hmac.new(settings.PSEUDONYM_KEY.encode(), _PURPOSE, hashlib.sha256).digest()
    return hmac.new(key, f"{source}:{name}".encode(), hashlib.sha256).hexdigest()


def volunteers(source: str, names: Collection[str]) -> dict[str, Volunteer]:
    """Return the volunteer of each name; a name that is new gets one.

    Call it in the transaction that stores their votes.
    """
    hashes = {name_hash(source, name): name for name in names}
    ids = {uuid.uuid5(_NAMES, f"{source}:{one}"): one for one in hashes}
    Volunteer.objects.bulk_create([Volunteer(uuid=one) for one in ids], ignore_conflicts=True)
    rows = list(Volunteer.objects.filter(uuid__in=ids))
    ImportedVolunteer.objects.bulk_create(
        [ImportedVolunteer(volunteer=row, source=source, name_hash=ids[row.uuid]) for row in rows],
        ignore_conflicts=True,
    )
    return {hashes[ids[row.uuid]]: row for row in rows}
