"""Small networks of every kind as model files, each made once a process."""

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from inference.formats.tree import load_built_in
from tests.training import sky
from training.config import Config
from training.export_onnx import draft_card, export
from training.model import MeanNeck, Network, build
from training.served import Projection, fit_projection, pooled_features

SMALL = Config(width=4, depth=2, size_px=32, masks=8, seed=3)
KINDS = ("softplus", "sigmoid", "categorical", "aux", "textbook", "foreign")


@dataclass(frozen=True, eq=False)
class Exported:
    network: Network
    projection: Projection
    content: bytes
    sha256: str

    @property
    def model(self) -> onnx.ModelProto:
        return onnx.load_from_string(self.content)


@cache
def pictures() -> np.ndarray:
    return sky.galaxies(64)[1]


def network(kind: str) -> Network:
    """Return a network that is as far from its first weights as a trained one."""
    made = _built(kind)
    random = torch.Generator().manual_seed(1)
    made.train()
    with torch.no_grad():
        for _ in range(5):  # so that batch normalization has statistics
            made.features(made.unit(torch.from_numpy(pictures())))
        made.head.weight.normal_(std=0.5, generator=random)
        made.head.bias.normal_(std=0.5, generator=random)
        if made.aux is not None:
            made.aux.fit(torch.tensor([[17.0, 0.1], [18.0, np.nan], [21.0, 0.3]]))
    return made.eval()


def write(made: Network, path: Path, *, half: bool = False) -> tuple[str, Projection]:
    projection = fit_projection(pooled_features(made, pictures()))
    card = draft_card(made, model_id="small", created_at="2026-01-02T03:04:05+00:00")
    return export(made, card, projection, path, images=pictures(), half=half), projection


@cache
def exported(kind: str, *, half: bool = False) -> Exported:
    made = network(kind)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        sha256, projection = write(made, path, half=half)
        return Exported(made, projection, path.read_bytes(), sha256)


def _built(kind: str) -> Network:
    changes: dict[str, dict[str, Any]] = {
        "softplus": {},
        "sigmoid": {"alpha_form": "1+100*sigmoid"},
        "categorical": {"head": "categorical"},
        "aux": {"aux": ("mag_r", "redshift")},
        "textbook": {"architecture": "textbook", "dropout": 0.5},
        "foreign": {},
    }
    config = SMALL.replace(**changes[kind])
    # The tree of DECaLS has a multiple-choice question.
    tree = load_built_in("galaxy-zoo-decals") if kind == "categorical" else sky.tree()
    if kind != "foreign":
        return build(config, tree)
    torch.manual_seed(0)
    return Network(ForeignTrunk(8), MeanNeck(), config, tree)


class ForeignTrunk(nn.Module):
    """What encoders of other people are made of: patches, depthwise, gates, attention."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.gate = nn.Conv2d(width, width, 1)
        self.before = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.mix = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, 16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.silu(self.norm(self.depthwise(self.patches(x))))
        x = x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        side = x.shape[-1]
        tokens = self.before(x.flatten(2).transpose(1, 2))
        tokens = self.mix(tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0])
        return tokens.transpose(1, 2).unflatten(2, (side, side))
