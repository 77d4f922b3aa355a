"""How good predicted vote fractions are: the figures by which networks are compared.

The training reports them and the site computes them again, by this one module.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.belief.bootstrap import Estimate, Means, estimates, paired_bootstrap, unchanged
from inference.belief.coverage import Coverage, coverage
from inference.belief.dirichlet import Array, fractions, log_likelihood, span_of
from inference.belief.reliability import reliability
from inference.formats.tree import Question, Tree

__all__ = ["Coverage", "Estimate", "QuestionScores", "Scores", "paired_bootstrap", "score"]

CONFIDENT = 0.7  # leading fraction of a galaxy whose answer is hardly disputed
_ROUNDING = 1e-6  # of fractions that were stored in float32

# What makes the mean over galaxies a figure, in the order of the fields.
_FIGURES: dict[str, Means] = {
    "nll": unchanged,
    "rmse": np.sqrt,
    "mae": unchanged,
    "accuracy": unchanged,
    "confident_accuracy": unchanged,
}


@dataclass(frozen=True)
class QuestionScores:
    """Of one question: judged are the galaxies in which enough people were asked it."""

    key: str
    n: int
    nll: Estimate  # nats a galaxy
    rmse: Estimate  # of vote fractions, over galaxies and answers
    mae: Estimate
    accuracy: Estimate  # how often the leading answer is the crowd's
    confident_accuracy: Estimate  # among galaxies with a leading fraction of 0.7 or more
    calibration_error: float  # of the leading answer's fraction, weighted over ten bins
    bins: tuple[tuple[float, float, int], ...]  # mean fraction expected, mean given, galaxies
    answer_rmse: dict[str, float]
    answer_mae: dict[str, float]


@dataclass(frozen=True)
class Scores:
    """Of a network on galaxies whose votes are known."""

    n: int
    nll: Estimate  # nats a galaxy, summed over the questions
    questions: dict[str, QuestionScores]
    coverage: dict[str, list[Coverage]]

    def to_json(self) -> dict[str, Any]:
        """Return plain values; None where there was nothing to judge."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def score(
    alpha: Array,
    votes: Array,
    asked: Array,
    tree: Tree,
    *,
    least_asked: float = 1.0,
    seed: int = 0,
) -> Scores:
    """Return the scores of concentrations against votes.

    Where several answers lead the crowd, a network that names one of them is right by one part in
    so many, so that the order of the answers does not matter.

    Args:
        alpha: calibrated concentrations, (N, K).
        votes: (N, K); asked: (N, Q).
        least_asked: people that must have been asked a question for a galaxy to count for it.
        seed: of the bootstrap intervals.
    """
    losses = -log_likelihood(alpha, votes, tree, asked)
    shares = fractions(alpha, tree)
    judged = [
        _judge(question, shares, votes, asked, losses, least_asked=least_asked)
        for question in tree.questions
    ]
    columns = np.concatenate([losses.sum(1, keepdims=True), *(one.columns for one in judged)], 1)
    of = [unchanged, *(tuple(_FIGURES.values()) * len(judged))]
    total, *figures = estimates(columns, of, seed)
    return Scores(
        n=len(losses),
        nll=total,
        questions={
            one.question.key: _question_scores(one, figures[start : start + len(_FIGURES)])
            for one, start in zip(judged, range(0, len(figures), len(_FIGURES)), strict=True)
        },
        coverage=coverage(alpha, votes, asked, tree),
    )


@dataclass(frozen=True, eq=False)
class _Judged:
    """What was expected and what was seen of one question, by the n galaxies that count."""

    question: Question
    expected: NDArray[np.float64]  # fraction of each answer, (n, answers)
    given: NDArray[np.float64]  # (n, answers)
    columns: NDArray[np.float64]  # of all galaxies, (N, figures); NaN where one does not count


def _judge(
    question: Question,
    shares: NDArray[np.float64],
    votes: Array,
    asked: Array,
    losses: NDArray[np.float64],
    *,
    least_asked: float,
) -> _Judged:
    span = span_of(question)
    people = np.asarray(asked, np.float64)[:, question.index]
    rows = (people > 0) & (people >= least_asked)
    counts = np.asarray(votes, np.float64)[rows, span]
    expected, given = shares[rows, span], counts / people[rows, None]
    error = expected - given
    hit = _hits(expected, counts)
    sure = given.max(axis=1) >= CONFIDENT - _ROUNDING
    columns = np.full((len(shares), len(_FIGURES)), np.nan)
    columns[rows] = np.stack(
        [
            losses[rows, question.index],
            (error**2).mean(axis=1),
            np.abs(error).mean(axis=1),
            hit,
            np.where(sure, hit, np.nan),
        ],
        axis=1,
    )
    return _Judged(question, expected, given, columns)


def _hits(expected: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how right the leading answer is, (n,): 0, 1, parts of a tie, NaN without any vote."""
    most = counts.max(axis=1, keepdims=True)
    leaders = counts == most
    right = leaders[np.arange(len(counts)), expected.argmax(axis=1)] / leaders.sum(axis=1)
    return np.where(most[:, 0] > 0, right, np.nan)


def _question_scores(judged: _Judged, figures: list[Estimate]) -> QuestionScores:
    keys = [answer.key for answer in judged.question.answers]
    error = judged.expected - judged.given
    n = len(error)
    squares, distances = (
        values.mean(axis=0) if n else np.full(len(keys), np.nan)
        for values in (error**2, np.abs(error))
    )
    judged_bins = reliability(judged.expected, judged.given)
    return QuestionScores(
        key=judged.question.key,
        n=n,
        **dict(zip(_FIGURES, figures, strict=True)),
        calibration_error=judged_bins.error,
        bins=judged_bins.bins,
        answer_rmse=dict(zip(keys, np.sqrt(squares).tolist(), strict=True)),
        answer_mae=dict(zip(keys, distances.tolist(), strict=True)),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if np.isfinite(value) else None
    return value
