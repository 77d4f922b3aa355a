"""Reading users: by what somebody types, by how a name looks."""

from allauth.account.utils import filter_users_by_email, filter_users_by_username
from django.db.models import Func, Q, QuerySet, Value
from django.db.models.functions import Lower

from webapp.accounts import names
from webapp.accounts.models import Role, User


def look_alikes(name: str) -> QuerySet[User]:
    """Return the users whose name the eye can take for this one, whatever its letters are."""
    look = Func(
        Lower("username"),
        Value(names.LOOKS_FROM),
        Value(names.LOOKS_LIKE),
        function="translate",
    )
    return User.objects.alias(look=look).filter(look=names.look(name))


def ids_named(login: str) -> list[int]:
    """Return the ids of the accounts that a public name or an e-mail address can mean."""
    found = [*filter_users_by_username(login), *filter_users_by_email(login)]
    return sorted({user.pk for user in found})


def people(text: str = "") -> QuerySet[User]:
    """Return the accounts whose name or address contains a text, administrators first."""
    found = User.objects.filter(Q(username__icontains=text) | Q(email__icontains=text))
    is_admin = Q(role=Role.ADMIN)
    return found.alias(is_admin=is_admin).order_by("-is_admin", "username", "pk")
