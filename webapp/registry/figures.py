"""The figures that a model's card carries, as tables; what a stranger wrote there harms nothing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.formats.tree import Tree

NATS = "nll"  # a part of the metrics has it; one judgement has it at the top
MOST_PARTS = 6  # shown of what a card says


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval, where the card has one."""

    value: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Row:
    """One question: what of it was judged, in how many galaxies.

    Attributes:
        rmse, mae: of vote fractions.
        accuracy: how often the leading answer is the crowd's.
        confident_accuracy: among galaxies on which the crowd agrees.
        calibration_error: of the leading answer's fraction.
    """

    text: str
    n_galaxies: float | None
    rmse: Figure | None
    mae: Figure | None
    accuracy: Figure | None
    confident_accuracy: Figure | None
    calibration_error: float | None


@dataclass(frozen=True)
class Interval:
    """How often the votes lay within intervals that hold so much of what was expected."""

    wanted: float
    own: float | None
    observed: float
    n_counts: float | None


@dataclass(frozen=True)
class Judgement:
    """A model on galaxies that it was not trained on; nll in nats a galaxy, less is better."""

    name: str
    n_galaxies: float | None
    nll: Figure | None
    nll_of_mean: Figure | None
    nll_of_flat: Figure | None
    rows: list[Row]
    intervals: list[Interval]


def judgements(metrics: Any, tree: Tree) -> list[Judgement]:
    """Return what the metrics of a card say, one entry for each set of galaxies, largest first."""
    if not isinstance(metrics, Mapping):
        return []
    if NATS in metrics:
        return [_judgement("", metrics, tree)]
    parts = [(name, part) for name, part in metrics.items() if _is_judgement(part)]
    found = [_judgement(str(name), part, tree) for name, part in parts]
    return sorted(found, key=lambda one: (-(one.n_galaxies or 0), one.name))[:MOST_PARTS]


def scales(calibration: Any, tree: Tree) -> list[tuple[str, float]]:
    """Return each question's text and the factor of its concentrations, in the tree's order."""
    found = calibration.get("scales") if isinstance(calibration, Mapping) else None
    if not isinstance(found, Mapping):
        return []
    known = [(question.text, _number(found.get(question.key))) for question in tree.questions]
    return [(text, scale) for text, scale in known if scale is not None]


def _is_judgement(part: Any) -> bool:
    return isinstance(part, Mapping) and NATS in part


def _judgement(name: str, part: Mapping[str, Any], tree: Tree) -> Judgement:
    return Judgement(
        name=name,
        n_galaxies=_number(part.get("n_galaxies")),
        nll=_figure(part.get(NATS)),
        nll_of_mean=_figure(part.get("nll_of_mean")),
        nll_of_flat=_figure(part.get("nll_of_flat")),
        rows=_rows(part, tree),
        intervals=_intervals(part.get("coverage")),
    )


def _rows(part: Mapping[str, Any], tree: Tree) -> list[Row]:
    """Return a row for each question that was judged; older cards have the first one only."""
    of = part.get("questions")
    if not isinstance(of, Mapping):
        first = part.get("question")
        of = {first: part} if isinstance(first, str) else {}
    known = [(question.text, of.get(question.key)) for question in tree.questions]
    return [_row(text, found) for text, found in known if isinstance(found, Mapping)]


def _row(text: str, found: Mapping[str, Any]) -> Row:
    return Row(
        text=text,
        n_galaxies=_number(found.get("n_galaxies")),
        rmse=_figure(found.get("rmse")),
        mae=_figure(found.get("mae")),
        accuracy=_figure(found.get("accuracy")),
        confident_accuracy=_figure(found.get("confident_accuracy")),
        calibration_error=_number(found.get("calibration_error")),
    )


def _intervals(coverage: Any) -> list[Interval]:
    found = []
    for one in coverage if isinstance(coverage, list) else []:
        values = one if isinstance(one, Mapping) else {}
        wanted, observed = _number(values.get("mass")), _number(values.get("observed"))
        if wanted is not None and observed is not None:
            own, n_counts = _number(values.get("nominal")), _number(values.get("n"))
            found.append(Interval(wanted, own, observed, n_counts))
    return found


def _figure(found: Any) -> Figure | None:
    values = found if isinstance(found, Mapping) else {"value": found}
    value = _number(values.get("value"))
    if value is None:
        return None
    return Figure(value, _number(values.get("lower")), _number(values.get("upper")))


def _number(found: Any) -> float | None:
    """Return a finite number; whole ones that no float can hold are none."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        number = float(found)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
