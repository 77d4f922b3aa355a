"""The plots of a model card, as PNG files: the same figures give the same bytes.

Quiet and on paper, as the site: amber is what people said, blue what a network says.
"""

import io
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from inference.formats.tree import Answer, Question, Tree

Floats = NDArray[np.floating[Any]]

MOST_PANELS = 4
FEWEST_GALAXIES = 50  # a question with fewer is drawn only where no question has more
_MOST_POINTS = 3000
# The style is global in matplotlib; it is ours only while one figure is made.
_ONE_AT_A_TIME = threading.Lock()
_DPI, _WIDTH_IN = 200, 8.0  # shown at half size, 800 px, on a page

_GROUND, _INK, _MUTED, _LINE = "#fdfcf8", "#1c212b", "#535a68", "#d6d0c1"
_PEOPLE, _MACHINE = "#8a5300", "#1b5cad"
# Okabe and Ito's, told apart by color-blind readers; each with a mark of its own.
_ANSWER_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#1c212b")
_ANSWER_MARKS = ("o", "s", "^", "D", "v", "P", "X")
_BLUES = LinearSegmentedColormap.from_list("machine", [_GROUND, "#9dbbe0", _MACHINE])
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": 9.5,
    "figure.facecolor": _GROUND,
    "axes.facecolor": _GROUND,
    "axes.edgecolor": _MUTED,
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.5,
    "text.color": _INK,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "legend.frameon": True,
    "legend.framealpha": 0.85,
    "legend.facecolor": _GROUND,
    "legend.edgecolor": "none",
    "legend.fontsize": 8.5,
}


@dataclass(frozen=True, eq=False)
class Judged:
    """What a network expected of galaxies, and what people then said."""

    tree: Tree
    expected: Floats  # (N, K), vote fractions within each question
    votes: Floats  # (N, K), people
    asked: Floats  # (N, Q), people
    min_asked: float = 10.0  # people; fractions of fewer are mostly noise

    def of(self, question: Question) -> tuple[Floats, Floats]:
        """Return expected and observed fractions, (n, answers), of galaxies with enough people."""
        known = self.asked[:, question.index] >= self.min_asked
        span = slice(question.span.start, question.span.stop)
        people = self.asked[known, question.index, None]
        return self.expected[known, span], self.votes[known, span] / people

    def panels(self, *, single: bool = False) -> list[Question]:
        """Return the first questions of the tree that have enough galaxies, at most four."""
        counts = (self.asked >= self.min_asked).sum(0)
        found = [q for q in self.tree.questions if counts[q.index] and (q.is_single or not single)]
        enough = [q for q in found if counts[q.index] >= FEWEST_GALAXIES]
        return (enough or found)[:MOST_PANELS]


@dataclass(frozen=True)
class Coverage:
    """Shares of counts inside intervals, against the share that the intervals claim."""

    nominal: Sequence[float]
    observed: Sequence[float]


def loss_plot(history: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the loss curves of a training as a PNG file.

    Args:
        history: rows with "epoch", "loss" and "validation_loss", nats a galaxy.
    """
    with _figure(3.8) as (figure, png):
        axes = figure.subplots()
        if not history:
            _say_empty(axes, "No epoch was finished.")
            return png()
        epochs = [row["epoch"] for row in history]
        validation = [row["validation_loss"] for row in history]
        axes.plot(epochs, [row["loss"] for row in history], color=_MUTED, ls="--", label="Training")
        axes.plot(epochs, validation, color=_MACHINE, lw=2, label="Validation")
        best = int(np.argmin(validation))
        axes.plot(epochs[best], validation[best], "o", color=_MACHINE, ms=7)
        axes.annotate(
            f"best: {validation[best]:.3f} in epoch {epochs[best]}",
            (epochs[best], validation[best]),
            xytext=(0, 14),
            textcoords="offset points",
            ha="right" if best > len(epochs) / 2 else "left",
            color=_MACHINE,
        )
        axes.set(xlabel="Epoch", ylabel="Loss (nats per galaxy)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="upper right")
        axes.set_title("Loss")
        return png()


def fractions_plot(judged: Judged) -> bytes:
    """Return expected against observed vote fractions of the first questions as a PNG file."""
    questions = judged.panels()
    with _panels(len(questions), 4.4) as (figure, grid, png):
        for question, axes in zip(questions, grid, strict=False):
            _fractions_panel(axes, question, *judged.of(question))
        if not questions:
            _say_empty(grid[0], f"No galaxy was seen by {judged.min_asked:g} people.")
        else:
            figure.supxlabel("Fraction the network expects", fontsize=9.5)
            figure.supylabel("Fraction of people", fontsize=9.5)
        return png()


def _fractions_panel(axes: Axes, question: Question, expected: Floats, observed: Floats) -> None:
    # The same few points of a large set on every run, and no regular stride through it.
    chosen = np.random.default_rng(0).permutation(len(expected))[:_MOST_POINTS]
    side = 3.5 if len(chosen) < 1000 else 2.0
    axes.plot([0, 1], [0, 1], color=_MUTED, lw=0.8)
    for number, answer in enumerate(_told_apart(question)):
        error = float(np.sqrt(np.mean((expected[:, number] - observed[:, number]) ** 2)))
        axes.plot(
            expected[chosen, number],
            observed[chosen, number],
            _ANSWER_MARKS[number % len(_ANSWER_MARKS)],
            color=_ANSWER_COLORS[number % len(_ANSWER_COLORS)],
            ms=side,
            mew=0,
            alpha=0.4,
            label=f"{answer.label}, {error:.3f}",
        )
    # Beside the points, not over them: what lies far from the line is what matters.
    legend = axes.legend(
        loc="upper left",
        bbox_to_anchor=(-0.06, -0.09),
        ncols=2 if len(question.answers) > 3 else 1,
        markerscale=6 / side,
        handletextpad=0.1,
        columnspacing=0.8,
        title="Answer, RMSE",
        alignment="left",
        title_fontsize=8.5,
    )
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_title(f"{question.key}, {len(expected):,} galaxies")


def _told_apart(question: Question) -> tuple[Answer, ...]:
    """Return the answers to draw: the second of two is the mirror of the first."""
    is_pair = question.is_single and len(question.answers) == 2
    return question.answers[:1] if is_pair else question.answers


def confusion_plot(judged: Judged) -> bytes:
    """Return leading answers, the crowd's against the network's, as a PNG file."""
    questions = judged.panels(single=True)
    with _panels(len(questions), 3.6) as (figure, grid, png):
        for question, axes in zip(questions, grid, strict=False):
            expected, observed = judged.of(question)
            _confusion_panel(axes, question, expected.argmax(1), observed.argmax(1))
        if not questions:
            _say_empty(grid[0], f"No galaxy was seen by {judged.min_asked:g} people.")
        else:
            figure.supxlabel("Leading answer of the network", fontsize=9.5, color=_MACHINE)
            figure.supylabel(
                "Leading answer of the people\n(each row adds up to 100 %)",
                fontsize=9.5,
                color=_PEOPLE,
            )
        return png()


def _confusion_panel(
    axes: Axes, question: Question, network: NDArray[np.int64], people: NDArray[np.int64]
) -> None:
    n_answers = len(question.answers)
    counts = np.zeros((n_answers, n_answers), int)
    np.add.at(counts, (people, network), 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap=_BLUES, vmin=0, vmax=1)
    is_small = n_answers > 4
    for row, column in np.ndindex(counts.shape):
        if not counts[row].sum():
            continue
        share = shares[row, column]
        text = f"{share:.0%}" if is_small else f"{share:.0%}\n{counts[row, column]:,}"
        color = _GROUND if share > 0.8 else _INK
        axes.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            color=color,
            fontsize=7.5 + 1.5 * (not is_small),
        )
    labels = [textwrap.fill(answer.label, 12) for answer in question.answers]
    places = range(n_answers)
    axes.set_xticks(places, labels, fontsize=8)
    if is_small:
        for label in axes.get_xticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, labels, fontsize=8)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    right = np.trace(counts) / max(1, counts.sum())
    axes.set_title(f"{question.key}\n{right:.1%} agree of {counts.sum():,}")


def reliability_plot(judged: Judged, raw: Coverage, calibrated: Coverage) -> bytes:
    """Return how far the network's fractions and intervals can be trusted as a PNG file."""
    with _panels(2, 4.0) as (_, (left, right), png):
        _fraction_reliability(left, judged)
        _interval_reliability(right, raw, calibrated)
        return png()


def _fraction_reliability(axes: Axes, judged: Judged) -> None:
    axes.plot([0, 1], [0, 1], color=_MUTED, lw=0.8)
    pairs = [judged.of(question) for question in judged.tree.questions]
    expected = np.concatenate([pair[0].ravel() for pair in pairs])
    observed = np.concatenate([pair[1].ravel() for pair in pairs])
    label: str | None = "Mean, and the middle 68 %"
    for center, mean, low, high in _tenths(expected, observed):
        axes.plot([center, center], [low, high], color=_MACHINE, lw=1)
        axes.plot(center, mean, "o", color=_MACHINE, ms=5, label=label)
        label = None
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set(xlabel="Fraction the network expects", ylabel="Fraction of people")
    axes.set_title("Fractions, all answers")
    if label is None:
        axes.legend(loc="upper left")


def _tenths(expected: Floats, observed: Floats) -> Iterator[tuple[float, float, float, float]]:
    """Yield per tenth of the expected fractions their mean; mean, 16 % and 84 % of the observed."""
    place = np.clip((expected * 10).astype(int), 0, 9)
    for number in range(10):
        part = observed[place == number]
        if len(part):
            low, high = np.quantile(part, [0.16, 0.84])
            center = expected[place == number].mean()
            yield float(center), float(part.mean()), float(low), float(high)


def _interval_reliability(axes: Axes, raw: Coverage, calibrated: Coverage) -> None:
    shares = [*raw.nominal, *raw.observed, *calibrated.nominal, *calibrated.observed]
    least = max(0.0, np.floor(min(shares, default=0.5) * 10) / 10 - 0.05)
    ends = np.array([0.0, 1.0])
    axes.fill_between(ends, ends - 0.03, ends + 0.03, color=_LINE, alpha=0.6, lw=0)
    axes.plot(ends, ends, color=_MUTED, lw=0.8)
    axes.plot(
        raw.nominal, raw.observed, "s--", color=_MUTED, mfc=_GROUND, label="Before calibration"
    )
    axes.plot(
        calibrated.nominal, calibrated.observed, "o-", color=_MACHINE, label="After calibration"
    )
    axes.set(xlim=(least, 1.01), ylim=(least, 1.01), aspect="equal")
    axes.set(xlabel="Share the intervals claim", ylabel="Share of counts inside")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.legend(loc="upper left")
    axes.set_title("Intervals, all questions")


def _say_empty(axes: Axes, sentence: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, sentence, ha="center", va="center", color=_MUTED, transform=axes.transAxes)


@contextmanager
def _figure(
    height_in: float, width_in: float = _WIDTH_IN
) -> Iterator[tuple[Figure, Callable[[], bytes]]]:
    """Give a figure in our style, and what turns it into a PNG file; pyplot stays out of it."""
    with _ONE_AT_A_TIME, mpl.rc_context():
        mpl.rcdefaults()  # whatever this user prefers
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(width_in, height_in), dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)

        def png() -> bytes:
            file = io.BytesIO()
            figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
            return file.getvalue()

        yield figure, png


@contextmanager
def _panels(
    n_panels: int, height_in: float
) -> Iterator[tuple[Figure, list[Axes], Callable[[], bytes]]]:
    """Give two panels a row, one panel where there is but one, even for none."""
    n_rows = max(1, (n_panels + 1) // 2)
    width_in = _WIDTH_IN if n_panels > 1 else height_in + 0.6
    with _figure(height_in * n_rows, width_in) as (figure, png):
        grid = figure.subplots(n_rows, 1 if n_panels < 2 else 2, squeeze=False).ravel().tolist()
        for axes in grid[max(1, n_panels) :]:
            axes.set_visible(False)
        yield figure, grid, png
