"""How good predicted vote fractions are: the figures by which networks are compared.

The training reports them and the site computes them again, by this one module.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.belief.coverage import Coverage, coverage
from inference.belief.dirichlet import Array, fractions, log_likelihood, span_of
from inference.formats.tree import Question, Tree

CONFIDENT = 0.7  # leading fraction of a galaxy whose answer is hardly disputed
_BINS = 10
_RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval, from drawing galaxies with replacement."""

    value: float
    lower: float
    upper: float
    n: int


@dataclass(frozen=True)
class QuestionScores:
    """Of one question: judged are the galaxies in which somebody was asked it."""

    key: str
    n: int
    nll: Estimate  # nats a galaxy
    rmse: Estimate  # of vote fractions, over galaxies and answers
    mae: Estimate
    accuracy: Estimate  # how often the leading answer is the crowd's
    confident_accuracy: Estimate  # among galaxies with a leading fraction of 0.7 or more
    calibration_error: float  # of the leading answer, weighted over ten bins
    bins: tuple[tuple[float, float, int], ...]  # claimed, observed, galaxies
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

    Args:
        alpha: calibrated concentrations, (N, K).
        votes: (N, K); asked: (N, Q).
        least_asked: people that must have been asked a question for its fractions to be judged.
    """
    judged = _Judged(
        shares=fractions(alpha, tree),
        votes=np.array(votes, np.float64),
        asked=np.array(asked, np.float64),
        losses=-log_likelihood(alpha, votes, asked, tree),
    )
    questions = {
        question.key: _question_scores(question, judged, least_asked=least_asked, seed=seed)
        for question in tree.questions
    }
    return Scores(
        n=len(alpha),
        nll=estimate(judged.losses.sum(axis=1), seed=seed),
        questions=questions,
        coverage=coverage(alpha, votes, asked, tree),
    )


def estimate(
    values: NDArray[np.float64],
    *,
    seed: int = 0,
    of: Callable[[NDArray[np.float64]], NDArray[np.float64]] = lambda means: means,
) -> Estimate:
    """Return a function of the mean of values, one a galaxy, with its bootstrap interval.

    Args:
        of: applied to the mean, such as the square root; increasing.
    """
    n = len(values)
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    random = np.random.default_rng(seed)
    # Counts of how often each galaxy is drawn, in blocks that fit memory.
    means = np.concatenate(
        [random.multinomial(n, np.full(n, 1 / n), size=100) @ values / n
         for _ in range(_RESAMPLES // 100)]
    )  # fmt: skip
    lower, upper = np.quantile(of(means), [0.025, 0.975])
    return Estimate(float(of(np.array(values.mean()))), float(lower), float(upper), n)


def paired_difference(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], *, seed: int = 0
) -> Estimate:
    """Return the mean of ours - theirs, a value a galaxy each, with its bootstrap interval."""
    if ours.shape != theirs.shape:
        raise ValueError(f"{ours.shape} and {theirs.shape} are not values of the same galaxies")
    return estimate(ours - theirs, seed=seed)


@dataclass(frozen=True, eq=False)
class _Judged:
    """What was said and what was seen, over all questions."""

    shares: NDArray[np.float64]  # (N, K)
    votes: NDArray[np.float64]  # (N, K)
    asked: NDArray[np.float64]  # (N, Q)
    losses: NDArray[np.float64]  # (N, Q)


def _question_scores(
    question: Question, judged: _Judged, *, least_asked: float, seed: int
) -> QuestionScores:
    people = judged.asked[:, question.index]
    rows = people >= max(least_asked, 1e-6)
    span = span_of(question)
    seen = judged.votes[rows, span] / people[rows, None]
    said = judged.shares[rows, span]
    error = said - seen
    hit = (said.argmax(1) == seen.argmax(1)).astype(np.float64) if rows.any() else error[:, 0]
    confident = seen.max(axis=1, initial=0) >= CONFIDENT
    error_of_calibration, bins = _reliability(said.max(axis=1, initial=0), hit)
    keys = [answer.key for answer in question.answers]
    return QuestionScores(
        key=question.key,
        n=int(rows.sum()),
        nll=estimate(judged.losses[rows, question.index], seed=seed),
        rmse=estimate((error**2).mean(axis=1), seed=seed, of=np.sqrt),
        mae=estimate(np.abs(error).mean(axis=1), seed=seed),
        accuracy=estimate(hit, seed=seed),
        confident_accuracy=estimate(hit[confident], seed=seed),
        calibration_error=error_of_calibration,
        bins=bins,
        answer_rmse=dict(zip(keys, _means(error**2, np.sqrt), strict=True)),
        answer_mae=dict(zip(keys, _means(np.abs(error), np.abs), strict=True)),
    )


def _reliability(
    claimed: NDArray[np.float64], hit: NDArray[np.float64]
) -> tuple[float, tuple[tuple[float, float, int], ...]]:
    """Return the expected calibration error and the bins of a reliability diagram."""
    places = np.minimum((claimed * _BINS).astype(np.int64), _BINS - 1)
    bins = tuple(
        (float(claimed[inside].mean()), float(hit[inside].mean()), int(inside.sum()))
        for inside in (places == place for place in range(_BINS))
        if inside.any()
    )
    n = sum(count for *_, count in bins)
    total = sum(abs(said - seen) * count for said, seen, count in bins)
    return (total / n if n else float("nan")), bins


def _means(
    values: NDArray[np.float64], of: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> list[float]:
    if not len(values):
        return [float("nan")] * values.shape[1]
    return [float(value) for value in of(values.mean(axis=0))]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if np.isfinite(value) else None
    return value
