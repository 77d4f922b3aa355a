"""The tables of a run, and what it has missed."""

from collections.abc import Iterator

from tests.load.bot import KIND
from tests.load.figures import Figures, markdown
from tests.load.owner import Decided
from tests.load.processes import KINDS
from tests.load.run import Ran

P95_MS = 300.0
GROWTH, GROWTH_MB = 1.05, 10.0  # of memory, from the middle to the end
SLOWER = 1.25  # times as long as without the bot is "unaffected", on a machine that drifts


def tables(ran: Ran, decided: Decided) -> str:
    """Return everything that was measured, as Markdown."""
    plan = ran.plan
    votes = ran.people.counts["votes"]
    galaxy_s = plan.n_people * ran.took_s / max(votes, 1)
    n_requests = sum(map(len, ran.people.seconds.values()))
    people = (
        f"{plan.n_people} people for {ran.took_s:.0f} s: {votes:,} votes, "
        f"{votes / ran.took_s:.1f} a second, one galaxy in {galaxy_s:.1f} s each; "
        f"{n_requests / ran.took_s:.0f} requests a second."
    )
    bot = (
        f"Then one bot sends {plan.bot_per_minute:,} answers a minute for {plan.bot_s:.0f} s "
        "among them. The people:"
    )
    parts = [
        people, ran.people.table(), _processes(ran), bot, ran.with_bot.table(), "The bot:",
        ran.bot.table(), _bot(ran, decided),
    ]  # fmt: skip
    return "\n\n".join(parts)


def _processes(ran: Ran) -> str:
    (_, first), *_, (_, last), _ = ran.uses
    between_s = ran.took_s - ran.plan.ramp_s
    rows = [
        [kind, str(last.n[kind]), *(f"{use.memory_mb[kind]:.0f}" for _, use in ran.uses),
         f"{(last.cpu_s[kind] - first.cpu_s[kind]) / between_s:.2f}"]
        for kind in KINDS
    ]  # fmt: skip
    every = [sum(use.memory_mb.values()) for _, use in ran.uses]
    cores = (sum(last.cpu_s.values()) - sum(first.cpu_s.values())) / between_s
    rows.append(["all", str(sum(last.n.values())), *(f"{mb:.0f}" for mb in every), f"{cores:.2f}"])
    headings = [f"MB at the {name}" for name, _ in ran.uses[:3]] + ["MB at the bot's end"]
    return markdown(["processes", "n", *headings, "cores"], rows)


def _bot(ran: Ran, decided: Decided) -> str:
    counts = ", ".join(f"{n:,} {name}" for name, n in sorted(ran.bot.counts.items()))
    before, excluded, after = decided.n_counted
    return (
        f"{counts}. Stored {decided.n_stored}. The owner reads: {decided.words!r} Its answers that "
        f"count: {before}; {excluded} when it was excluded ({decided.took_s[0]:.1f} s later); "
        f"{after} when it was taken back ({decided.took_s[1]:.1f} s later). recount: 0 differences "
        "both times."
    )


def missed(ran: Ran, decided: Decided) -> list[str]:
    """Return what should have been and was not, a sentence each."""
    return [
        *_slow_or_wrong("without the bot", ran.people),
        *_slow_or_wrong("with the bot", ran.with_bot),
        *_slower(ran),
        *_grown(ran),
        *_few(ran),
        *not_stopped(ran, decided),
    ]


def _slow_or_wrong(when: str, people: Figures) -> Iterator[str]:
    if people.n_errors:
        yield f"{people.n_errors} errors {when}: {'; '.join(people.samples)}"
    for kind in people.seconds:
        if (took_ms := people.p_ms(kind, 95)) >= P95_MS:
            yield f"{kind}: p95 {took_ms:.0f} ms {when}, not under {P95_MS:.0f}"


def _slower(ran: Ran) -> Iterator[str]:
    for kind, took in ran.with_bot.seconds.items():
        before_ms, with_ms = ran.people.p_ms(kind, 95), ran.with_bot.p_ms(kind, 95)
        if len(took) > 100 and before_ms and with_ms > max(SLOWER * before_ms, before_ms + 20):
            yield f"{kind}: p95 {with_ms:.0f} ms with the bot, {before_ms:.0f} ms without"


def _grown(ran: Ran) -> Iterator[str]:
    middle, end = ran.uses[1][1].memory_mb, ran.uses[2][1].memory_mb
    for kind in KINDS:
        if kind != "client" and end[kind] > max(middle[kind] * GROWTH, middle[kind] + GROWTH_MB):
            yield f"{kind}: {middle[kind]:.0f} MB in the middle, {end[kind]:.0f} MB at the end"


def _few(ran: Ran) -> Iterator[str]:
    sent = len(ran.bot.seconds.get(KIND, []))
    n_due = int(ran.plan.bot_per_minute * ran.plan.bot_s / 60)
    if sent < 0.98 * n_due:
        yield f"the bot sent {sent:,} of {n_due:,} answers: the machine is too slow to say more"


def not_stopped(ran: Ran, decided: Decided) -> Iterator[str]:
    """Say in which way the bot was not stopped, raised, excluded and taken back."""
    if ran.bot.n_errors:
        yield f"{ran.bot.n_errors} wrong answers to the bot: {'; '.join(ran.bot.samples)}"
    if not ran.bot.counts["answered 429"]:
        yield "the bot was never answered 429"
    n_told = ran.bot.counts["answered 200"]
    if n_told != decided.n_stored:
        yield f"the bot was told of {n_told} answers, and {decided.n_stored} are stored"
    before, excluded, after = decided.n_counted
    if excluded or before != after or not before:
        yield f"of the bot's answers {before}, then {excluded}, then {after} counted"
