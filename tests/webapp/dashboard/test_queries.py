"""What the owners' pages show: retired and flagged galaxies, the history."""

import pytest

from tests import make
from webapp.accounts.models import Role
from webapp.common import audit
from webapp.consensus.models import Consensus, Flag, Queue
from webapp.consensus.services import flag_subject
from webapp.dashboard import queries
from webapp.workflows import services

pytestmark = pytest.mark.django_db
ARTIFACT = 3  # on the axis of the three-class tree


def rule(votes: int, then: str = "") -> dict[str, object]:
    artifact = {"answers": ["shape.artifact"], "votes": 3, "then": then} if then else None
    return {"format": 1, "votes": votes, "artifact": artifact}


@pytest.mark.parametrize(("then", "is_retired"), [("flag", False), ("retire", True)])
def test_the_third_vote_for_a_bad_picture_flags_and_retires_as_configured(then, is_retired):
    workflow = make.workflow(n_subjects=1, rule=rule(10, then))
    subject = workflow.subject_sets.get().subjects.get()
    for _ in range(2):
        make.classification(make.visitor(), workflow, subject, [ARTIFACT])
    make.classification(make.visitor(), workflow, subject, [0])

    assert queries.flagged(workflow, before=None).rows == []
    assert queries.n_flags(workflow) == 0
    assert Queue.objects.filter(workflow=workflow, stream="random").count() == 1

    for _ in range(1 if is_retired else 2):  # a fourth one flags it no second time
        make.classification(make.visitor(), workflow, subject, [ARTIFACT])

    (row,) = queries.flagged(workflow, before=None).rows
    assert queries.n_flags(workflow) == Flag.objects.count() == 1
    assert row.flag.subject == subject
    assert [vote.words for vote in row.votes] == ["Star or artifact"] * (3 if is_retired else 4)
    assert row.tally
    assert (row.tally.retired_at is not None) == is_retired
    assert Queue.objects.filter(workflow=workflow).exists() != is_retired


def test_a_vote_that_does_not_count_is_not_shown_beside_the_flag():
    workflow = make.workflow(n_subjects=1, rule=rule(10, "retire"))
    subject = workflow.subject_sets.get().subjects.get()
    for _ in range(4):  # the fourth comes late
        make.classification(make.visitor(), workflow, subject, [ARTIFACT])

    (row,) = queries.flagged(workflow, before=None).rows
    assert len(row.votes) == 3


def test_a_retired_galaxy_says_when_by_which_rule_and_after_which_vote():
    workflow = make.workflow(n_subjects=1, rule=rule(2))
    subject = workflow.subject_sets.get().subjects.get()
    make.classification(make.visitor(), workflow, subject, [0])
    last = make.classification(make.visitor(), workflow, subject, [1])

    (row,) = queries.retired(workflow, after=0).rows

    assert row.tally.subject == subject
    assert row.tally.retired_at
    assert row.tally.retired_words == "2 of 2 classifications"
    assert row.last
    assert row.last.row.uuid == last.uuid
    assert row.last.words == "Elliptical"


def test_long_lists_are_read_by_key_without_gap_or_repeat(monkeypatch):
    monkeypatch.setattr(queries, "PER_PAGE", 2)
    workflow = make.workflow(n_subjects=5, rule=rule(1))
    subjects = list(workflow.subject_sets.get().subjects.order_by("pk"))
    for subject in subjects:
        make.classification(make.visitor(), workflow, subject, [0])
        flag_subject(workflow_id=workflow.pk, subject_id=subject.pk, words="by hand")
        audit.write_entry(actor=None, action="look", target="workflow", target_id=workflow.pk)

    last = queries.retired(workflow, after=0)
    seen = [row.tally.subject for row in last.rows]
    while last.more is not None:
        last = queries.retired(workflow, after=last.more)
        seen += [row.tally.subject for row in last.rows]
    assert seen == subjects

    flags = queries.flagged(workflow, before=None)
    seen = [row.flag.subject for row in flags.rows]
    while flags.more is not None:
        flags = queries.flagged(workflow, before=flags.more)
        seen += [row.flag.subject for row in flags.rows]
    assert seen == subjects[::-1]

    assert [len(queries.history(workflow, before=None).rows)] == [2]


def test_the_history_names_who_did_it_and_what_was_before():
    alice = make.user("alice", Role.SCIENTIST)
    workflow, other = make.owned(alice), make.workflow()
    services.pause_workflow(workflow=workflow, by=alice)
    services.pause_workflow(workflow=other, by=alice)
    audit.write_entry(actor=None, action="look", target="workflow", target_id=workflow.pk)

    entries = queries.history(workflow, before=None).rows

    assert [(line.actor, line.entry.action) for line in entries] == [
        ("the site itself", "look"),
        ("alice", "pause"),
    ]
    assert entries[1].old == '{"status": "live"}'


def test_a_withdrawn_set_shows_until_its_galaxies_are_gone():
    workflow = make.workflow(n_subjects=2)
    (row,) = queries.linked_sets(workflow)
    assert (row.n_subjects, row.n_retired, row.is_admitted) == (2, 0, True)

    workflow.links.update(is_linked=False, admitted_version=-1)
    assert [row.is_admitted for row in queries.linked_sets(workflow)] == [False]

    make.admit_next_chunk()
    make.admit_next_chunk()
    assert queries.linked_sets(workflow) == []
    assert Consensus.objects.filter(retired_reason="withdrawn").count() == 2
