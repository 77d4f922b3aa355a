"""Register a model file of this machine, and promote it if asked to."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.common.errors import DomainError
from webapp.registry import promotion, services
from webapp.registry.models import ModelVersion, Source
from webapp.workflows.models import Workflow


class Command(BaseCommand):
    help = (
        "Check a model file in a process that can harm nobody, and keep it. The same file again "
        "changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="Such as model.onnx of a training run.")
        parser.add_argument(
            "--workflow", help="Slug of the campaign whose owners see it; all campaigns without."
        )
        parser.add_argument("--promote", action="store_true", help="Let --workflow use it.")
        parser.add_argument("--why", default="", help="Stands in the history; --promote needs it.")

    def handle(self, *args: Any, **options: Any) -> None:
        workflow = self._workflow(options["workflow"])
        if options["promote"] and (workflow is None or not options["why"].strip()):
            raise CommandError('--promote needs --workflow SLUG and --why "in a few words".')
        try:
            model = services.register_file(
                path=options["file"], source=Source.FILE, workflow=workflow
            )
            self._tell(model)
            if workflow and options["promote"]:
                promotion.promote_model(workflow=workflow, model=model, why=options["why"], by=None)
                self.stdout.write(f"{workflow.name} uses it from now on.")
        except DomainError as error:
            raise CommandError(str(error)) from error

    def _workflow(self, slug: str | None) -> Workflow | None:
        if slug is None:
            return None
        found = Workflow.objects.select_related("tree").filter(slug=slug).first()
        if found is None:
            there = ", ".join(Workflow.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"There is no campaign {slug!r}; there are: {there}.")
        return found

    def _tell(self, model: ModelVersion) -> None:
        size_mb = model.size_bytes / 1e6
        self.stdout.write(f"{model}, {size_mb:,.1f} MB, answers {model.tree.title}.")
        missing = [name for name, holds in model.check_limits.items() if not holds]
        if missing:
            self.stderr.write(
                f"Beware: this machine has no such limit for the process that checked it: "
                f"{', '.join(missing)}."
            )
