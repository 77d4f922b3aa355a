"""Tables of medians with their spread."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A case and its figures: for each column the values of all runs."""

    name: str
    columns: list[list[float]]


def of_runs(name: str, runs: list[list[float]]) -> Row:
    """Turn runs of figures into figures of runs."""
    return Row(name, [list(column) for column in zip(*runs, strict=True)])


def table(headings: list[str], rows: list[Row]) -> str:
    """Return a Markdown table; each cell is the median and, in brackets, minimum and maximum."""
    lines = [f"| {' | '.join(headings)} |", f"| {' | '.join('---' for _ in headings)} |"]
    lines += [f"| {row.name} | {' | '.join(map(_cell, row.columns))} |" for row in rows]
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
