"""A run's report: the model card for people (Markdown) and programs (JSON), and four plots."""

import json
import math
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.belief.coverage import Coverage
from inference.belief.dirichlet import fractions
from inference.belief.scores import Estimate, Scores
from inference.formats.card import Card
from inference.formats.tree import Tree
from training import plots
from training.config import Config
from training.evaluate import Evaluation

CARD_MD, CARD_JSON = "model-card.md", "model-card.json"
_NEW, _OLD = "new", "old"
_PLOTS = ("Loss", "Fractions", "Confusion", "Reliability")
_ELSEWHERE = ("config", "energy")  # of the lineage: in the JSON card, and under its own heading
_USE = """## Use

    python -m inference check model.onnx
    python -m inference predict model.onnx pictures/ --out predictions.parquet

For each answer it gives the fraction of volunteers that are expected to choose it among those who
are asked the question, with an interval. The calibration is in the file."""
_INTERVALS = """### Intervals

How many counts fell into intervals, against the intervals' own mass: counts are whole, so an
interval can rarely hold exactly what was wanted."""
_USUAL_MASS, _TOLERANCE = 0.9, 0.03  # of intervals, and how far they may be off
_FEW = 50  # galaxies below which a question's figures are not to be leaned on


def write_report(
    folder: Path,
    evaluation: Evaluation,
    *,
    card: Card,
    config: Config,
    history: Sequence[Mapping[str, Any]],
    model_sha256: str = "",
) -> None:
    """Write the report into a folder, which is replaced as a whole or not at all."""
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4()}")
    (temporary / _NEW).mkdir(parents=True)
    try:
        files = _texts(evaluation, card, config, model_sha256) | drawn(evaluation, history)
        for name, content in files.items():
            (temporary / _NEW / name).write_bytes(content)
        if folder.exists():
            folder.rename(temporary / _OLD)
        (temporary / _NEW).rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _texts(
    evaluation: Evaluation, card: Card, config: Config, model_sha256: str
) -> dict[str, bytes]:
    return {
        CARD_MD: markdown(evaluation, card, model_sha256).encode(),
        CARD_JSON: as_json(evaluation, card, config, model_sha256).encode(),
    }


def as_json(evaluation: Evaluation, card: Card, config: Config, model_sha256: str) -> str:
    """Return the card for programs."""
    values = {
        "model_id": card.model_id,
        "model_sha256": model_sha256,
        "created_at": card.created_at,
        "tree": {"key": card.tree.key, "sha256": card.tree.sha256},
        "training_data": card.training_data,
        "config": config.to_json(),
        "lineage": dict(card.lineage),
        "evaluation": evaluation.to_json(),
    }
    return json.dumps(values, indent=2, allow_nan=False) + "\n"


def drawn(evaluation: Evaluation, history: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """Return the plots by file name, PNG."""
    judged = plots.Judged(
        tree=evaluation.tree,
        expected=fractions(evaluation.alpha, evaluation.tree),
        votes=evaluation.votes,
        asked=evaluation.asked,
    )
    raw, calibrated = (
        plots.Coverage([c.nominal for c in found], [c.observed for c in found])
        for found in (evaluation.raw.coverage["all"], evaluation.scores.coverage["all"])
    )
    return {
        "loss.png": plots.loss_plot(history),
        "fractions.png": plots.fractions_plot(judged),
        "confusion.png": plots.confusion_plot(judged),
        "reliability.png": plots.reliability_plot(judged, raw, calibrated),
    }


def markdown(evaluation: Evaluation, card: Card, model_sha256: str = "") -> str:
    """Return the card for people."""
    scores, tree = evaluation.scores, evaluation.tree
    parts = [
        f"# {card.model_id}",
        _what(card, model_sha256),
        _USE,
        f"## Trained on\n\n{card.training_data or 'Votes of this site.'}",
        _judged(evaluation),
        question_table(scores, tree),
        _INTERVALS,
        coverage_table(scores.coverage["all"]),
        coverage_by_question(scores, tree),
        _groups(evaluation),
        _calibration(card),
        _lineage(card),
        _energy(card),
        "## Limits\n\n" + "\n".join(f"- {line}" for line in limits(evaluation, card)),
        "\n\n".join(f"![{name}]({name.lower()}.png)" for name in _PLOTS),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _what(card: Card, model_sha256: str) -> str:
    tree, size_px = card.tree, card.input.size_px
    name = f" SHA-256 `{model_sha256}`." if model_sha256 else ""
    return (
        f"A network that predicts how volunteers vote in the tree *{tree.title}* "
        f"({tree.n_questions} questions, {tree.n_answers} answers), made {card.created_at[:10]} "
        f"from pictures of {size_px} x {size_px} px (the central {card.input.crop:.0%} of a "
        f"picture's short side).{name}"
    )


def _judged(evaluation: Evaluation) -> str:
    return (
        f"## Judged\n\nOn {evaluation.scores.n:,} galaxies never trained on, drawn by hash, "
        f"{evaluation.n_nominal:,} of them with fractions times a nominal number of people instead "
        f"of counts. Each figure with its 95 % interval from drawing galaxies with replacement. "
        f"Negative log-likelihood: {shown(evaluation.scores.nll)} nats a galaxy; the mean "
        f"fractions for every galaxy alike would have {shown(evaluation.mean.nll)}, and knowing "
        f"nothing {shown(evaluation.flat.nll)}; without calibration {shown(evaluation.raw.nll)}. "
        f"ECE is how far the leading answer's expected fraction is from how often it is right."
    )


def question_table(scores: Scores, tree: Tree) -> str:
    """Return a table with a row a question; ECE is the calibration error of the leading answer."""
    lines = [
        "| question | galaxies | RMSE of fractions | MAE | leading right | of confident | ECE |",
        "|---|---|---|---|---|---|---|",
    ]
    for question in tree.questions:
        of = scores.questions[question.key]
        lines.append(
            f"| {question.key} | {of.n:,} | {shown(of.rmse)} | {shown(of.mae)} | "
            f"{shown(of.accuracy)} | {shown(of.confident_accuracy)} "
            f"({of.confident_accuracy.n:,}) | {number(of.calibration_error)} |"
        )
    return "\n".join(lines)


def coverage_table(found: Sequence[Coverage]) -> str:
    """Return a table with a row an interval's wanted mass."""
    lines = ["| wanted | own mass | observed | counts |", "|---|---|---|---|"]
    lines += [
        f"| {c.mass:.0%} | {number(c.nominal)} | {number(c.observed)} | {c.n:,} |" for c in found
    ]
    return "\n".join(lines)


def coverage_by_question(scores: Scores, tree: Tree) -> str:
    """Return a table with a row a question: what its intervals hold, less their own mass."""
    masses = [c.mass for c in scores.coverage["all"]]
    lines = [
        "In points, what was observed less the intervals' own mass:\n",
        f"| question | {' | '.join(f'{mass:.0%}' for mass in masses)} | counts |",
        f"|---|{'---|' * len(masses)}---|",
    ]
    for question in tree.questions:
        found = scores.coverage[question.key]
        off = " | ".join(_points(c.observed - c.nominal) for c in found)
        lines.append(f"| {question.key} | {off} | {found[0].n:,} |")
    return "\n".join(lines)


def limits(evaluation: Evaluation, card: Card) -> list[str]:
    """Return what a reader should beware of, from the figures."""
    found = []
    few = [key for key, of in evaluation.scores.questions.items() if of.n < _FEW]
    if few:
        found.append(f"Judged on fewer than {_FEW} galaxies, so not to lean on: {', '.join(few)}.")
    worse = [
        key
        for key, of in evaluation.scores.questions.items()
        if of.n and of.nll.value >= evaluation.mean.questions[key].nll.value
    ]
    if worse:
        found.append(f"No better than the mean fractions in: {', '.join(worse)}.")
    uncalibrated = [
        key for key, scale in (card.calibration.scales if card.calibration else {}).items()
        if scale == 1.0
    ]  # fmt: skip
    if card.calibration is None or uncalibrated:
        words = ", ".join(uncalibrated) or "any question"
        found.append(f"Too few galaxies to calibrate the intervals of {words}.")
    found += _wrong_intervals(evaluation.scores)
    if evaluation.n_nominal == evaluation.scores.n > 0:
        found.append(
            "No galaxy of those judged has counts of people: how often intervals hold is known for "
            "a nominal number of people only."
        )
    found.append(
        "Pictures of another survey, scale or stretch are another matter: judge them first."
    )
    return found


def _wrong_intervals(scores: Scores) -> list[str]:
    found = []
    off = [c for c in scores.coverage["all"] if abs(c.observed - c.nominal) > _TOLERANCE]
    if off:
        masses = ", ".join(f"{c.mass:.0%} ({c.observed - c.nominal:+.1%})" for c in off)
        found.append(f"Intervals are off by more than 3 points at {masses}.")
    poor = [
        f"{key} ({c.observed - c.nominal:+.1%})"
        for key, of in scores.questions.items()
        for c in scores.coverage[key]
        if c.mass == _USUAL_MASS and of.n >= _FEW and abs(c.observed - c.nominal) > _TOLERANCE
    ]
    if poor:
        found.append(
            f"Intervals of {_USUAL_MASS:.0%} are off by more than 3 points in: {', '.join(poor)}."
        )
    return found


def shown(estimate: Estimate) -> str:
    """Return a figure with its interval, as in "0.125 (0.118 to 0.131)"."""
    if estimate.n == 0:
        return "-"
    return f"{number(estimate.value)} ({number(estimate.lower)} to {number(estimate.upper)})"


def number(value: float) -> str:
    """Return a figure with three digits after the point, or a dash where there is none."""
    return "-" if value != value else f"{value:.3f}"  # noqa: PLR0124 - NaN is not itself


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}" if math.isfinite(difference) else "-"


def _cell(text: str) -> str:
    """Return a name that others chose as a table's cell: on one line, its bars kept apart."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")


def _groups(evaluation: Evaluation) -> str:
    if not evaluation.groups:
        return ""
    first = evaluation.tree.questions[0].key
    lines = [
        f"### Parts of the galaxies\n\nQuestion {first}.\n",
        "| part | galaxies | nats a galaxy | RMSE | leading answer right |",
        "|---|---|---|---|---|",
    ]
    for name, scores in evaluation.groups.items():
        of = scores.questions[first]
        lines.append(
            f"| {_cell(name)} | {scores.n:,} | {shown(scores.nll)} | {shown(of.rmse)} | "
            f"{shown(of.accuracy)} |"
        )
    return "\n".join(lines)


def _calibration(card: Card) -> str:
    if card.calibration is None:
        return ""
    scales = ", ".join(f"{key} {scale:.2f}" for key, scale in card.calibration.scales.items())
    return (
        f"## Calibration\n\nConcentrations times these factors, fitted on "
        f"{card.calibration.n_subjects:,} other galaxies: {scales}."
    )


def _lineage(card: Card) -> str:
    lines = []
    for key, value in card.lineage.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {item}" for name, item in value.items())  # noqa: PLW2901
        if value and key not in _ELSEWHERE:
            lines.append(f"- {key.replace('_', ' ')}: {value}")
    return "## Lineage\n\n" + "\n".join(lines) if lines else ""


def _energy(card: Card) -> str:
    energy = card.lineage.get("energy")
    if not isinstance(energy, Mapping):
        return ""
    least = "" if energy["is_whole"] else "at least "
    return f"## Energy\n\nThe training used {least}{energy['kwh']:.3g} kWh: {energy['basis']}."
