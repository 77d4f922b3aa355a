"""The tables of a replay, Markdown."""

from collections.abc import Callable, Sequence

import numpy as np

from tests.bench.replay.curves import AGREEMENTS, Interval, value_at, votes_to_reach
from tests.bench.replay.measure import Figures
from tests.bench.replay.run import (
    ALONE,
    ALONE_TREE,
    FIXED,
    NETWORK,
    NETWORK_TREE,
    SWAP,
    Curves,
)

GZX_AGREEMENT = 0.931  # Beck et al. 2018: SWAP with a random forest, at least 8 times fewer
NEAR = 0.005  # what counts as the agreement of 40 votes
_ARMS = (FIXED, SWAP, ALONE, NETWORK)
_TREE_ARMS = (FIXED, ALONE_TREE, NETWORK_TREE)
_VOTES = (2, 3, 5, 10, 20)
FIXED_VOTES = 40  # fewer where fewer real people were counted

Level = Callable[[Curves], float]


def tables(seeds: Sequence[dict[str, Curves]]) -> str:
    """Return all tables: what was wanted first, of the first campaign, then each campaign's."""
    names = list(seeds[0])
    pictured = [seed[names[0]] for seed in seeds]
    parts = [_wanted(pictured)]
    for name in names:
        parts += [f"### {name}", _fewer([seed[name] for seed in seeds])]
        if name == names[0]:
            parts.append(_figures(pictured))
    return "\n\n".join(parts)


def _wanted(seeds: Sequence[Curves]) -> str:
    """Return what the proof is to show and what it shows."""
    rows = [
        _factor_row("clear galaxies, within 0.5 points of 40 votes", 8, seeds, "clear", _near),
        _factor_row("clear galaxies, 93.1 %", 14, seeds, "clear", lambda _: GZX_AGREEMENT),
        _factor_row("all galaxies, at the agreement of 40 votes", 5, seeds, "agreement", _matched),
    ]
    for name, words in (
        ("tree_rmse", "shares of all people"),
        ("asked_rmse", "fractions within questions"),
    ):
        theirs = Interval.of([value_at(seed[FIXED], name, 10) for seed in seeds])
        wanted = f"at most that of 10 fixed votes, {theirs.words(4)}"
        for counted, whose in (("votes", "a judged galaxy"), ("campaign_votes", "over all")):
            at = [value_at(seed[NETWORK_TREE], name, 3, counted) for seed in seeds]
            what = f"whole tree, RMSE of {words}, 3 votes {whose}"
            rows.append(f"| {what} | {wanted} | {Interval.of(at).words(4)} |")
    return "\n".join(["| | wanted | measured |", "|---|---|---|", *rows])


def _factor_row(words: str, wanted: int, seeds: Sequence[Curves], name: str, level: Level) -> str:
    factors = [
        _all_votes(seed) / votes_to_reach(seed[NETWORK], name, level(seed)) for seed in seeds
    ]
    return f"| {words} | {wanted} times fewer than 40 | {Interval.of(factors).words(1)} |"


def _fewer(seeds: Sequence[Curves]) -> str:
    """Return the votes a galaxy that each arm needs."""
    goals: list[tuple[str, str, Level]] = [
        ("clear, as 40 votes less 0.5 points", "clear", _near),
        ("clear, 93.1 %", "clear", lambda _: GZX_AGREEMENT),
        ("all, as 40 votes less 0.5 points", "agreement", lambda seed: _matched(seed) - NEAR),
        ("all, as 40 votes", "agreement", _matched),
    ]
    lines = [
        "Votes a galaxy for an agreement with the whole crowd's leading answer:",
        "",
        f"| | {' | '.join(words for words, *_ in goals)} |",
        "|---" * (len(goals) + 1) + "|",
    ]
    for arm in _present(_ARMS, seeds):
        cells = [
            Interval.of([votes_to_reach(seed[arm], name, level(seed)) for seed in seeds]).words(1)
            for _, name, level in goals
        ]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _figures(seeds: Sequence[Curves]) -> str:
    """Return agreement and errors at some numbers of votes."""
    headings = (
        "votes a galaxy",
        "agreement, clear",
        "agreement, all",
        "RMSE, first question",
        "RMSE, shares of all people",
        "RMSE, within questions",
    )
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for arm in _present(dict.fromkeys((*_ARMS, *_TREE_ARMS)), seeds):
        for votes in (*_VOTES, *((FIXED_VOTES,) if arm == FIXED else ())):
            cells = [_cell(seeds, arm, name, votes) for name in _names()]
            if any(cells):
                lines.append(f"| {arm}, {votes:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(seeds: Sequence[Curves], arm: str, name: str, votes: float) -> str:
    """Return a figure's interval; nothing where an arm says nothing of it."""
    if arm == SWAP and name not in AGREEMENTS:
        return ""
    values = [
        getattr(seed[arm][-1], name) if votes == FIXED_VOTES else value_at(seed[arm], name, votes)
        for seed in seeds
    ]
    digits = 3 if name in AGREEMENTS else 4
    return Interval.of(values).words(digits) if np.isfinite(values).all() else ""


def _names() -> list[str]:
    return [name for name in Figures.__dataclass_fields__ if "votes" not in name]


def _present(arms: Sequence[str] | dict[str, None], seeds: Sequence[Curves]) -> list[str]:
    return [arm for arm in arms if arm in seeds[0]]


def _all_votes(seed: Curves) -> float:
    """Return the votes of "fixed 40": fewer where fewer real people were counted."""
    return seed[FIXED][-1].votes


def _near(seed: Curves) -> float:
    return seed[FIXED][-1].clear - NEAR


def _matched(seed: Curves) -> float:
    return seed[FIXED][-1].agreement
