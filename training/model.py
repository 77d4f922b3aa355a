"""The networks: a trunk that sees, a neck that sums up, one linear head over the answer axis.

`build` makes one by the name in the settings. Dropout stands only in front of the linear head, so a
set of fixed masks costs one matrix product (Gal & Ghahramani 2016; specs of the model file).
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.formats.tree import Tree
from training.config import Config

_AUX_CHANNELS = 32
# Concentrations of the softplus form: never 0, and near 1 for an untrained head.
_SOFTPLUS_FLOOR, _SOFTPLUS_SCALE, _SOFTPLUS_STEEPNESS = 0.02, 2.0, 2.0
_CATEGORICAL_STRENGTH, _CATEGORICAL_FLOOR = 20.0, 1e-3
_MEAN, _SPREAD = 0.3, 0.2  # of the square root of brightness, over galaxy cutouts on a dark sky


def layout() -> torch.memory_format:
    """Return how pictures lie in memory: channels last where that is safe, as it is faster.

    On processors without AVX-512 the backward pass of PyTorch 2.13 writes beyond its memory in that
    layout ("double free or corruption", seen with small convolutions on an AMD EPYC).
    """
    is_safe = torch.cuda.is_available() or "AVX512" in torch.backends.cpu.get_cpu_capability()
    return torch.channels_last if is_safe else torch.contiguous_format


class Network(nn.Module):
    """Pixels and catalog columns to Dirichlet concentrations over a tree's answer axis."""

    def __init__(self, trunk: nn.Module, neck: nn.Module, config: Config, tree: Tree) -> None:
        """Join a trunk (N, 3, S, S) -> (N, C', h, w) and a neck -> (N, C) to a new head."""
        super().__init__()
        self.trunk, self.neck = trunk, neck
        self.config, self.tree = config, tree
        self.channels = self._measured_channels()
        self.aux = AuxBranch(len(config.aux)) if config.aux else None
        n_inputs = self.channels + (_AUX_CHANNELS if self.aux else 0)
        self.head = nn.Linear(n_inputs, tree.n_answers)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(self.head.bias, -4.0 if config.alpha_form.startswith("1+") else 0.0)

    @property
    def cam_exact(self) -> bool:
        """Whether a logit is the mean over cells of the head's weights applied to each."""
        return isinstance(self.neck, MeanNeck) and self.aux is None

    def forward(
        self, images: Tensor, aux: Tensor | None = None, aux_mask: Tensor | None = None
    ) -> Tensor:
        """Return concentrations float32 (N, K) of uint8 pictures (N, S, S, 3)."""
        return self.alpha_of(self.logits(self.unit(images), aux, aux_mask))

    def unit(self, images: Tensor) -> Tensor:
        """Return uint8 (N, S, S, 3) as float32 (N, 3, S, S) in [0, 1]."""
        return images.permute(0, 3, 1, 2).float() / 255

    def logits(
        self, unit: Tensor, aux: Tensor | None = None, aux_mask: Tensor | None = None
    ) -> Tensor:
        """Return what the head says, (N, K), with its dropout where the network is training."""
        summary = self.summary(self.features(unit), aux, aux_mask)
        return self.head_of(functional.dropout(summary, self.config.dropout, self.training))

    def features(self, unit: Tensor) -> Tensor:
        """Return the last spatial map, (N, C', h, w), of pictures in [0, 1]."""
        # The root lifts faint arms out of the dark; its slope is infinite at 0, so not quite to 0.
        root = torch.sqrt(unit.clamp(min=1e-6))
        normal = (root - _MEAN) / _SPREAD
        found: Tensor = self.trunk(normal.contiguous(memory_format=layout()))
        return found

    def summary(
        self, features: Tensor, aux: Tensor | None = None, aux_mask: Tensor | None = None
    ) -> Tensor:
        """Return what the head sees: (N, C), with the catalog's columns (N, C + 32)."""
        pooled: Tensor = self.neck(features.float())
        if self.aux is None:
            return pooled
        return torch.cat([pooled, self.aux(aux, aux_mask)], 1)

    def head_of(self, summary: Tensor) -> Tensor:
        """Return the head's product in float32, also under mixed precision."""
        with torch.autocast(summary.device.type, enabled=False):
            return functional.linear(
                summary.float(), self.head.weight.float(), self.head.bias.float()
            )

    def alpha_of(self, logits: Tensor) -> Tensor:
        """Return concentrations > 0 from logits whose last axis is the answers'."""
        if self.config.head == "categorical":
            return self._categories(logits)
        if self.config.alpha_form == "softplus":
            rise = functional.softplus(logits * _SOFTPLUS_STEEPNESS)
            return _SOFTPLUS_FLOOR + _SOFTPLUS_SCALE * rise
        return 1 + 100 * torch.sigmoid(logits)

    def _categories(self, logits: Tensor) -> Tensor:
        """Return a fixed total spread by softmax; calibration finds what the total should be."""
        from inference.formats.question import MULTIPLE_REST  # noqa: PLC0415

        parts = []
        for question in self.tree.questions:
            part = logits[..., question.span.start : question.span.stop]
            if question.is_single:
                parts.append(_CATEGORICAL_STRENGTH * torch.softmax(part, -1) + _CATEGORICAL_FLOOR)
            else:  # the share alpha / (alpha + rest) is then the sigmoid of the logit
                parts.append(MULTIPLE_REST * torch.exp(part.clamp(-10, 10)) + _CATEGORICAL_FLOOR)
        return torch.cat(parts, -1)

    def _measured_channels(self) -> int:
        size = self.config.size_px
        with torch.no_grad():
            self.eval()
            summary = self.neck(self.trunk(torch.zeros(1, 3, size, size)))
            self.train()
        return int(summary.shape[1])

    def blocks(self) -> Iterator[tuple[int, nn.Module]]:
        """Yield (depth, part) from the head, at 0, downward: what learns at one rate."""
        yield 0, self.head
        if self.aux is not None:
            yield 0, self.aux
        yield 0, self.neck
        stages = list(self.trunk.children())
        yield from enumerate(reversed(stages), start=1)


class MeanNeck(nn.Module):
    """The mean over all cells, so that class activation is exact."""

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, C) of (N, C, h, w)."""
        return features.mean((2, 3))


class DenseNeck(nn.Module):
    """All cells through one dense layer, as textbooks do."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(n_inputs, n_outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, n_outputs) of (N, C, h, w)."""
        return functional.relu(self.dense(features.flatten(1)))


class AuxBranch(nn.Module):
    """Catalog columns, some missing, to 32 numbers beside the picture's."""

    mean: Tensor
    spread: Tensor

    def __init__(self, n_columns: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_columns))
        self.register_buffer("spread", torch.ones(n_columns))
        self.first = nn.Linear(2 * n_columns, 64)
        self.second = nn.Linear(64, _AUX_CHANNELS)

    def fit(self, aux: Tensor) -> None:
        """Take mean and spread from the training's columns, (N, M) with NaN where missing."""
        for column in range(aux.shape[1]):
            known = aux[:, column][torch.isfinite(aux[:, column])]
            if len(known):
                self.mean[column] = known.mean()
                self.spread[column] = known.std(correction=0).clamp(min=1e-6)

    def forward(self, aux: Tensor | None, aux_mask: Tensor | None) -> Tensor:
        """Return (N, 32); a missing value (mask False) counts as the mean, and as missing."""
        if aux is None or aux_mask is None:
            raise ValueError("this network needs catalog columns and their mask beside pictures")
        known = aux_mask.float()
        values = torch.where(aux_mask, (aux - self.mean) / self.spread, torch.zeros_like(aux))
        both = torch.cat([values.clamp(-10, 10), known], 1)
        return functional.relu(self.second(functional.relu(self.first(both))))


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions and a way around them (He et al. 2016)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(n_in, n_out, stride)
        self.second = _convolution(n_out, n_out, 1)
        self.way = (
            nn.Identity() if stride == 1 and n_in == n_out else _shortcut(n_in, n_out, stride)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's map, smaller by the stride."""
        inner = self.second(functional.relu(self.first(x)))
        return functional.relu(inner + self.way(x))


def _convolution(n_in: int, n_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(n_out)
    )


def _shortcut(n_in: int, n_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))


def _residual(config: Config) -> tuple[nn.Module, nn.Module]:
    widths = [config.width * 2**stage for stage in range(config.depth)]
    stem = nn.Sequential(_convolution(3, widths[0], config.stem_stride), nn.ReLU())
    stages = [
        ResidualBlock(before, width, 1 if number == 0 else 2)
        for number, (before, width) in enumerate(zip([widths[0], *widths], widths, strict=False))
    ]
    return nn.Sequential(stem, *stages), MeanNeck()


def _textbook(config: Config) -> tuple[nn.Module, nn.Module]:
    """Return the convolutional network of introductory courses: 32 and 64 filters, dense 128."""
    trunk = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
    )
    side = config.size_px // 8
    return trunk, DenseNeck(64 * side * side, 128)


def build(config: Config, tree: Tree) -> Network:
    """Return a new network of the settings' architecture, its weights drawn by `config.seed`.

    Raises:
        ConfigRefused: timm or a pretrained file of it is wanted and cannot be had.
    """
    torch.manual_seed(config.seed)
    if config.architecture == "residual":
        trunk, neck = _residual(config)
    elif config.architecture == "textbook":
        trunk, neck = _textbook(config)
    else:
        from training.timm_models import timm_trunk  # noqa: PLC0415 - an extra

        trunk, neck = timm_trunk(config), MeanNeck()
    network = Network(trunk, neck, config, tree)
    return network.to(memory_format=layout())  # type: ignore[call-overload]
