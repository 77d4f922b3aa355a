"""What each file of a run directory is called."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunPaths:
    """The places in a run directory."""

    path: Path

    @property
    def request_path(self) -> Path:
        """What is to be done; written last."""
        return self.path / "request.json"

    @property
    def tree_path(self) -> Path:
        """The decision tree."""
        return self.path / "tree.json"

    @property
    def catalog_path(self) -> Path:
        """The votes."""
        return self.path / "catalog.parquet"

    @property
    def stamps_path(self) -> Path:
        """The pictures at model size, in the catalog's order."""
        return self.path / "stamps" / "images.npy"

    @property
    def unlabeled_path(self) -> Path:
        """Pictures of a second survey without votes; optional."""
        return self.path / "stamps" / "unlabeled.npy"

    @property
    def claim_path(self) -> Path:
        """The folder that says who works on it; see claims.py."""
        return self.path / "claim"

    @property
    def cancel_path(self) -> Path:
        """There if the work shall stop."""
        return self.path / "cancel"

    @property
    def heartbeat_path(self) -> Path:
        """How far the work has come, rewritten while it goes on."""
        return self.path / "heartbeat.json"

    @property
    def metrics_path(self) -> Path:
        """A line of figures for each epoch."""
        return self.path / "metrics.jsonl"

    @property
    def log_path(self) -> Path:
        """What the work said."""
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        """The folder of the training's states."""
        return self.path / "checkpoints"

    @property
    def model_path(self) -> Path:
        """The model file."""
        return self.path / "model.onnx"

    @property
    def result_path(self) -> Path:
        """How it ended; written last."""
        return self.path / "result.json"
