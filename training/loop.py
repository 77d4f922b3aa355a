"""The training, from top to bottom: epochs of batches, a judgement and a checkpoint after each.

Every random number of an epoch follows from the seed and the epoch's number, so a run that was
killed and resumed has the same losses as one that was not.
"""

import copy
import dataclasses
import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inference.formats.split import TRAIN, VALIDATION
from training import checkpoint
from training.adapt import alignment
from training.augment import augment
from training.config import Config
from training.dataset import Batch, Dataset
from training.devices import Place, placed
from training.errors import Cancelled, CheckpointRefused, TrainingDiverged
from training.loss import category_loss, vote_loss
from training.model import Network, build
from training.optimizer import (
    follow,
    freeze_below,
    learning_depth,
    make_optimizer,
    rate_at,
    set_rates,
)
from training.transfer import begin_with


class Journal(Protocol):
    """Where a training says how it goes, and hears that it shall stop."""

    def beat(self, **facts: Any) -> None:
        """Say that the training lives; called every few seconds at most."""

    def note(self, row: Mapping[str, Any]) -> None:
        """Store the figures of an epoch."""

    def say(self, line: str) -> None:
        """Tell a person something."""

    def is_cancelled(self) -> bool:
        """Return whether somebody asked the run to stop."""


@dataclass
class Progress:
    """How far a training has come."""

    epoch: int = 0  # epochs that are done
    step: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    def is_spent(self, config: Config) -> bool:
        """Return whether there is nothing more to gain, or no epoch left."""
        return self.epoch >= config.epochs or self.epoch - self.best_epoch >= config.patience


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained network, with the weights of its best epoch, in eval mode, on the processor."""

    network: Network
    progress: Progress


class Learner(nn.Module):
    """A network as torch's parallel wrapper wants it: everything that learns in one forward."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, unit: Tensor, aux: Tensor | None, aux_mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return logits (N, K) and the head's inputs (N, C) of pictures in [0, 1]."""
        network = self.network
        summary = network.summary(network.features(unit), aux, aux_mask)
        dropped = nn.functional.dropout(summary, network.config.dropout, network.training)
        return network.head_of(dropped), summary


def fit(
    dataset: Dataset,
    config: Config,
    journal: Journal,
    *,
    checkpoints: Path | None = None,
    unlabeled: NDArray[np.uint8] | None = None,
) -> Fitted:
    """Train a network, going on from the newest checkpoint if there is one.

    Args:
        checkpoints: folder of the checkpoints; None keeps none.
        unlabeled: stamps of a second survey, uint8 (N, S, S, 3), for `adapt = "alignment"`.

    Raises:
        Cancelled: the journal says so; the last checkpoint stays.
        TrainingDiverged: the loss is no finite number.
        CheckpointRefused: there are checkpoints, and all are damaged.
    """
    with placed(config) as place:
        training = _Training(
            dataset, config, journal, place, checkpoints=checkpoints, unlabeled=unlabeled
        )
        training.resume()
        journal.say(f"Training on {place.words}.")
        while not training.progress.is_spent(config):
            training.run_epoch()
        return Fitted(training.best(), training.progress)


def restored(dataset: Dataset, config: Config, checkpoints: Path) -> Fitted:
    """Return the network of a run's newest checkpoint, without training on.

    Raises:
        CheckpointRefused: there is none, or all are damaged.
    """
    state, _ = checkpoint.load_newest(checkpoints)
    if state is None:
        raise CheckpointRefused(
            f"There is no checkpoint in {checkpoints} yet: train the run first, with "
            f"`python -m training run`."
        )
    network = build(config, dataset.tree)
    network.load_state_dict(state.under("best"))
    return Fitted(network.eval(), _progress(state))


class _Training:
    """One run: the network, its running mean, the optimizer, and how far they have come."""

    def __init__(
        self,
        dataset: Dataset,
        config: Config,
        journal: Journal,
        place: Place,
        *,
        checkpoints: Path | None,
        unlabeled: NDArray[np.uint8] | None,
    ) -> None:
        self.dataset, self.config, self.journal, self.place = dataset, config, journal, place
        self.checkpoints, self.unlabeled = checkpoints, unlabeled
        network = build(config, dataset.tree)
        if config.pretrained and not config.architecture.startswith("timm/"):
            journal.say(begin_with(network, Path(config.pretrained)))
        if network.aux is not None and dataset.aux is not None:
            network.aux.fit(torch.from_numpy(dataset.aux[dataset.part(TRAIN)]))
        self.network = network.to(place.device)
        self.average = copy.deepcopy(self.network).eval()
        self.optimizer = make_optimizer(self.network, config)
        self.scaler = torch.amp.GradScaler(place.device.type, enabled=config.precision == "float16")
        self.progress = Progress()
        self.best_weights = _weights(self.average)
        self.steps_per_epoch = max(1, len(self._places(0)) // config.batch_size)

    # An epoch.

    def run_epoch(self) -> None:
        """Learn from every galaxy once, judge, and store the state."""
        epoch = self.progress.epoch
        loss = self._learn(epoch)
        validation = self.validation_loss()
        self.progress.epoch += 1
        if validation < self.progress.best_loss:
            self.progress.best_loss, self.progress.best_epoch = validation, self.progress.epoch
            self.best_weights = _weights(self.average)
        row = {
            "epoch": self.progress.epoch,
            "loss": round(loss, 6),
            "validation_loss": round(validation, 6),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
        }
        self.progress.history.append(row)
        if self.place.is_first:
            self.save()
            self.journal.note(row)

    def _learn(self, epoch: int) -> float:
        torch.manual_seed(_seed(self.config.seed, epoch, self.place.rank))  # dropout
        generator = torch.Generator(self.place.device)
        generator.manual_seed(_seed(self.config.seed + 1, epoch, self.place.rank))
        self.network.train()
        depths = [depth for depth, _ in self.network.blocks()]
        freeze_below(self.network, learning_depth(self.config, epoch, max(depths)))
        learner = self._parallel(Learner(self.network))
        total = torch.zeros((), device=self.place.device)
        n_steps = 0
        self._beat(epoch, 0)
        for batch in self._batches(epoch):
            self._check_cancelled()
            total += self._step(learner, batch, generator)
            n_steps += 1
            if n_steps % 10 == 0:  # reading the sum waits for a GPU, so not at every step
                self._check_finite(total, epoch, n_steps)
                self._beat(epoch, n_steps)
        self._check_finite(total, epoch, n_steps)
        return float(self.place.mean(total / n_steps))

    def _beat(self, epoch: int, n_steps: int) -> None:
        self.journal.beat(
            epoch=epoch + 1,
            step=n_steps,
            of_steps=self.steps_per_epoch,
            device=self.place.words,
        )

    def _step(self, learner: nn.Module, batch: Batch, generator: torch.Generator) -> Tensor:
        config = self.config
        warmup = int(config.warmup_epochs * self.steps_per_epoch)
        n_steps = config.epochs * self.steps_per_epoch
        set_rates(self.optimizer, rate_at(config, self.progress.step, n_steps, warmup))
        unit = augment(self.network.unit(batch.images), config, generator)
        with self._mixed():
            logits, summary = learner(unit, batch.aux, batch.aux_mask)
            loss = self._loss(logits, batch).mean()
            if config.adapt == "alignment" and self.unlabeled is not None:
                loss = loss + config.adapt_weight * self._alignment(learner, summary, generator)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), config.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        follow(self.average, self.network, config.ema_decay, self.progress.step)
        self.progress.step += 1
        return loss.detach()

    def _loss(self, logits: Tensor, batch: Batch) -> Tensor:
        tree = self.dataset.tree
        if self.config.head == "categorical":
            return category_loss(logits, batch.votes, batch.asked, tree)
        return vote_loss(self.network.alpha_of(logits), batch.votes, batch.asked, tree)

    def _alignment(self, learner: nn.Module, summary: Tensor, generator: torch.Generator) -> Tensor:
        assert self.unlabeled is not None  # noqa: S101  for the type checker
        drawn = torch.randint(
            len(self.unlabeled), (len(summary),), generator=generator, device=generator.device
        )
        images = torch.from_numpy(self.unlabeled[drawn.cpu().numpy()]).to(self.place.device)
        unit = augment(self.network.unit(images), self.config, generator)
        columns = len(self.config.aux)
        aux = mask = None
        if columns:
            aux = torch.zeros(len(images), columns, device=self.place.device)
            mask = torch.zeros_like(aux, dtype=torch.bool)
        return alignment(summary, learner(unit, aux, mask)[1])

    def validation_loss(self) -> float:
        """Return the mean loss of the running mean over the validation part, nats a galaxy."""
        places = self.dataset.part(VALIDATION)
        total = 0.0
        with torch.inference_mode():
            for start in range(0, len(places), 256):
                batch = self.dataset.batch(places[start : start + 256], self.place.device)
                logits = self.average.logits(
                    self.average.unit(batch.images), batch.aux, batch.aux_mask
                )
                total += float(self._loss(logits, batch).sum())
        return total / len(places)

    # What an epoch sees.

    def _places(self, epoch: int) -> NDArray[np.int64]:
        """Return this process's share of the galaxies in the epoch's order."""
        order = np.random.default_rng([self.config.seed, epoch])
        places = order.permutation(self.dataset.part(TRAIN))
        each = len(places) // self.place.n_processes
        return places[self.place.rank * each : (self.place.rank + 1) * each]

    def _batches(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch; a short last one is left for another epoch.

        The next one is read while this one is learned from.
        """
        places = self._places(epoch)
        size = min(self.config.batch_size, len(places))
        cuts = [places[i : i + size] for i in range(0, len(places) - size + 1, size)]
        with ThreadPoolExecutor(1) as reader:
            waiting = reader.submit(self.dataset.batch, cuts[0], self.place.device)
            for cut in [*cuts[1:], None]:
                batch = waiting.result()
                if cut is not None:
                    waiting = reader.submit(self.dataset.batch, cut, self.place.device)
                yield batch

    def _mixed(self) -> torch.autocast:
        dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(self.config.precision)
        return torch.autocast(
            self.place.device.type, dtype or torch.bfloat16, enabled=dtype is not None
        )

    def _parallel(self, learner: nn.Module) -> nn.Module:
        if self.place.n_processes == 1:
            return learner
        return nn.parallel.DistributedDataParallel(learner, find_unused_parameters=True)

    # When it ends.

    def _check_cancelled(self) -> None:
        if self.place.agree(wish=self.journal.is_cancelled()):
            raise Cancelled(
                f"The run was cancelled in epoch {self.progress.epoch + 1}: its checkpoint stays, "
                f"and `resume` goes on."
            )

    def _check_finite(self, total: Tensor, epoch: int, n_steps: int) -> None:
        if not math.isfinite(float(total)):
            raise TrainingDiverged(
                f"The loss became {float(total)} in epoch {epoch + 1}, up to step {n_steps}: lower "
                f"learning_rate (now {self.config.learning_rate:g}) or clip_norm (now "
                f'{self.config.clip_norm:g}), or set precision to "float32" '
                f"(now {self.config.precision})."
            )

    # Checkpoints.

    def save(self) -> None:
        """Store the whole state, if there is a place for it."""
        if self.checkpoints is None:
            return
        facts = dataclasses.asdict(self.progress) | {
            "config": self.config.to_json(),
            "tree_sha256": self.dataset.tree.sha256,
            "scaler": self.scaler.state_dict(),
            "best_loss": _or_none(self.progress.best_loss),
        }
        del facts["epoch"]
        tensors = checkpoint.nested(
            model=self.network.state_dict(),
            average=self.average.state_dict(),
            best=self.best_weights,
            optimizer=_flat(self.optimizer),
        )
        checkpoint.save(self.checkpoints, checkpoint.State(self.progress.epoch, tensors, facts))

    def resume(self) -> None:
        """Take up the newest checkpoint, if there is one."""
        if self.checkpoints is None:
            return
        state, complaints = checkpoint.load_newest(self.checkpoints)
        for complaint in complaints:
            self.journal.say(complaint)
        if state is None:
            return
        self.network.load_state_dict(state.under("model"))
        self.average.load_state_dict(state.under("average"))
        self.best_weights = state.under("best")
        _unflatten(self.optimizer, state.under("optimizer"))
        facts = dict(state.facts)
        if facts["scaler"]:
            self.scaler.load_state_dict(facts["scaler"])
        self.progress = _progress(state)
        self.journal.say(f"Going on after epoch {state.epoch}.")

    def best(self) -> Network:
        """Return the network with the weights of the best epoch."""
        network = copy.deepcopy(self.average).cpu()
        network.load_state_dict(self.best_weights)
        return network.eval()


def _progress(state: checkpoint.State) -> Progress:
    best_loss = state.facts["best_loss"]
    return Progress(
        epoch=state.epoch,
        step=state.facts["step"],
        best_loss=math.inf if best_loss is None else best_loss,
        best_epoch=state.facts["best_epoch"],
        history=state.facts["history"],
    )


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


def _seed(seed: int, epoch: int, rank: int) -> int:
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1)


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _flat(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's moments as "<parameter>.<name>"; the rest is in the settings."""
    state = optimizer.state_dict()["state"]
    return {
        f"{number}.{name}": torch.as_tensor(value)
        for number, values in state.items()
        for name, value in values.items()
    }


def _unflatten(optimizer: torch.optim.Optimizer, flat: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in flat.items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )
