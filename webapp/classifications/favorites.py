"""Galaxies that somebody wants to find again."""

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from webapp.accounts.models import User
from webapp.classifications.models import Classification, Favorite
from webapp.subjects.models import Subject


@transaction.atomic
def set_favorite(*, user: User, subject: Subject, is_favorite: bool) -> bool:
    """Mark a galaxy as a person's favorite or no longer; twice is the same as once."""
    if is_favorite:
        Favorite.objects.bulk_create([Favorite(user=user, subject=subject)], ignore_conflicts=True)
    else:
        Favorite.objects.filter(user=user, subject=subject).delete()
    return is_favorite


def with_favorites(rows: QuerySet[Classification], user: User | None) -> QuerySet[Classification]:
    """Add to each answer whether its galaxy is a favorite."""
    own = Favorite.objects.filter(user=user, subject=OuterRef("subject"))
    return rows.annotate(is_favorite=Exists(own))
