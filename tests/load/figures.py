"""What was measured: seconds by kind of request, and what went wrong."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Figures:
    """The requests of one part of a run; a part ends when `next_part` is called."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    samples: list[str] = field(default_factory=list)  # of errors, in words
    counts: Counter[str] = field(default_factory=Counter)  # of anything else

    def note(self, kind: str, took_s: float) -> None:
        """Remember how long a request took."""
        self.seconds.setdefault(kind, []).append(took_s)

    def fail(self, kind: str, words: str) -> None:
        """Remember that something went wrong."""
        self.errors[kind] += 1
        if len(self.samples) < 20:
            self.samples.append(f"{kind}: {words[:500]}")

    def next_part(self) -> "Figures":
        """Begin anew, and return what there was until now."""
        ended = Figures(self.seconds, self.errors, self.samples, self.counts)
        self.seconds, self.errors, self.samples, self.counts = {}, Counter(), [], Counter()
        return ended

    @property
    def n_errors(self) -> int:
        """How many requests went wrong."""
        return self.errors.total()

    def p_ms(self, kind: str, percent: int) -> float:
        """Return a percentile of a kind in milliseconds, 0 without any."""
        return percentile_ms(self.seconds.get(kind, []), percent)

    def worst_p95_ms(self) -> float:
        """Return the p95 of the kind whose p95 is longest."""
        return max((self.p_ms(kind, 95) for kind in self.seconds), default=0.0)

    def table(self) -> str:
        """Return the requests as a Markdown table, milliseconds by kind."""
        rows = [
            [kind, f"{len(took):,}", *(f"{self.p_ms(kind, p):.0f}" for p in (50, 95, 99)),
             f"{max(took) * 1000:.0f}", str(self.errors[kind])]
            for kind, took in self.seconds.items()
        ]  # fmt: skip
        rows += [
            [kind, "0", "", "", "", "", str(n)]
            for kind, n in self.errors.items()
            if kind not in self.seconds
        ]
        every = [second for took in self.seconds.values() for second in took]
        rows.append(
            ["all", f"{len(every):,}", *(f"{percentile_ms(every, p):.0f}" for p in (50, 95, 99)),
             f"{max(every, default=0) * 1000:.0f}", str(self.n_errors)]
        )  # fmt: skip
        return markdown(["request", "n", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors"], rows)


def percentile_ms(seconds: Sequence[float], percent: int) -> float:
    """Return a percentile in milliseconds; of a single value, that value."""
    if len(seconds) < 2:
        return sum(seconds) * 1000
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1] * 1000


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
