"""What a training refuses or ends with, each with a sentence for the person who started it."""

from inference.errors import InferenceError

__all__ = ["Cancelled", "CheckpointRefused", "ConfigRefused", "DataRefused", "TrainingDiverged"]


class ConfigRefused(InferenceError):
    """Settings of a training that cannot be followed."""


class DataRefused(InferenceError):
    """Votes and pictures that a network cannot be trained on."""


class CheckpointRefused(InferenceError):
    """No checkpoint of a run can be used."""


class TrainingDiverged(InferenceError):
    """The loss became infinite or no number."""


class Cancelled(InferenceError):
    """Somebody asked the run to stop."""
