"""The picture of a replay: votes a galaxy against agreement and against error."""

import io
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from tests.bench.replay.curves import Interval, column, value_at
from tests.bench.replay.measure import Figures
from tests.bench.replay.run import ALONE, ALONE_TREE, FIXED, NETWORK, NETWORK_TREE, SWAP, Curves

# Amber is what people say, blue what a network helps to say, as on the site's own plots.
_COLORS = {
    FIXED: "#8a5300",
    SWAP: "#009e73",
    ALONE: "#8c8fa3",
    NETWORK: "#1b5cad",
    ALONE_TREE: "#8c8fa3",
    NETWORK_TREE: "#1b5cad",
}
_FIRST, _TREE = (FIXED, SWAP, ALONE, NETWORK), (FIXED, ALONE_TREE, NETWORK_TREE)
_PANELS = (
    ("clear", "Agreement, leading share 0.6 or more", _FIRST),
    ("agreement", "Agreement, all galaxies", _FIRST),
    ("first_rmse", "RMSE, first question", (FIXED, ALONE, NETWORK, NETWORK_TREE)),
    ("tree_rmse", "RMSE, whole tree, shares of all people", _TREE),
)
_LEAST_AGREEMENT = 0.7
_TICKS = (1, 2, 3, 5, 10, 20, 40)


def png(seeds: Sequence[Curves]) -> bytes:
    """Return a campaign's picture, PNG: means over seeds and their 95 % intervals."""
    with mpl.rc_context({"font.size": 9.5, "axes.grid": True, "grid.alpha": 0.4}):
        figure = Figure(figsize=(10, 7.5), dpi=130, layout="constrained", facecolor="#fdfcf8")
        FigureCanvasAgg(figure)
        for axes, (name, title, arms) in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
            for arm in arms:
                if arm in seeds[0]:
                    _draw(axes, [seed[arm] for seed in seeds], name, arm)
            _dress(axes, name, title)
        file = io.BytesIO()
        figure.savefig(file, format="png", metadata={"Software": None})
        return file.getvalue()


def _draw(axes: Axes, curves: Sequence[list[Figures]], name: str, arm: str) -> None:
    ends = [column(curve, "votes")[[0, -1]] for curve in curves]
    low, high = max(end[0] for end in ends), min(end[1] for end in ends)
    votes = np.geomspace(low, high, 60).clip(low, high)
    points = [Interval.of([value_at(curve, name, at) for curve in curves]) for at in votes]
    color, dashes = _COLORS[arm], "--" if arm in _TREE[1:] and "first" in name else "-"
    axes.plot(votes, [p.mean for p in points], dashes, color=color, lw=1.8, label=arm)
    axes.fill_between(
        votes, [p.low for p in points], [p.high for p in points], color=color, alpha=0.2, lw=0
    )


def _dress(axes: Axes, name: str, title: str) -> None:
    axes.set_xscale("log")
    axes.set_xticks(_TICKS, [str(tick) for tick in _TICKS])
    axes.minorticks_off()
    axes.set(xlabel="Votes per galaxy, all of the campaign counted", title=title)
    if "rmse" not in name:
        axes.set_ylim(_LEAST_AGREEMENT, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    else:
        axes.set_ylim(bottom=0)
    axes.legend(fontsize=8.5)
