"""Linking sets to campaigns."""

import pytest

from tests import make
from webapp.accounts.models import Role
from webapp.common.models import AuditEntry
from webapp.consensus.models import Consensus, Queue
from webapp.consensus.tasks import admit_subjects
from webapp.subjects import links
from webapp.subjects.models import SetLink
from webapp.workflows.models import Status

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return make.user("alice", Role.SCIENTIST)


def test_a_linked_set_is_admitted_and_an_unlinked_one_withdrawn(alice):
    workflow, subject_set = make.workflow(), make.subjects(3)[0].subject_set

    links.link_set(workflow=workflow, subject_set=subject_set, by=alice)
    admit_subjects()
    assert Queue.objects.filter(workflow=workflow, stream="random").count() == 3

    links.unlink_set(workflow=workflow, subject_set=subject_set, by=alice)
    admit_subjects()
    assert not Queue.objects.filter(workflow=workflow).exists()
    assert Consensus.objects.filter(retired_reason="withdrawn").count() == 3


def test_a_set_linked_again_has_its_votes(alice):
    workflow = make.workflow(n_subjects=1)
    subject_set = workflow.subject_sets.get()
    make.classification(make.visitor(), workflow, subject_set.subjects.get())

    links.unlink_set(workflow=workflow, subject_set=subject_set, by=alice)
    admit_subjects()
    links.link_set(workflow=workflow, subject_set=subject_set, by=alice)
    admit_subjects()

    tally = Consensus.objects.get()
    assert (tally.n_classifications, tally.retired_at) == (1, None)
    assert Queue.objects.filter(workflow=workflow, stream="random").count() == 1


def test_each_change_of_a_link_is_logged_once(alice):
    workflow, subject_set = make.workflow(), make.subjects(1)[0].subject_set
    for service in (links.link_set, links.link_set, links.unlink_set, links.unlink_set):
        service(workflow=workflow, subject_set=subject_set, by=alice)

    found = AuditEntry.objects.order_by("pk").values_list("action", "new__set", "actor_id")
    assert list(found) == [
        ("link_set", subject_set.slug, alice.pk),
        ("unlink_set", subject_set.slug, alice.pk),
    ]
    assert SetLink.objects.count() == 1


def test_the_sets_of_a_finished_campaign_change_no_more(alice):
    workflow, subject_set = make.workflow(status=Status.FINISHED), make.subjects(1)[0].subject_set
    with pytest.raises(links.CampaignFinished, match="Duplicate it to go on"):
        links.link_set(workflow=workflow, subject_set=subject_set, by=alice)
    assert not SetLink.objects.exists()
