"""The launch checklist: each line computed from what is there now."""

import hashlib
from smtplib import SMTPException

from django.conf import settings
from django.core.files.storage import storages
from django.core.mail import get_connection
from django.db.models import F

from webapp.common.models import WorkStatus
from webapp.consensus import queries as consensus
from webapp.consensus.queries import Counts
from webapp.dashboard.queries import n_test_votes
from webapp.subjects import media
from webapp.subjects.models import IngestBatch, SetLink, Subject
from webapp.workflows import readiness
from webapp.workflows.models import Workflow
from webapp.workflows.readiness import Line

MIN_SUBJECTS = 1
PICTURES = 200  # that are opened; more would keep the page waiting
MAIL_TIMEOUT_S = 5


def checklist(workflow: Workflow, *, keeps_test_votes: bool = False) -> list[Line]:
    """Return what a draft needs before its launch, with the numbers found.

    Args:
        keeps_test_votes: the owner wants them left as they are, flagged as test.
    """
    counts = consensus.counts(workflow)
    return [
        _subjects(counts),
        _admitted(workflow),
        _imports(workflow),
        _pictures(workflow, counts),
        _served(counts),
        readiness.of_rule(workflow),
        readiness.of_text(workflow),
        _test_votes(workflow, keeps_test_votes=keeps_test_votes),
        _mail(),
    ]


def _subjects(counts: Counts) -> Line:
    found = _many(counts.n_subjects, "galaxy", "galaxies")
    return Line(
        is_passed=counts.n_subjects >= MIN_SUBJECTS,
        words=f"{found}; at least {MIN_SUBJECTS:,} needed.",
        remedy="Link a set of galaxies on the Sets page.",
    )


def _linked(workflow: Workflow) -> list[SetLink]:
    return list(SetLink.objects.filter(workflow=workflow, is_linked=True))


def _admitted(workflow: Workflow) -> Line:
    links = SetLink.objects.filter(workflow=workflow)
    n_behind = links.filter(admitted_version__lt=F("subject_set__version")).count()
    among = _many(links.count(), "linked set", "linked sets")
    return Line(
        is_passed=n_behind == 0,
        words=f"{n_behind:,} of {among} still being admitted.",
        remedy="Wait until a worker has taken the galaxies in, then check again.",
    )


def _imports(workflow: Workflow) -> Line:
    n_running = IngestBatch.objects.filter(
        subject_set__in=[link.subject_set_id for link in _linked(workflow)],
        status__in=(WorkStatus.PENDING, WorkStatus.RUNNING),
        is_dry_run=False,
    ).count()
    return Line(
        is_passed=n_running == 0,
        words=f"{_many(n_running, 'import', 'imports')} into its sets still running.",
        remedy="Wait until they are done, or cancel them.",
    )


def _pictures(workflow: Workflow, counts: Counts) -> Line:
    looked_at = consensus.sample(workflow, at_most=PICTURES)
    broken = [subject for subject in looked_at if not opens(subject)]
    whole = len(looked_at) == counts.n_subjects
    extent = "all" if whole else f"a random {len(looked_at):,} of {counts.n_subjects:,}"
    return Line(
        is_passed=not broken and bool(looked_at),
        words=f"{len(looked_at) - len(broken):,} of {len(looked_at):,} pictures open ({extent}).",
        remedy=f"The picture of {broken[0].survey_id} is missing or damaged: import it again."
        if broken
        else "There is no picture to open yet.",
    )


def opens(subject: Subject) -> bool:
    """Say whether the picture that volunteers see is there, byte for byte as it was made."""
    try:
        with storages["default"].open(media.name("display", subject.display_sha256)) as file:
            return hashlib.sha256(file.read()).hexdigest() == subject.display_sha256
    except OSError:
        return False


def _served(counts: Counts) -> Line:
    return Line(
        is_passed=counts.n_waiting > 0,
        words=f"{_many(counts.n_waiting, 'galaxy', 'galaxies')} in the queue to be shown.",
        remedy="Link a set with galaxies that are not retired, or raise the rule's count.",
    )


def _test_votes(workflow: Workflow, *, keeps_test_votes: bool) -> Line:
    n_votes = n_test_votes(workflow)
    words = _many(n_votes, "test vote", "test votes")
    if n_votes and keeps_test_votes:
        return Line(is_passed=True, words=f"{words} kept, flagged as test.")
    return Line(
        is_passed=n_votes == 0,
        words=f"{words} left.",
        remedy="Clear them, or choose below to keep them flagged as test.",
    )


def _mail() -> Line:
    if not settings.EMAIL_HOST:
        return Line(
            is_passed=settings.LOCAL_MODE,
            words="Mail goes to files, as no mail server is set.",
            remedy="Set EMAIL_HOST: volunteers could not reset their passwords.",
        )
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with get_connection(timeout=MAIL_TIMEOUT_S):
            return Line(is_passed=True, words=f"The mail server {where} answers.")
    except (OSError, SMTPException) as error:
        return Line(
            is_passed=False,
            words=f"The mail server {where} does not answer: {error}.",
            remedy="Correct the EMAIL settings, or wait until the server is back.",
        )


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"
