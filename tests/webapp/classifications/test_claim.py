"""Signing in gives a user the history of this browser, and nobody else's."""

import re
import uuid
from threading import Barrier, Thread

import pytest
from django.core import signing
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from tests import make
from webapp.accounts import services as accounts
from webapp.accounts.identity import SALT, Identity
from webapp.accounts.models import User, Volunteer
from webapp.classifications import claiming, recount, services
from webapp.classifications.models import Classification, Standing
from webapp.classifications.services import SomebodyElses
from webapp.consensus.models import Consensus
from webapp.workflows.models import Workflow

State = Standing.State
PASSWORD = "a long password"

SOME_UUID = "4f0e8f5e-6a4c-4c0b-9a3e-0d8d7c5b2a11"


def sign_in(client: Client, name: str) -> None:
    answer = client.post(reverse("account_login"), {"login": name, "password": PASSWORD})
    assert answer.status_code == 302, answer.content.decode()


def sign_out(client: Client) -> None:
    assert client.post(reverse("account_logout")).status_code == 302


def browser(client: Client) -> uuid.UUID:
    return uuid.UUID(signing.Signer(salt=SALT).unsign(client.cookies["browser"].value))


def give_browser(client: Client) -> uuid.UUID:
    """A browser id of ours, as the first galaxy brings it."""
    made = uuid.uuid4()
    client.cookies["browser"] = signing.Signer(salt=SALT).sign(str(made))
    return made


def hand_out(client: Client, workflow: Workflow) -> dict[str, str]:
    """The fields of the form with the next galaxy, the first answer chosen."""
    from webapp.classifications.models import Handout  # noqa: PLC0415
    from webapp.classifications.shown import Shown  # noqa: PLC0415

    place = client.get(f"/c/{workflow.slug}/classify/").headers["Location"]
    handout = Handout.objects.get(pk=re.findall(r"[0-9a-f-]{36}", place)[-1])
    return {"uuid": str(uuid.uuid4()), "shown": Shown.of(handout).sign(), "path": "0"}


def post(client: Client, workflow: Workflow, fields: dict[str, str]):
    return client.post(f"/c/{workflow.slug}/submit/", fields)


def answer(client: Client, workflow: Workflow) -> None:
    assert post(client, workflow, hand_out(client, workflow)).status_code == 302


def assert_recount_agrees() -> None:
    for workflow in Workflow.objects.all():
        assert list(recount.differences(workflow)) == []


def owners() -> list[str]:
    """Whose the classifications are, in the order in which they were given."""
    rows = Classification.objects.order_by("pk").values_list("volunteer__user__username", flat=True)
    return [name or "nobody" for name in rows]


@pytest.mark.django_db
class TestClaim:
    def test_signing_in_brings_the_history_of_this_browser(self, client):
        workflow = make.workflow(n_subjects=5)
        make.user("alice")
        answer(client, workflow)
        sign_in(client, "alice")
        answer(client, workflow)

        assert owners() == ["alice", "alice"]
        assert Standing.objects.filter(state=State.COUNTED).count() == 2
        assert_recount_agrees()

    def test_signing_up_brings_the_history_of_this_browser(self, client):
        workflow = make.workflow(n_subjects=5)
        answer(client, workflow)
        client.post(
            reverse("account_signup"),
            {
                "username": "carol",
                "email": "carol@example.org",
                "password1": "spiral arms 31",
                "consent": "on",
            },
        )

        assert owners() == ["carol"]

    def test_nobody_elses_history_comes_along(self, client):
        workflow = make.workflow(n_subjects=5)
        make.user("alice")
        answer(Client(), workflow)
        answer(client, workflow)
        sign_in(client, "alice")

        assert owners() == ["nobody", "alice"]

    def test_the_browser_id_is_new_after_signing_in_and_out(self, client):
        make.user("alice")
        ids = [give_browser(client)]
        sign_in(client, "alice")
        ids.append(browser(client))
        sign_out(client)
        ids.append(browser(client))

        assert len(set(ids)) == 3

    def test_two_people_one_after_the_other_in_one_browser(self, client):
        workflow = make.workflow(n_subjects=6)
        make.user("alice")
        make.user("bob")
        answer(client, workflow)
        sign_in(client, "alice")
        answer(client, workflow)
        sign_out(client)
        answer(client, workflow)
        sign_in(client, "bob")
        answer(client, workflow)

        assert owners() == ["alice", "alice", "bob", "bob"]

    def test_one_person_in_two_browsers_counts_once(self):
        workflow = make.workflow(n_subjects=1)
        make.user("alice")
        laptop, phone = Client(), Client()
        answer(laptop, workflow)
        answer(phone, workflow)
        assert Consensus.objects.get(workflow=workflow).n_classifications == 2
        sign_in(laptop, "alice")
        sign_in(phone, "alice")

        states = Standing.objects.order_by("classification_id").values_list("state", flat=True)
        assert list(states) == [State.COUNTED, State.REPEAT]
        tally = Consensus.objects.get(workflow=workflow)
        assert tally.n_classifications == 1
        assert sum(tally.votes) == 1
        assert_recount_agrees()

    def test_a_double_loses_its_standing_with_a_reason(self):
        workflow = make.workflow(n_subjects=1)
        alice = make.user("alice")
        subject = workflow.subject_sets.get().subjects.get()
        visitor = make.visitor()
        make.classification(visitor, workflow, subject)
        make.classification(make.visitor(alice), workflow, subject)

        assert claiming.claim_history(user=alice, browser=visitor.browser) == 1
        assert claiming.claim_history(user=alice, browser=visitor.browser) == 0
        loser = Standing.objects.get(state=State.REPEAT)
        assert loser.reason
        assert_recount_agrees()

    def test_a_retired_galaxy_reopens_when_its_last_vote_was_a_double(self):
        workflow = make.workflow(n_subjects=1, rule={"format": 1, "votes": 2, "artifact": None})
        alice = make.user("alice")
        subject = workflow.subject_sets.get().subjects.get()
        visitor = make.visitor()
        make.classification(visitor, workflow, subject)
        make.classification(make.visitor(alice), workflow, subject)
        claiming.claim_history(user=alice, browser=visitor.browser)

        assert Consensus.objects.get(workflow=workflow).n_classifications == 1
        assert_recount_agrees()

    def test_a_claimed_browser_stays_with_the_first_who_claimed_it(self, client):
        workflow = make.workflow(n_subjects=5)
        make.user("alice")
        make.user("bob")
        answer(client, workflow)
        old = client.cookies["browser"].value
        sign_in(client, "alice")

        other = Client()
        other.cookies["browser"] = old
        sign_in(other, "bob")

        assert owners() == ["alice"]

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "x",
            SOME_UUID,
            f"{SOME_UUID}:AAAA",
            signing.Signer(salt="another").sign(SOME_UUID),
            signing.Signer(key="another", salt=SALT).sign(SOME_UUID),
            signing.Signer(salt=SALT).sign("not a uuid"),
            "\x7f" * 4000,
        ],
    )
    def test_a_forged_cookie_is_no_browser(self, client, value):
        make.user("alice")
        client.cookies["browser"] = value
        sign_in(client, "alice")
        assert not Volunteer.objects.filter(is_browser=True).exists()

    def test_signing_in_without_a_history_makes_none(self, client):
        make.user("alice")
        sign_in(client, "alice")
        assert Volunteer.objects.count() == 0

    def test_a_wrong_password_claims_nothing(self, client):
        workflow = make.workflow(n_subjects=5)
        make.user("alice")
        answer(client, workflow)
        client.post(reverse("account_login"), {"login": "alice", "password": "wrong"})
        assert owners() == ["nobody"]


@pytest.mark.django_db
class TestPagesOfBefore:
    def test_a_page_handed_out_before_signing_in_can_be_answered_after_it(self, client):
        workflow = make.workflow(n_subjects=5)
        make.user("alice")
        page = hand_out(client, workflow)
        sign_in(client, "alice")

        assert post(client, workflow, page).status_code == 302
        assert owners() == ["alice"]

    def test_a_page_of_a_user_is_refused_after_signing_out(self, client):
        workflow = make.workflow(n_subjects=5)
        make.user("alice")
        sign_in(client, "alice")
        page = hand_out(client, workflow)
        sign_out(client)

        refusal = post(client, workflow, page)
        assert refusal.status_code == 422
        assert "before you signed in or out" in refusal.content.decode()
        assert Classification.objects.count() == 0

    def test_a_page_of_a_user_is_refused_from_the_next_user(self, client):
        workflow = make.workflow(n_subjects=5)
        make.user("alice")
        make.user("bob")
        sign_in(client, "alice")
        page = hand_out(client, workflow)
        sign_out(client)
        sign_in(client, "bob")

        assert post(client, workflow, page).status_code == 422

    def test_a_page_of_a_user_can_be_answered_after_signing_in_again(self, client):
        workflow = make.workflow(n_subjects=5)
        make.user("alice")
        sign_in(client, "alice")
        page = hand_out(client, workflow)
        sign_out(client)
        sign_in(client, "alice")

        assert post(client, workflow, page).status_code == 302

    def test_a_replay_across_the_sign_in_stores_nothing_new(self, client):
        workflow = make.workflow(n_subjects=5)
        make.user("alice")
        page = hand_out(client, workflow)
        assert post(client, workflow, page).status_code == 302
        sign_in(client, "alice")

        assert post(client, workflow, page).status_code == 302
        assert Classification.objects.count() == 1


def in_threads(*steps) -> None:
    """Run each step in a thread with a connection of its own, all starting at once."""
    errors: list[BaseException] = []
    start = Barrier(len(steps))

    def run(step) -> None:
        try:
            start.wait(timeout=10)
            step()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    if errors:
        raise errors[0]


@pytest.mark.django_db(transaction=True)
class TestAtTheSameMoment:
    def test_a_vote_of_the_user_waits_for_the_claim_and_is_a_repeat(self):
        """The vote finds its rows before the claim commits, and must not trust them after it."""
        workflow = make.workflow(n_subjects=1)
        alice = make.user("alice")
        subject = workflow.subject_sets.get().subjects.get()
        visitor, phone = make.visitor(), make.visitor(alice)
        make.classification(visitor, workflow, subject)
        transaction_open, vote_begun = Barrier(2), Barrier(2)

        def claim() -> None:
            with transaction.atomic():
                claiming.claim_history(user=alice, browser=visitor.browser)
                transaction_open.wait(timeout=10)
                vote_begun.wait(timeout=10)
                _wait_until_somebody_waits_for_a_lock()

        def vote() -> None:
            transaction_open.wait(timeout=10)
            vote_begun.wait(timeout=10)
            make.classification(phone, workflow, subject)

        in_threads(claim, vote)

        assert Classification.objects.count() == 2
        assert Standing.objects.filter(state=State.COUNTED).count() == 1
        assert Consensus.objects.get(workflow=workflow).n_classifications == 1
        assert_recount_agrees()

    @pytest.mark.parametrize("has_voted", [False, True])
    def test_a_vote_of_the_browser_waits_for_the_claim_and_is_a_repeat(self, has_voted):
        workflow = make.workflow(n_subjects=2)
        alice, visitor = make.user("alice"), make.visitor()
        subject, other = workflow.subject_sets.get().subjects.order_by("pk")
        make.classification(make.visitor(alice), workflow, subject)
        if has_voted:
            make.classification(visitor, workflow, other)
        transaction_open, vote_begun = Barrier(2), Barrier(2)

        def claim() -> None:
            with transaction.atomic():
                claiming.claim_history(user=alice, browser=visitor.browser)
                transaction_open.wait(timeout=10)
                vote_begun.wait(timeout=10)
                _wait_until_somebody_waits_for_a_lock()

        def vote() -> None:
            transaction_open.wait(timeout=10)
            vote_begun.wait(timeout=10)
            make.classification(visitor, workflow, subject)

        in_threads(claim, vote)

        tally = Consensus.objects.get(workflow=workflow, subject=subject)
        assert tally.n_classifications == 1
        assert_recount_agrees()

    def test_a_claim_waits_for_a_vote_of_the_browser_and_finds_it(self):
        workflow = make.workflow(n_subjects=1)
        alice, visitor = make.user("alice"), make.visitor()
        subject = workflow.subject_sets.get().subjects.get()
        make.classification(make.visitor(alice), workflow, subject)
        transaction_open = Barrier(2)

        def vote() -> None:
            with transaction.atomic():
                make.classification(visitor, workflow, subject)
                transaction_open.wait(timeout=10)
                _wait_until_somebody_waits_for_a_lock()

        def claim() -> None:
            transaction_open.wait(timeout=10)
            claiming.claim_history(user=alice, browser=visitor.browser)

        in_threads(vote, claim)

        assert Standing.objects.filter(state=State.COUNTED).count() == 1
        assert Consensus.objects.get(workflow=workflow).n_classifications == 1
        assert_recount_agrees()

    def test_two_browsers_claimed_at_once_count_once(self):
        workflow = make.workflow(n_subjects=1, rule={"format": 1, "votes": 9, "artifact": None})
        alice = make.user("alice")
        subject = workflow.subject_sets.get().subjects.get()
        visitors = [make.visitor() for _ in range(4)]
        for visitor in visitors:
            make.classification(visitor, workflow, subject)

        in_threads(
            *(
                lambda visitor=visitor: claiming.claim_history(user=alice, browser=visitor.browser)
                for visitor in visitors
            )
        )

        assert Standing.objects.filter(state=State.COUNTED).count() == 1
        assert Consensus.objects.get(workflow=workflow).n_classifications == 1
        assert_recount_agrees()

    def test_two_people_who_claim_one_browser_at_once_do_not_share_it(self):
        visitor, alice, bob = make.visitor(), make.user("alice"), make.user("bob")
        make.classification(visitor, workflow := make.workflow(n_subjects=1), _only(workflow))

        in_threads(
            lambda: claiming.claim_history(user=alice, browser=visitor.browser),
            lambda: claiming.claim_history(user=bob, browser=visitor.browser),
        )

        assert Volunteer.objects.get(uuid=visitor.browser).user in (alice, bob)

    def test_votes_and_claims_in_a_storm_leave_one_vote_a_person(self):
        workflow = make.workflow(n_subjects=6, rule={"format": 1, "votes": 99, "artifact": None})
        subjects = list(workflow.subject_sets.get().subjects.all())
        users = [make.user(name) for name in ("alice", "bob")]
        people = [(user, make.visitor()) for user in users for _ in range(2)]

        def live(user: User, visitor: Identity) -> None:
            signed_in = Identity(user=user, browser=uuid.uuid4())
            for number, subject in enumerate(subjects):
                if number == 2:
                    claiming.claim_history(user=user, browser=visitor.browser)
                make.classification(visitor if number % 2 else signed_in, workflow, subject)

        in_threads(*(lambda person=person: live(*person) for person in people))

        counted = Standing.objects.filter(state=State.COUNTED).values_list(
            "subject", "volunteer__user"
        )
        assert len(counted) == len(set(counted)) == len(subjects) * len(users)
        assert_recount_agrees()


def _only(workflow: Workflow):
    return workflow.subject_sets.get().subjects.get()


def _wait_until_somebody_waits_for_a_lock() -> None:
    """Return as soon as another connection of this database is blocked, at the latest after 5 s."""
    with connection.cursor() as cursor:
        for _ in range(500):
            cursor.execute(
                "SELECT count(*) FROM pg_sleep(0.01), pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE NOT granted AND datname = current_database()"
            )
            if cursor.fetchone() != (0,):
                return
    pytest.fail("Nobody waits for a lock.")


@pytest.mark.django_db
def test_a_stranger_who_knows_a_page_cannot_answer_it():
    workflow = make.workflow(n_subjects=1)
    with pytest.raises(SomebodyElses):
        services.record_classification(
            identity=make.visitor(),
            uuid=uuid.uuid4(),
            shown=make.shown(make.visitor(), workflow),
            path=[0],
        )


@pytest.mark.django_db
def test_own_rows_are_all_rows_of_the_person():
    alice, first, second = make.user("alice"), make.visitor(), make.visitor()
    for visitor in (first, second):
        with transaction.atomic():
            accounts.claim_browser(user=alice, browser=visitor.browser)
    with transaction.atomic():
        own = accounts.own_volunteers(make.visitor(alice))
        assert [row.is_browser for row in own] == [False, True, True]
        assert accounts.own_volunteers(first)[0].uuid == first.browser
        assert {row.pk for row in accounts.own_volunteers(first)} == {row.pk for row in own}
