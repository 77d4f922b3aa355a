"""Change what an account may do, from the shell."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.accounts import queries, services
from webapp.accounts.models import Role, User
from webapp.common.errors import DomainError


class Command(BaseCommand):
    help = "Make an account a volunteer, a scientist or an admin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="its public name or e-mail address")
        parser.add_argument("role", choices=Role.values)
        parser.add_argument("--reason", default="", help="kept in the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        user = _user(options["name"])
        role = Role(options["role"])
        try:
            services.set_role(user=user, role=role, by=None, reason=options["reason"])
        except DomainError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{user.username} is now: {role.label}.")


def _user(name: str) -> User:
    ids = queries.ids_named(name)
    if len(ids) != 1:
        found = "No account is" if not ids else f"{len(ids)} accounts are"
        raise CommandError(
            f"{found} named {name!r}. Give the public name or the e-mail address of one account."
        )
    return User.objects.get(pk=ids[0])
