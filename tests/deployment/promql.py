"""As much of PromQL as the shipped rules and the dashboard use, evaluated on two scrapes.

The grammar is promql-parser's; what an expression is worth follows Prometheus' documentation.
"""

import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser
from prometheus_client.parser import text_string_to_metric_families
from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    VectorSelector,
)

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
OVER: dict[str, Callable[[list[float]], float]] = {"sum": sum, "max": max, "min": min}
OPERATORS: dict[str, Callable[[float, float], Any]] = {
    ">": operator.gt, "<": operator.lt, "==": operator.eq, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
COMPARISONS = (">", "<", "==")


@dataclass(frozen=True)
class Scrape:
    """What /metrics said once: each series' value, and whether the site answered at all."""

    series: dict[tuple[str, Labels], float]
    names: dict[str, set[str]]  # of every metric: the names of its labels

    @classmethod
    def read(cls, text: str, *, is_up: bool) -> "Scrape":
        """Return the figures of an exposition, with Prometheus' own `up`."""
        series = {("up", frozenset({("job", "site")})): float(is_up)}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                series[sample.name, frozenset(sample.labels.items())] = sample.value
        names: dict[str, set[str]] = defaultdict(set)
        for name, labels in series:
            names[name] |= {label for label, _ in labels}
        return cls(series, names)


@dataclass(frozen=True)
class Scrapes:
    """Two scrapes, and the seconds between them."""

    before: Scrape
    after: Scrape
    seconds: float = 15.0

    def value(self, expression: str) -> Vector:
        """Return the vector that an expression gives; an alert fires for each element of it."""
        found = self._value(promql_parser.parse(expression))
        assert isinstance(found, dict), f"{expression} is one number"
        return found

    def _value(self, node: Any) -> Any:
        match node:
            case NumberLiteral():
                found: Any = float(node.val)
            case ParenExpr():
                found = self._value(node.expr)
            case VectorSelector():
                found = _selected(self.after, node)
            case AggregateExpr():
                found = _aggregated(node, self._value(node.expr))
            case BinaryExpr():
                found = _binary(str(node.op), self._value(node.lhs), self._value(node.rhs))
            case Call() if node.func.name == "rate":
                found = self._rate(node.args[0])
            case Call() if node.func.name == "histogram_quantile":
                found = _quantiles(self._value(node.args[0]), self._value(node.args[1]))
            case _:
                raise NotImplementedError(f"{type(node).__name__}: {node}")
        return found

    def _rate(self, node: MatrixSelector) -> Vector:
        """A series that is new has no rate yet, as in Prometheus."""
        before = _selected(self.before, node.vector_selector)
        after = _selected(self.after, node.vector_selector)
        return {key: (after[key] - before[key]) / self.seconds for key in after.keys() & before}


def selectors(node: Any) -> Iterator[VectorSelector]:
    """Yield every selector of an expression."""
    if isinstance(node, VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield from selectors(child)
    for argument in getattr(node, "args", ()):
        yield from selectors(argument)


def _selected(scrape: Scrape, node: VectorSelector) -> Vector:
    return {
        labels: value
        for (name, labels), value in scrape.series.items()
        if name == node.name and all(_fits(one, dict(labels)) for one in node.matchers.matchers)
    }


def _fits(matcher: Any, labels: dict[str, str]) -> bool:
    found, kind = labels.get(matcher.name, ""), str(matcher.op).rpartition(".")[2]
    if kind in ("Equal", "NotEqual"):
        return (found == str(matcher.value)) == (kind == "Equal")
    return (re.fullmatch(matcher.value, found) is not None) == (kind == "Re")


def _aggregated(node: AggregateExpr, vector: Vector) -> Vector:
    by = set(node.modifier.labels) if node.modifier else set()
    groups: dict[Labels, list[float]] = defaultdict(list)
    for labels, value in vector.items():
        groups[frozenset(pair for pair in labels if pair[0] in by)].append(value)
    return {labels: float(OVER[str(node.op)](values)) for labels, values in groups.items()}


def _binary(op: str, left: Any, right: Any) -> Any:
    if isinstance(left, dict):
        pairs = {
            key: (value, right if isinstance(right, float) else right[key])
            for key, value in left.items()
            if isinstance(right, float) or key in right
        }
        if op in COMPARISONS:
            return {key: one for key, (one, other) in pairs.items() if OPERATORS[op](one, other)}
        return {key: OPERATORS[op](one, other) for key, (one, other) in pairs.items()}
    if isinstance(right, dict):
        return {key: OPERATORS[op](left, value) for key, value in right.items()}
    return OPERATORS[op](left, right)


def _quantiles(share: float, buckets: Vector) -> Vector:
    """Interpolate within the bucket in which the share lies."""
    groups: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for labels, count in buckets.items():
        rest = frozenset(pair for pair in labels if pair[0] != "le")
        groups[rest].append((float(dict(labels)["le"]), count))
    return {labels: _quantile(share, sorted(found)) for labels, found in groups.items()}


def _quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    rank = share * buckets[-1][1]
    low, under = 0.0, 0.0
    for high, count in buckets:
        if count >= rank:
            if math.isinf(high) or count == under:
                return low
            return low + (high - low) * (rank - under) / (count - under)
        low, under = high, count
    return math.nan
