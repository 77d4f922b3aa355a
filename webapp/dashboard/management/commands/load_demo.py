"""Make the demo campaign."""

from typing import Any

from django.core.management.base import BaseCommand

from webapp.dashboard.demo import NAME, load_demo, load_starter


class Command(BaseCommand):
    help = "Make the demo campaign of real galaxies; a second time it adds nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        n_added = load_demo()
        self.stdout.write(f"{NAME}: {n_added} galaxies added.")
        self.stdout.write(load_starter())
