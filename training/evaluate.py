"""What a network says of galaxies whose votes are known, and how good that is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inference.belief.calibration import fit_scales, scaled, set_sha256
from inference.belief.scores import Estimate, QuestionScores, Scores, score
from inference.formats.card import Calibration
from inference.formats.question import MULTIPLE_REST
from inference.formats.split import CALIBRATION, TEST, TRAIN
from inference.formats.tree import Tree
from training.dataset import Dataset
from training.model import Network

_FEW_ASKED, _MANY_ASKED = 10, 30
_LEAST_GROUP = 20  # galaxies; fewer judge nothing
_ENOUGH_FOR_MEAN = 5000  # galaxies


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A network judged on the galaxies of the test part.

    Attributes:
        alpha, votes, asked: of those galaxies, (n, K), (n, K), (n, Q); alpha calibrated.
        scores: with the calibration.
        raw: without it.
        mean: of the training part's mean fractions, the same for every galaxy.
        flat: of every answer being as likely as any other.
        n_nominal: galaxies whose votes are fractions times a nominal number of people.
        groups: scores of parts of the test galaxies, by what they have in common.
    """

    tree: Tree
    alpha: NDArray[np.float64]
    votes: NDArray[np.float32]
    asked: NDArray[np.float32]
    scores: Scores
    raw: Scores
    mean: Scores
    flat: Scores
    calibration: Calibration | None
    n_nominal: int = 0
    groups: Mapping[str, Scores] = field(default_factory=dict)

    def headline(self) -> dict[str, Any]:
        """Return the few figures that travel in the model's card."""
        first = self.scores.questions[self.tree.questions[0].key]
        figures: dict[str, Estimate] = {
            "nll": self.scores.nll,
            "nll_uncalibrated": self.raw.nll,
            "nll_of_mean": self.mean.nll,
            "nll_of_flat": self.flat.nll,
            "rmse": first.rmse,
            "mae": first.mae,
            "accuracy": first.accuracy,
            "confident_accuracy": first.confident_accuracy,
        }
        return {name: _interval(figure) for name, figure in figures.items()} | {
            "question": first.key,
            "n_galaxies": self.scores.n,
            "calibration_error": _plain(first.calibration_error),
            "questions": {key: _figures(one) for key, one in self.scores.questions.items()},
            "coverage": [
                {name: _plain(value) for name, value in asdict(interval).items()}
                for interval in self.scores.coverage["all"]
            ],
        }

    def to_json(self) -> dict[str, Any]:
        """Return all figures as plain values."""
        return {
            "scores": self.scores.to_json(),
            "uncalibrated": self.raw.to_json(),
            "mean_fractions": self.mean.to_json(),
            "flat": self.flat.to_json(),
            "groups": {name: scores.to_json() for name, scores in self.groups.items()},
            "calibration": None if self.calibration is None else asdict(self.calibration),
        }


def predict_alpha(
    network: Network, dataset: Dataset, places: NDArray[np.int64], batch_size: int = 256
) -> NDArray[np.float32]:
    """Return concentrations, (len(places), K), with dropout off and in float32.

    The network stays on its device, and in training mode if it was.
    """
    device, was_training = next(network.parameters()).device, network.training
    found = [np.zeros((0, dataset.tree.n_answers), np.float32)]
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(places), batch_size):
            batch = dataset.batch(places[start : start + batch_size], device)
            found.append(network(batch.images, batch.aux, batch.aux_mask).cpu().numpy())
    network.train(was_training)
    return np.concatenate(found)


def evaluate(
    network: Network,
    dataset: Dataset,
    *,
    groups: Mapping[str, NDArray[np.bool_]] | None = None,
) -> Evaluation:
    """Fit the calibration on its part and judge on the test part, which nothing else has seen.

    Args:
        groups: further parts of the galaxies to judge by themselves, masks (N,) over the data set.
    """
    places = dataset.part(CALIBRATION)
    calibration = fitted_calibration(
        predict_alpha(network, dataset, places),
        dataset.votes[places],
        dataset.asked[places],
        dataset.tree,
        [dataset.subject_ids[place] for place in places],
    )
    test = dataset.part(TEST)
    return judge(dataset, test, predict_alpha(network, dataset, test), calibration, groups=groups)


def fitted_calibration(
    alpha: NDArray[np.float32],
    votes: NDArray[np.float32],
    asked: NDArray[np.float32],
    tree: Tree,
    subject_ids: list[str],
) -> Calibration | None:
    """Return the scale of each question under which these votes are likeliest; None of no votes."""
    if not len(votes):
        return None
    return Calibration(
        scales=fit_scales(alpha, votes, asked, tree),
        set_sha256=set_sha256(subject_ids, votes),
        n_subjects=len(votes),
    )


def judge(
    dataset: Dataset,
    places: NDArray[np.int64],
    raw_alpha: NDArray[np.float32],
    calibration: Calibration | None,
    *,
    groups: Mapping[str, NDArray[np.bool_]] | None = None,
) -> Evaluation:
    """Score concentrations of the galaxies at these places, (n, K), against their votes.

    Args:
        groups: as in `evaluate`.
    """
    tree = dataset.tree
    votes, asked = dataset.votes[places], dataset.asked[places]
    scales = dict(calibration.scales) if calibration else {}
    alpha = scaled(raw_alpha, scales, tree)
    parts = _groups(dataset, places)
    parts |= {name: mask[places] for name, mask in (groups or {}).items()}
    return Evaluation(
        tree=tree,
        alpha=alpha,
        votes=votes,
        asked=asked,
        scores=score(alpha, votes, asked, tree),
        raw=score(raw_alpha, votes, asked, tree),
        mean=score(mean_alpha(dataset, len(places)), votes, asked, tree),
        flat=score(flat_alpha(tree, len(places)), votes, asked, tree),
        calibration=calibration,
        n_nominal=0 if dataset.nominal is None else int(dataset.nominal[places].sum()),
        groups={
            name: score(alpha[rows], votes[rows], asked[rows], tree)
            for name, rows in parts.items()
            if rows.sum() >= _LEAST_GROUP
        },
    )


def mean_alpha(dataset: Dataset, n: int) -> NDArray[np.float64]:
    """Return the training part's mean fractions as concentrations of likeliest width, (n, K).

    What a network must beat to have learned anything.
    """
    tree = dataset.tree
    train = dataset.part(TRAIN)
    if len(train) > _ENOUGH_FOR_MEAN:
        train = np.random.default_rng(0).choice(train, _ENOUGH_FOR_MEAN, replace=False)
    votes, asked = dataset.votes[train].astype(np.float64), dataset.asked[train]
    alpha = np.empty(tree.n_answers)
    for question in tree.questions:
        span = slice(question.span.start, question.span.stop)
        people = max(float(asked[:, question.index].sum()), 1.0)
        share = np.clip(votes[:, span].sum(0) / people, 1e-3, 1 - 1e-3)
        alpha[span] = 5 * share if question.is_single else MULTIPLE_REST * share / (1 - share)
    scales = fit_scales(np.tile(alpha, (len(train), 1)), votes, asked, tree)
    # The rest of a multiple-choice answer is fixed, so there a factor would move the fraction.
    scales |= {question.key: 1.0 for question in tree.questions if not question.is_single}
    return scaled(np.tile(alpha, (n, 1)), scales, tree)


def flat_alpha(tree: Tree, n: int) -> NDArray[np.float64]:
    """Return concentrations that know nothing, (n, K): every answer as likely as any other."""
    alpha = [1.0 if tree.questions[a.question].is_single else MULTIPLE_REST for a in tree.answers]
    return np.tile(np.array(alpha), (n, 1))


def _groups(dataset: Dataset, places: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """Return parts of the galaxies by how many people saw them and by each catalog column."""
    people = dataset.asked[places, 0]
    found = {
        f"fewer than {_FEW_ASKED} people": people < _FEW_ASKED,
        f"{_FEW_ASKED} to {_MANY_ASKED} people": (people >= _FEW_ASKED) & (people <= _MANY_ASKED),
        f"more than {_MANY_ASKED} people": people > _MANY_ASKED,
    }
    if dataset.nominal is not None:
        nominal = dataset.nominal[places]
        found |= {"counted votes": ~nominal, "fractions times a nominal number": nominal}
    for column, name in enumerate(dataset.aux_names):
        values = dataset.aux[places, column] if dataset.aux is not None else np.zeros(0)
        known = np.isfinite(values)
        if known.any():
            low, high = np.quantile(values[known], [1 / 3, 2 / 3])
            found |= {
                f"{name} up to {low:.3g}": known & (values <= low),
                f"{name} {low:.3g} to {high:.3g}": known & (values > low) & (values <= high),
                f"{name} above {high:.3g}": known & (values > high),
                f"{name} unknown": ~known,
            }
    return {name: rows for name, rows in found.items() if not rows.all()}


def _figures(scores: QuestionScores) -> dict[str, Any]:
    """Return the figures of one question that travel in the card."""
    named = ("rmse", "mae", "accuracy", "confident_accuracy")
    return {name: _interval(getattr(scores, name)) for name in named} | {
        "n_galaxies": scores.n,
        "calibration_error": _plain(scores.calibration_error),
    }


def _interval(figure: Estimate) -> dict[str, float | None]:
    return {
        "value": _plain(figure.value),
        "lower": _plain(figure.lower),
        "upper": _plain(figure.upper),
    }


def _plain(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None
