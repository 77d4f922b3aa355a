"""AdamW over a network's parts: which of them learn in an epoch, and how fast."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from training.config import Config
from training.model import Network


def make_optimizer(network: Network, config: Config) -> torch.optim.AdamW:
    """Return AdamW with two groups a part: weights decay, biases and norms do not.

    Each group knows its `depth` below the head and its `factor` of the learning rate.
    """
    groups: list[dict[str, Any]] = []
    for depth, part in network.blocks():
        factor = config.layer_decay**depth
        for parameters, decay in _by_decay(part, config.weight_decay):
            if parameters:
                groups.append(
                    {"params": parameters, "weight_decay": decay, "depth": depth, "factor": factor}
                )
    return torch.optim.AdamW(groups, lr=config.learning_rate)


def _by_decay(part: nn.Module, decay: float) -> Iterable[tuple[list[nn.Parameter], float]]:
    parameters = list(part.parameters())
    yield [p for p in parameters if p.ndim > 1], decay
    yield [p for p in parameters if p.ndim <= 1], 0.0


def learning_depth(config: Config, epoch: int, deepest: int) -> int:
    """Return how deep below the head parts learn in an epoch.

    "gradual" is transfer as people do it: the new head for a third of the epochs, then the last
    two stages too, in the last third all.
    """
    if config.stages == "all":
        return deepest
    if config.stages == "head":
        return 0
    third = 3 * epoch // max(config.epochs, 1)
    return (0, min(2, deepest), deepest)[min(third, 2)]


def freeze_below(network: Network, depth: int) -> None:
    """Let parts up to a depth learn; the others keep weights and batch statistics."""
    for at, part in network.blocks():
        learns = at <= depth
        part.train(learns and network.training)
        for parameter in part.parameters():
            parameter.requires_grad_(learns)


def set_rates(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give each group its share of a learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


def rate_at(config: Config, step: int, n_steps: int, warmup_steps: int) -> float:
    """Return the learning rate: a line up, then a cosine down to 0 at n_steps."""
    if step < warmup_steps:
        return config.learning_rate * (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, n_steps - warmup_steps)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def follow(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the running mean of all weights a step; early steps count more, buffers are copied."""
    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        ours: list[Tensor] = [p.detach() for p in average.parameters()]
        theirs: list[Tensor] = [p.detach() for p in network.parameters()]
        torch._foreach_lerp_(ours, theirs, 1 - decay)
        for mean, buffer in zip(average.buffers(), network.buffers(), strict=True):
            mean.copy_(buffer)
