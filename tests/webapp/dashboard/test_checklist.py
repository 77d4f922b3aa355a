"""The launch checklist: each line fails for its own reason, and blocks the launch with it."""

import pytest
from django.core.files.storage import storages

from tests import make
from webapp.accounts.models import Role
from webapp.common.models import WorkStatus
from webapp.dashboard import checklist as module
from webapp.dashboard.checklist import checklist
from webapp.dashboard.services import launch_campaign
from webapp.subjects import media
from webapp.subjects.models import IngestBatch, Subject, SubjectSet
from webapp.workflows.models import Status, Workflow
from webapp.workflows.readiness import failing
from webapp.workflows.services import NotReady

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return make.user("alice", Role.SCIENTIST)


def failures(workflow: Workflow, **options: bool) -> list[str]:
    workflow.refresh_from_db()
    return [line.words for line in failing(checklist(workflow, **options))]


def test_a_ready_draft_passes_every_line_with_its_numbers(alice):
    workflow = make.launchable(alice)
    assert failures(workflow) == []
    words = [line.words for line in checklist(workflow)]
    assert "2 galaxies; at least 1 needed." in words
    assert "2 of 2 pictures open (all)." in words
    assert "2 galaxies in the queue to be shown." in words
    assert "A galaxy retires after 3 classifications." in words
    assert "Mail goes to files, as no mail server is set." in words


def test_an_empty_draft_fails_for_want_of_galaxies_and_words(alice):
    workflow = make.owned(alice, status=Status.DRAFT)
    assert failures(workflow) == [
        "0 galaxies; at least 1 needed.",
        "0 of 0 pictures open (all).",
        "0 galaxies in the queue to be shown.",
        "The summary and the text for volunteers are empty.",
    ]


def test_a_missing_and_a_damaged_picture_fail(alice):
    workflow = make.launchable(alice)
    first, second = Subject.objects.order_by("pk")
    storages["default"].delete(media.name("display", first.display_sha256))
    assert failures(workflow) == ["1 of 2 pictures open (all)."]

    with storages["default"].open(media.name("display", second.display_sha256), "wb") as file:
        file.write(b"half of a pict")
    assert failures(workflow) == ["0 of 2 pictures open (all)."]


def test_many_pictures_are_sampled_and_it_says_so(alice, monkeypatch):
    monkeypatch.setattr(module, "PICTURES", 1)
    words = [line.words for line in checklist(make.launchable(alice))]
    assert "1 of 1 pictures open (a random 1 of 2)." in words


def test_a_running_import_fails_but_not_its_dry_run(alice):
    workflow = make.launchable(alice)
    batch = IngestBatch.objects.create(
        subject_set=workflow.subject_sets.get(), kind="folder", source="/", source_name="pictures",
        is_dry_run=True, status=WorkStatus.RUNNING,
    )  # fmt: skip
    assert failures(workflow) == []

    IngestBatch.objects.filter(pk=batch.pk).update(is_dry_run=False)
    assert failures(workflow) == ["1 import into its sets still running."]


def test_a_set_that_is_not_admitted_yet_fails(alice):
    workflow = make.launchable(alice)
    SubjectSet.objects.update(version=99)
    assert failures(workflow) == ["1 of 1 linked set still being admitted."]


def test_a_rule_that_cannot_be_followed_fails(alice):
    workflow = make.launchable(alice)
    Workflow.objects.update(rule={"format": 1, "votes": 0})
    assert failures(workflow) == ["The rule cannot be followed."]


def test_test_votes_fail_until_they_are_cleared_or_kept(alice):
    workflow = make.launchable(alice)
    make.classification(make.visitor(), workflow, Subject.objects.first())

    assert failures(workflow) == ["1 test vote left."]
    assert failures(workflow, keeps_test_votes=True) == []


def test_a_server_without_mail_fails(alice, settings):
    settings.LOCAL_MODE = False
    assert failures(make.launchable(alice)) == ["Mail goes to files, as no mail server is set."]


def test_a_mail_server_that_does_not_answer_fails(alice, settings):
    settings.MAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    (words,) = failures(make.launchable(alice))
    assert words.startswith("The mail server 127.0.0.1:9 does not answer: ")


def test_the_launch_is_blocked_by_the_failing_line(alice):
    workflow = make.launchable(alice, text="")
    with pytest.raises(NotReady, match=r"The text for volunteers is empty\. Write a few words"):
        launch_campaign(workflow=workflow, keeps_test_votes=False, by=alice)
    workflow.refresh_from_db()
    assert workflow.status == Status.DRAFT


def test_a_ready_draft_is_launched(alice):
    workflow = make.launchable(alice)
    launch_campaign(workflow=workflow, keeps_test_votes=False, by=alice)
    workflow.refresh_from_db()
    assert workflow.status == Status.LIVE
