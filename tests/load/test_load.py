"""The load, small: everybody gets through, and a bot is stopped, raised and taken out."""

import asyncio

import pytest

from tests.load import pages, report, run
from tests.load.figures import Figures
from tests.load.owner import decide
from tests.load.volunteer import Pace

SMALL = run.Plan(
    n_people=10, seconds=8, ramp_s=2, bot_s=6, bot_per_minute=2400,
    pace=Pace(look_s=(0.1, 0.4), answer_s=(0.05, 0.2)),
)  # fmt: skip


@pytest.mark.processes
@pytest.mark.slow
def test_people_classify_through_every_page_and_a_bot_is_stopped(tmp_path):
    with run.site(tmp_path, SMALL, ANSWERS_PER_MINUTE="30") as (site, supervisor):
        ran = asyncio.run(run.load(site, supervisor, SMALL))
        decided = asyncio.run(decide(site, ran.holder))
        ((n_stored,),) = site.sql("SELECT count(*) FROM classifications_classification")

    assert (ran.people.samples, ran.with_bot.samples) == ([], [])
    assert {"home", "sign in", "questions", "answer", "galaxy ahead", "question", "picture",
            "vote, no script", "galaxy after a vote"} <= ran.people.seconds.keys()  # fmt: skip
    assert list(report.not_stopped(ran, decided)) == []
    acknowledged = ran.people.counts["votes"] + ran.with_bot.counts["votes"]
    assert 0 <= n_stored - acknowledged - decided.n_stored <= SMALL.n_people  # the last ones
    used = ran.uses[-1][1]
    assert all(used.memory_mb[kind] > 1 for kind in ("web", "database", "worker", "client"))
    assert "| galaxy ahead |" in report.tables(ran, decided)


def test_a_run_says_what_it_has_missed():
    people = Figures({"question": [0.31] * 200})
    people.fail("question", "500: nothing")
    ran = run.Ran(SMALL, people, Figures({"question": [0.5] * 200}), Figures(), "", [])
    words = [*report._slow_or_wrong("alone", people), *report._slower(ran), *report._few(ran)]
    assert words == [
        "1 errors alone: question: 500: nothing",
        "question: p95 310 ms alone, not under 300",
        "question: p95 500 ms with the bot, 310 ms without",
        "the bot sent 0 of 240 answers: the machine is too slow to say more",
    ]


PAGE = """
<link href="/static/css/a.css"><img src="/media/display/x.jpg" alt=""><a href="/static/no">no</a>
<form method="get" action="/here?a=1&amp;b=2" hx-get="/part"><input type="hidden" name="after"
value="7"><button class="answer" type="submit" name="answers" value="3">Smooth</button></form>
<form class="done" method="post" action="/submit" hx-post="/submit"><button type="submit"
disabled>Done</button></form>
"""


def test_a_page_is_read_as_a_browser_does():
    question, done = pages.question(PAGE), pages.done(PAGE)
    assert question.action == "/here?a=1&b=2"
    assert question.hidden() == {"after": "7"}
    assert [(each.name, each.value) for each in question.choices] == [("answers", "3")]
    assert not done.is_open
    assert pages.done(PAGE.replace("disabled", "")).is_open
    assert pages.loaded(PAGE) == ["/static/css/a.css", "/media/display/x.jpg"]
