"""What another transaction may change between two steps of a vote; each case is made to happen."""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction

from inference.formats.tree import Tree, load_built_in
from tests import make
from webapp.classifications import claiming, following, queries, recount, services
from webapp.classifications.models import Classification, Standing
from webapp.consensus import admission
from webapp.consensus import services as consensus
from webapp.consensus.models import Consensus, Queue
from webapp.subjects.models import SetLink
from webapp.workflows import services as workflows
from webapp.workflows.models import Status, Workflow

pytestmark = pytest.mark.django_db(transaction=True)
State = Standing.State


def elsewhere(action):
    """Run an action over a connection of its own, and wait for its end."""

    def run():
        try:
            return action()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(timeout=60)


def before_the_lock(monkeypatch, action) -> None:
    """Let something happen after a vote has begun, just before it has its tally."""
    original, waiting = consensus.lock_tally, [action]

    def lock_tally(**which):
        if waiting:
            elsewhere(waiting.pop())
        return original(**which)

    monkeypatch.setattr(consensus, "lock_tally", lock_tally)


def with_ring() -> Tree:
    """The three-class tree with one more answer before the others."""
    import json  # noqa: PLC0415

    document = json.loads(load_built_in("three-class").to_json())
    answers = document["questions"][0]["answers"]
    answers.insert(0, {**answers[0], "key": "ring", "label": "Ring"})
    return Tree.parse(json.dumps(document))


def rule(votes: int) -> dict[str, object]:
    return {"format": 1, "votes": votes, "artifact": None}


def fresh(workflow: Workflow) -> Workflow:
    return Workflow.objects.get(pk=workflow.pk)


def only_galaxy(workflow: Workflow):
    return workflow.subject_sets.get().subjects.get()


def change_tree(workflow: Workflow) -> None:
    """The owner gives the campaign another tree, and a worker moves every tally to it."""
    tree = make.tree_version(with_ring())
    workflows.change_tree(workflow=workflow, tree=tree, by=OWNER(), confirmed=workflow.tree)
    following.follow_tree(fresh(workflow))


def OWNER():  # noqa: N802 - a person
    from webapp.accounts.models import User  # noqa: PLC0415

    return User.objects.filter(username="owner").first() or make.user("owner")


def change_rule(workflow: Workflow, votes: int) -> None:
    """The owner changes the rule, and a worker judges every tally by it."""
    workflows.change_rule(workflow=workflow, rule=rule(votes), by=OWNER())
    consensus.judge_all(fresh(workflow))


def test_a_vote_in_flight_does_not_take_its_tally_back_to_the_old_tree(monkeypatch):
    workflow = make.workflow(n_subjects=1, rule=rule(10))
    subject = only_galaxy(workflow)
    make.classification(make.visitor(), workflow, subject, [0])
    before_the_lock(monkeypatch, lambda: change_tree(workflow))

    make.classification(make.visitor(), workflow, subject, [0])

    now = fresh(workflow)
    assert now.is_tallied
    assert Consensus.objects.get().tree_id == now.tree_id
    assert list(recount.differences(now)) == []
    assert Consensus.objects.get().votes == [0, 2, 0, 0, 0]


def test_a_vote_in_flight_is_judged_by_the_rule_that_has_come_meanwhile(monkeypatch):
    workflow = make.workflow(n_subjects=1, rule=rule(2))
    subject = only_galaxy(workflow)
    make.classification(make.visitor(), workflow, subject)
    before_the_lock(monkeypatch, lambda: change_rule(workflow, 5))

    make.classification(make.visitor(), workflow, subject)

    assert Consensus.objects.get().retired_at is None  # 2 of 5
    assert Queue.objects.filter(workflow=workflow, stream="random").count() == 1


def test_a_judge_who_is_late_judges_by_the_present_rule(monkeypatch):
    workflow = make.workflow(n_subjects=1, rule=rule(5))
    subject = only_galaxy(workflow)
    for _ in range(2):
        make.classification(make.visitor(), workflow, subject)
    workflows.change_rule(workflow=workflow, rule=rule(2), by=OWNER())
    slow = fresh(workflow)  # this judge read the campaign, and then had to wait
    change_rule(workflow, 5)

    consensus.judge_all(slow)

    assert Consensus.objects.get().retired_at is None
    now = fresh(workflow)
    assert now.judged_rule_version == now.rule_version


def test_a_worker_who_is_late_does_not_take_tallies_back_to_an_older_tree():
    workflow = make.workflow(n_subjects=1, rule=rule(10))
    make.classification(make.visitor(), workflow, only_galaxy(workflow), [0])
    slow = fresh(workflow)
    assert slow.tree_id  # this worker read the campaign, and then had to wait
    change_tree(workflow)

    following.follow_tree(slow)

    assert Consensus.objects.get().tree_id == fresh(workflow).tree_id
    assert list(recount.differences(fresh(workflow))) == []


def test_a_set_that_comes_back_while_the_tree_changes_has_right_tallies():
    workflow = make.workflow(n_subjects=1, rule=rule(10))
    make.classification(make.visitor(), workflow, only_galaxy(workflow), [0])
    put_link(workflow, is_linked=False)
    tree = make.tree_version(with_ring())
    workflows.change_tree(workflow=workflow, tree=tree, by=OWNER(), confirmed=workflow.tree)

    put_link(workflow, is_linked=True)  # before any worker has moved the tallies
    following.follow_tree(fresh(workflow))

    assert list(recount.differences(fresh(workflow))) == []
    assert Consensus.objects.get().votes == [0, 1, 0, 0, 0]
    assert Queue.objects.filter(workflow=workflow, stream="random").count() == 1


def put_link(workflow: Workflow, *, is_linked: bool) -> None:
    SetLink.objects.filter(workflow=workflow).update(is_linked=is_linked, admitted_version=-1)
    while admission.admit_next_chunk():
        pass


def test_a_galaxy_of_a_withdrawn_set_does_not_come_back_with_another_rule():
    workflow = make.workflow(n_subjects=1, rule=rule(1))
    make.classification(make.visitor(), workflow, only_galaxy(workflow))
    put_link(workflow, is_linked=False)

    change_rule(workflow, 5)

    assert not Queue.objects.filter(workflow=workflow).exists()
    put_link(workflow, is_linked=True)
    assert Queue.objects.filter(workflow=workflow, stream="random").count() == 1  # 1 of 5
    assert list(recount.differences(fresh(workflow))) == []


def test_a_vote_for_a_galaxy_whose_set_is_withdrawn_is_stored_and_not_counted(monkeypatch):
    workflow = make.workflow(n_subjects=1)
    subject = only_galaxy(workflow)
    before_the_lock(monkeypatch, lambda: put_link(workflow, is_linked=False))

    late = make.classification(make.visitor(), workflow, subject)

    assert late.state == State.LATE
    assert Consensus.objects.get().n_classifications == 0


def test_an_answer_that_was_said_not_to_count_does_not_count():
    workflow = make.workflow(n_subjects=1)
    subject, alice = only_galaxy(workflow), make.visitor()
    workflows.finish_workflow(workflow=workflow, by=OWNER())
    handed = services.hand_out(identity=alice, workflow=fresh(workflow))
    assert handed
    assert handed[1] == queries.Repeat.FINISHED

    recorded = make.classification(alice, fresh(workflow), subject)

    assert recorded.state != State.COUNTED
    assert Consensus.objects.get().n_classifications == 0


def test_a_galaxy_is_found_for_somebody_who_saw_all_though_a_set_was_withdrawn(monkeypatch):
    workflow = make.workflow(n_subjects=1)
    subject, alice = only_galaxy(workflow), make.visitor()
    other = make.link(workflow, make.subjects(9)[0].subject_set)  # with the highest numbers
    SetLink.objects.filter(pk=other.pk).update(is_linked=False, admitted_version=-1)
    while admission.admit_next_chunk():
        pass
    make.classification(alice, workflow, subject)
    monkeypatch.setattr(random, "random", lambda: 0.99)

    pick = queries.next_subject(workflow=workflow, identity=alice)

    assert pick
    assert (pick.subject_id, pick.repeat) == (subject.pk, queries.Repeat.SAW_ALL)


def test_one_uuid_in_two_campaigns_is_not_taken_for_a_replay():
    first = make.workflow(n_subjects=1)
    subject, alice, name = only_galaxy(first), make.visitor(), uuid.uuid4()
    second = make.workflow()
    make.link(second, subject.subject_set)

    def post(workflow):
        shown = make.shown_subject(alice, workflow, subject)
        return services.record_classification(identity=alice, uuid=name, shown=shown, path=[0])

    post(first)
    with pytest.raises(services.UuidTaken):
        post(second)


def test_an_answer_after_a_cleared_test_bears_no_reason_of_the_cleared_one():
    workflow = make.workflow(n_subjects=1, status=Status.DRAFT)
    subject, alice = only_galaxy(workflow), make.visitor()
    make.classification(alice, workflow, subject)
    services.clear_test_votes(workflow=workflow, by=OWNER())
    Workflow.objects.filter(pk=workflow.pk).update(status=Status.LIVE, launched_at="2026-01-01T00Z")

    make.classification(alice, fresh(workflow), subject)

    standing = Standing.objects.get()
    assert (standing.state, standing.reason, standing.changed_at) == (State.COUNTED, "", None)


def test_a_launch_between_page_and_answer_makes_the_answer_count(monkeypatch):
    workflow = make.workflow(n_subjects=1, status=Status.DRAFT)
    subject = only_galaxy(workflow)
    before_the_lock(
        monkeypatch,
        lambda: workflows.launch_workflow(workflow=workflow, lines=[], by=OWNER()),
    )
    recorded = make.classification(make.visitor(), workflow, subject)

    assert recorded.state == State.COUNTED
    assert Classification.objects.get().is_test is False
    assert list(recount.differences(fresh(workflow))) == []


def test_recount_is_not_alarmed_by_tallies_that_wait_for_their_tree():
    workflow = make.workflow(n_subjects=1, rule=rule(10))
    make.classification(make.visitor(), workflow, only_galaxy(workflow), [0])
    tree = make.tree_version(with_ring())
    slow = fresh(workflow)
    workflows.change_tree(workflow=workflow, tree=tree, by=OWNER(), confirmed=workflow.tree)

    assert list(recount.differences(slow)) == []
    following.follow_tree(fresh(workflow))
    assert list(recount.differences(slow)) == []


def test_claims_and_votes_at_once_end_without_deadlock_and_agree():
    workflow = make.workflow(n_subjects=4, rule=rule(50))
    other = make.workflow(rule=rule(50))
    make.link(other, workflow.subject_sets.get())
    galaxies = list(workflow.subject_sets.get().subjects.order_by("pk"))
    people = [make.user(f"person{number}") for number in range(6)]
    browsers = [[make.visitor() for _ in range(2)] for _ in people]
    for user, visitors in zip(people, browsers, strict=True):
        for who in (*visitors, make.visitor(user)):
            for campaign in (workflow, other):
                make.classification(who, campaign, galaxies[0])
                make.classification(who, campaign, galaxies[1])

    def claim(user, visitor):
        return lambda: claiming.claim_history(user=user, browser=visitor.browser)

    def vote(user, galaxy):
        return lambda: make.classification(make.visitor(user), other, galaxy)

    pairs = zip(people, browsers, strict=True)
    actions = [
        *(claim(user, who) for user, visitors in pairs for who in visitors),
        *(vote(user, galaxy) for user in people for galaxy in galaxies),
    ]
    answers = together(actions)

    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert Standing.objects.filter(state=State.COUNTED).count() == len(people) * (2 + 4)
    for campaign in (workflow, other):
        assert list(recount.differences(fresh(campaign))) == []


def together(actions):
    """Run every action in a thread of its own, all at once; return what each returned or raised."""
    start, answers = Event(), list[Any]([None] * len(actions))

    def run(number, action):
        start.wait()
        try:
            answers[number] = action()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            answers[number] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=pair) for pair in enumerate(actions)]
    for thread in threads:
        thread.start()
    start.set()
    for thread in threads:
        thread.join()
    return answers


def test_a_deadlock_is_no_mistake_of_the_program():
    """Retire and vote take their locks in one order; somebody else's transaction may not."""
    from webapp.common.outage import is_unavailability  # noqa: PLC0415

    workflow = make.workflow(n_subjects=1)
    tally, queue = Consensus.objects.get(), Queue.objects.get(stream="random")
    has_queue, has_tally = Event(), Event()

    def crosswise():
        with transaction.atomic():
            list(Queue.objects.filter(pk=queue.pk).select_for_update())
            has_queue.set()
            has_tally.wait(30)
            list(Consensus.objects.filter(pk=tally.pk).select_for_update())

    def retire():
        has_queue.wait(30)
        with transaction.atomic():
            list(Consensus.objects.filter(pk=tally.pk).select_for_update())
            has_tally.set()
            list(Queue.objects.filter(pk=queue.pk).select_for_update())

    failed = [answer for answer in together([crosswise, retire]) if answer is not None]
    assert len(failed) == 1
    assert is_unavailability(failed[0])
    assert list(recount.differences(fresh(workflow))) == []
