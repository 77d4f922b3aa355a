"""The network of a replay: fixed wavelets in front, a learned head, trained on votes so far.

It starts from nothing. A galaxy's prior comes from a head that never saw a vote on that galaxy, or
else its votes would be counted twice: the galaxies are cut into folds by the hash of their name,
and each fold is predicted by a head that the other folds taught.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inference.formats.split import fold_of
from inference.formats.tree import Tree

N_FOLDS = 5
_FLOOR, _SCALE = 0.02, 2.0  # of concentrations, as in training/model.py
_FAR = 4.0  # standard deviations: what lies further out is drawn in


@dataclass(frozen=True)
class HeadSettings:
    """The head and how it is trained; chosen on galaxies that do not judge."""

    width: int = 128
    dropout: float = 0.4
    epochs: int = 12
    further_epochs: int = 5  # when it was trained before
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.05


class Learner:
    """One head a fold, each going on from where it was."""

    def __init__(
        self,
        features: NDArray[np.float32],
        subject_ids: tuple[str, ...],
        tree: Tree,
        settings: HeadSettings,
        seed: int,
    ) -> None:
        self.tree, self.settings, self.seed = tree, settings, seed
        normal = (features - features.mean(0)) / (features.std(0) + 1e-6)
        self.features = torch.from_numpy(normal.clip(-_FAR, _FAR).astype(np.float32))
        self.folds = np.array([fold_of(name, N_FOLDS) for name in subject_ids])
        self.heads: list[nn.Module] = []
        self.n_trained = 0
        of_answer = torch.tensor([answer.question for answer in tree.answers])
        self.questions = functional.one_hot(of_answer, tree.n_questions).float()

    def retrain(self, votes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Train on the votes collected so far, (N, K); return concentrations, (N, K).

        Those of a galaxy do not depend on its own votes.
        """
        is_first = not self.n_trained
        alpha = np.empty(votes.shape)
        for fold in range(N_FOLDS):
            seed = np.random.SeedSequence([self.seed, fold, self.n_trained])
            torch.manual_seed(int(seed.generate_state(1)[0]))
            if is_first:
                self.heads.append(self._new_head())
            taught = np.flatnonzero((self.folds != fold) & (votes.sum(1) > 0))
            epochs = self.settings.epochs if is_first else self.settings.further_epochs
            self._train(self.heads[fold], votes, taught, epochs)
            places = np.flatnonzero(self.folds == fold)
            alpha[places] = self._alpha(self.heads[fold], places)
        self.n_trained += 1
        return alpha

    def _new_head(self) -> nn.Module:
        settings = self.settings
        last = nn.Linear(settings.width, self.tree.n_answers)
        nn.init.normal_(last.weight, std=0.01)
        return nn.Sequential(
            nn.Dropout(0.1),
            nn.Linear(self.features.shape[1], settings.width),
            nn.GELU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.width, settings.width),
            nn.GELU(),
            nn.Dropout(settings.dropout),
            last,
        )

    def _train(
        self, head: nn.Module, votes: NDArray[np.float64], taught: NDArray[np.int64], epochs: int
    ) -> None:
        settings = self.settings
        counts = torch.from_numpy(votes.astype(np.float32))
        size = min(settings.batch_size, len(taught))
        steps = len(taught) // size
        optimizer = torch.optim.AdamW(
            head.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=epochs * steps
        )
        head.train()
        for _ in range(epochs):
            order = torch.from_numpy(taught)[torch.randperm(len(taught))]
            for rows in order[: steps * size].split(size):
                alpha = _concentrations(head(self.features[rows]))
                loss = vote_loss(alpha, counts[rows], self.questions).mean()
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                schedule.step()

    def _alpha(self, head: nn.Module, places: NDArray[np.int64]) -> NDArray[np.float64]:
        head.eval()
        with torch.inference_mode():
            alpha = _concentrations(head(self.features[torch.from_numpy(places)]))
        return alpha.double().numpy()


def vote_loss(alpha: Tensor, votes: Tensor, questions: Tensor) -> Tensor:
    """Return training.loss.vote_loss of single choices but for its constant, (n,), in few steps.

    Args:
        questions: which question each answer belongs to, 0 or 1, (K, Q).
    """
    total, people = alpha @ questions, votes @ questions
    gained = (torch.lgamma(alpha + votes) - torch.lgamma(alpha)).sum(1)
    return (torch.lgamma(total + people) - torch.lgamma(total)).sum(1) - gained


def _concentrations(logits: Tensor) -> Tensor:
    return _FLOOR + _SCALE * functional.softplus(2 * logits)
