"""python -m tests.load: 200 volunteers for ten minutes, then a bot; prints tables.

The exit code is 1, and says what it was, if anything was missed.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.bench.__main__ import machine
from tests.load import report, run
from tests.load.owner import decide


def main() -> int:
    """Run it on a site of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--volunteers", type=int, default=200)
    given = parser.parse_args()
    seconds = given.minutes * 60
    plan = run.Plan(
        n_people=given.volunteers, seconds=seconds, ramp_s=min(60, seconds / 3),
        bot_s=min(120, max(20, seconds / 5)),
    )  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="tuning-fork-load-"))
    try:
        words, missed = _run(folder, plan)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(machine(), words, sep="\n\n")
    for each in missed:
        print(f"Missed: {each}", file=sys.stderr)
    return 1 if missed else 0


def _run(folder: Path, plan: run.Plan) -> tuple[str, list[str]]:
    say("Making a campaign, and starting its site.")
    with run.site(folder, plan) as (site, supervisor):
        say(f"{plan.n_people} people for {plan.seconds:.0f} s, a bot for {plan.bot_s:.0f} s.")
        ran = asyncio.run(run.load(site, supervisor, plan))
        say("The owner excludes the bot, and takes it back.")
        decided = asyncio.run(decide(site, ran.holder))
    return report.tables(ran, decided), report.missed(ran, decided)


def say(words: str) -> None:
    """Tell who waits how far it is."""
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
