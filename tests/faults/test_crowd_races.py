"""What happens to a vote while its volunteer is weighed, excluded, or signs in."""

from threading import Thread

import pytest
from django.db import connection, transaction

from inference.belief import skill
from tests import make
from tests.faults.test_races import OWNER, elsewhere, only_galaxy
from webapp.classifications import claiming, exclusion, recount, reweigh
from webapp.classifications.models import Reweighing, Skill, Standing, Suspicion
from webapp.common import work
from webapp.consensus.models import Consensus
from webapp.workflows.models import Workflow

pytestmark = pytest.mark.django_db(transaction=True)
State = Standing.State
RULE = {"format": 1, "votes": 50, "artifact": None}


def exclude(workflow: Workflow, volunteer) -> None:
    exclusion.exclude_volunteer(workflow=workflow, volunteer=volunteer, by=OWNER(), reason="bot")


def weigh(workflow: Workflow) -> Reweighing:
    row = work.claim(reweigh.start_reweighing(workflow=workflow))
    assert row
    work.run(row, reweigh.run_reweighing)
    row.refresh_from_db()
    assert row.status == "done", row.traceback
    return row


def while_open(vote, action) -> None:
    """Cast a vote, and let an action begin before that vote has been committed."""

    def run():
        action()
        connection.close()

    thread = Thread(target=run)
    with transaction.atomic():
        vote()
        thread.start()
        thread.join(2)  # it may wait for the vote, or be done by then
    thread.join(60)
    assert not thread.is_alive()


@pytest.fixture
def contrary():
    """Nine people agree on thirty clear galaxies; one has answered but the first, the opposite."""
    workflow = make.workflow(n_subjects=30, rule=RULE)
    galaxies = list(workflow.subject_sets.get().subjects.order_by("pk"))
    people = [make.visitor() for _ in range(9)]
    for number, galaxy in enumerate(galaxies):
        for person in people:
            make.classification(person, workflow, galaxy, [number % 2])
    one = make.visitor()
    make.classification(one, workflow, galaxies[0], [1])
    return workflow, galaxies, one


def answer_against(workflow: Workflow, galaxies, person, start: int, end: int) -> None:
    for number in range(start, end):
        make.classification(person, workflow, galaxies[number], [1 - number % 2])


def test_a_vote_that_is_stored_while_its_volunteer_is_excluded_does_not_count():
    workflow = make.workflow(n_subjects=2, rule=RULE)
    first, second = workflow.subject_sets.get().subjects.order_by("pk")
    bot = make.visitor()
    make.classification(bot, workflow, first)
    OWNER()

    def decide():
        exclude(workflow, make.volunteer(bot))
        exclusion.apply_decisions()

    while_open(lambda: make.classification(bot, workflow, second), decide)

    assert set(Standing.objects.values_list("state", flat=True)) == {State.EXCLUDED}
    assert list(recount.differences(workflow)) == []


def test_a_worker_who_is_late_does_not_exclude_who_was_kept_meanwhile(monkeypatch):
    workflow = make.workflow(n_subjects=1, rule=RULE)
    people = [make.visitor(), make.visitor()]
    for person in people:
        make.classification(person, workflow, only_galaxy(workflow))
        exclude(workflow, make.volunteer(person))
    kept = make.volunteer(people[1])
    original, waiting = recount.repair_locked, [True]

    def keep_the_second():
        exclusion.keep_volunteer(workflow=workflow, volunteer=kept, by=OWNER(), reason="no bot")
        Suspicion.objects.filter(volunteer=kept).update(is_applied=True)  # by another worker

    def repair_locked(*args, **kwargs):
        if waiting:
            waiting.pop()
            elsewhere(keep_the_second)
        return original(*args, **kwargs)

    monkeypatch.setattr(recount, "repair_locked", repair_locked)
    exclusion.apply_decisions()

    assert Standing.objects.get(volunteer=kept).state == State.COUNTED
    assert Standing.objects.exclude(volunteer=kept).get().state == State.EXCLUDED


def test_an_excluded_browser_that_signs_up_stays_excluded():
    workflow = make.workflow(n_subjects=2, rule=RULE)
    first, second = workflow.subject_sets.get().subjects.order_by("pk")
    bot = make.visitor()
    make.classification(bot, workflow, first)
    exclude(workflow, make.volunteer(bot))
    exclusion.apply_decisions()
    user = make.user()

    claiming.claim_history(user=user, browser=bot.browser)
    recorded = make.classification(make.visitor(user), workflow, second)

    assert recorded.state == State.EXCLUDED
    assert {row.status for row in Suspicion.objects.all()} == {"excluded"}


def test_what_an_excluded_user_answered_before_signing_in_counts_no_more():
    workflow = make.workflow(n_subjects=2, rule=RULE)
    first, second = workflow.subject_sets.get().subjects.order_by("pk")
    user, browser = make.user(), make.visitor()
    make.classification(make.visitor(user), workflow, first)
    exclude(workflow, make.volunteer(make.visitor(user)))
    make.classification(browser, workflow, second)

    claiming.claim_history(user=user, browser=browser.browser)
    exclusion.apply_decisions()

    assert set(Standing.objects.values_list("state", flat=True)) == {State.EXCLUDED}
    assert Consensus.objects.get(subject=second).n_classifications == 0
    claiming.claim_history(user=user, browser=make.visitor().browser)
    assert len({row.decided_at for row in Suspicion.objects.all()}) <= 3
    assert list(recount.differences(workflow)) == []


def test_a_browsers_weight_goes_with_it_into_the_account():
    workflow = make.workflow(n_subjects=1, rule=RULE)
    browser, user = make.visitor(), make.user()
    claiming.claim_history(user=user, browser=browser.browser)
    known = make.volunteer(browser)
    Skill.objects.create(workflow=workflow, volunteer=known, weight=0.25, n_answers=40)

    make.classification(make.visitor(user), workflow, only_galaxy(workflow))

    assert Standing.objects.get().weight == 0.25
    assert max(Consensus.objects.get().weighted) == 0.25


def test_a_vote_that_is_stored_while_its_volunteer_is_weighed_has_the_new_weight(contrary):
    workflow, galaxies, one = contrary
    answer_against(workflow, galaxies, one, 1, 29)

    while_open(lambda: answer_against(workflow, galaxies, one, 29, 30), lambda: weigh(workflow))

    weight = Skill.objects.get(volunteer=make.volunteer(one)).weight
    assert weight < 0.5
    weights = Standing.objects.filter(volunteer=make.volunteer(one)).values_list(
        "weight", flat=True
    )
    assert set(weights) == {weight}
    assert list(recount.differences(workflow)) == []


def test_of_two_that_weigh_at_once_the_one_that_knows_more_prevails(contrary, monkeypatch):
    workflow, galaxies, one = contrary
    original, waiting = skill.estimate_skills, [True]

    def more():
        answer_against(workflow, galaxies, one, 1, 30)
        weigh(workflow)

    def estimate_skills(*args, **kwargs):
        found = original(*args, **kwargs)
        if waiting:
            waiting.pop()
            elsewhere(more)
        return found

    monkeypatch.setattr(skill, "estimate_skills", estimate_skills)
    weigh(workflow)

    assert Skill.objects.get(volunteer=make.volunteer(one)).weight < 0.5
    assert reweigh._behind(workflow, [galaxy.pk for galaxy in galaxies]) == []
