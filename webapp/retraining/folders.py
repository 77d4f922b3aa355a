"""Where the directories of runs lie, in the folder that site and trainers share."""

from pathlib import Path

from django.conf import settings

from inference.formats.run import RunFolder
from webapp.retraining.models import TrainingRun


def folder_of(run: TrainingRun) -> RunFolder:
    """Return a run's directory, whether or not it is there yet."""
    return RunFolder(Path(settings.RUNS_DIR) / run.folder)
