"""Where a training runs: the processor or GPUs, one process or several started by torchrun."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from training.config import Config
from training.errors import ConfigRefused


@dataclass(frozen=True)
class Place:
    """This process among those that train together."""

    device: torch.device
    rank: int = 0
    n_processes: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    @property
    def words(self) -> str:
        """What it trains on, as people say it."""
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name(self.device)
            return f"{name} and {self.n_processes - 1} more" if self.n_processes > 1 else name
        n = torch.get_num_threads()
        return f"processor, {n} thread{'' if n == 1 else 's'}"

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a number over all processes."""
        if self.n_processes == 1:
            return value
        total = value.detach().clone()
        dist.all_reduce(total)
        return total / self.n_processes

    def agree(self, *, wish: bool) -> bool:
        """Return what the first process wishes, in all of them."""
        if self.n_processes == 1:
            return wish
        word = torch.tensor(int(wish), device=self.device)
        dist.broadcast(word, 0)
        return bool(word.item())


@contextmanager
def placed(config: Config) -> Iterator[Place]:
    """Give this process its device, and its fellows if torchrun started several.

    Raises:
        ConfigRefused: the precision is one that the device does not have.
    """
    n_processes = int(os.environ.get("WORLD_SIZE", "1"))
    rank, local = int(os.environ.get("RANK", "0")), int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device(f"cuda:{local}" if torch.cuda.is_available() else "cpu")
    if config.precision == "float16" and device.type == "cpu":
        raise ConfigRefused(
            'The setting precision is "float16", and this machine has no GPU: write "bfloat16" or '
            '"float32".'
        )
    torch.set_num_threads(config.threads or len(os.sched_getaffinity(0)))
    if n_processes == 1:
        yield Place(device)
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Place(device, rank, n_processes)
    finally:
        dist.destroy_process_group()
