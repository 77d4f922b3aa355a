"""A program that shows a token, and galaxies with places on the sky."""

import gc
import time
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.test import Client

from webapp.accounts.models import User
from webapp.api import services
from webapp.api.models import Scope
from webapp.subjects import sky
from webapp.subjects.models import Subject


class Program:
    """A client that shows a token with every request."""

    def __init__(self, user: User, scopes: Sequence[Scope] = (Scope.READ, Scope.EXPORT)) -> None:
        self.client = Client(raise_request_exception=False)
        self.token, self.key = services.make_token(user=user, name="test", scopes=scopes)

    def get(self, place: str, query: Any = None, **headers: str) -> Any:
        return self.client.get(place, query, headers=self._headers(headers))

    def post(self, place: str, fields: Any = None, **headers: str) -> Any:
        kind = "application/json"
        return self.client.post(place, fields, content_type=kind, headers=self._headers(headers))

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Authorization": f"Bearer {self.key}"} | named


def placed(subjects: list[Subject], positions: Sequence[tuple[float, float]]) -> list[Subject]:
    """The same galaxies, on the sky."""
    for subject, (ra_deg, dec_deg) in zip(subjects, positions, strict=True):
        subject.ra_deg, subject.dec_deg = ra_deg, dec_deg
        subject.healpix = sky.healpix(ra_deg, dec_deg)
    Subject.objects.bulk_update(subjects, ["ra_deg", "dec_deg", "healpix"])
    return subjects


def wait_until_alone() -> None:
    """Return when a live server's threads have given their connections back."""
    others = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    gc.collect()  # what was streamed and is not at its end keeps its connection
    until = time.monotonic() + 5
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute(others)
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.02)
