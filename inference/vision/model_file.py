"""How a model file is refused."""

from inference.errors import InferenceError


class ModelRefused(InferenceError):
    """A model file that does not follow the contract, or cannot be loaded at all."""


class NoGpu(InferenceError):
    """A GPU is required and none can be used."""


MAX_MODEL_BYTES = 500_000_000
