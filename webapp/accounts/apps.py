"""The app of this package."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who somebody is: users, volunteers with or without an account, roles."""

    name = "webapp.accounts"
