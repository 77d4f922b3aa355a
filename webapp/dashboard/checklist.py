"""The launch checklist: each line computed from what is there now."""

import hashlib
from smtplib import SMTPException

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.files.storage import storages
from django.core.mail import get_connection
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

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
    found = ngettext(
        "%(found)s galaxy; at least %(least)s needed.",
        "%(found)s galaxies; at least %(least)s needed.",
        counts.n_subjects,
    )
    return Line(
        is_passed=counts.n_subjects >= MIN_SUBJECTS,
        words=found % {"found": intcomma(counts.n_subjects), "least": intcomma(MIN_SUBJECTS)},
        remedy=_("Link a set of galaxies on the Sets page."),
    )


def _linked(workflow: Workflow) -> list[SetLink]:
    return list(SetLink.objects.filter(workflow=workflow, is_linked=True))


def _admitted(workflow: Workflow) -> Line:
    links = SetLink.objects.filter(workflow=workflow)
    n_behind = links.filter(admitted_version__lt=F("subject_set__version")).count()
    n_linked = links.count()
    found = ngettext(
        "%(behind)s of %(linked)s linked set still being admitted.",
        "%(behind)s of %(linked)s linked sets still being admitted.",
        n_linked,
    )
    return Line(
        is_passed=n_behind == 0,
        words=found % {"behind": intcomma(n_behind), "linked": intcomma(n_linked)},
        remedy=_("Wait until a worker has taken the galaxies in, then check again."),
    )


def _imports(workflow: Workflow) -> Line:
    n_running = IngestBatch.objects.filter(
        subject_set__in=[link.subject_set_id for link in _linked(workflow)],
        status__in=(WorkStatus.PENDING, WorkStatus.RUNNING),
        is_dry_run=False,
    ).count()
    found = ngettext(
        "%(running)s import into its sets still running.",
        "%(running)s imports into its sets still running.",
        n_running,
    )
    return Line(
        is_passed=n_running == 0,
        words=found % {"running": intcomma(n_running)},
        remedy=_("Wait until they are done, or cancel them."),
    )


def _pictures(workflow: Workflow, counts: Counts) -> Line:
    looked_at = consensus.sample(workflow, at_most=PICTURES)
    broken = [subject for subject in looked_at if not opens(subject)]
    whole = len(looked_at) == counts.n_subjects
    found = (
        _("%(open)s of %(looked_at)s pictures open (all).")
        if whole
        else _("%(open)s of %(looked_at)s pictures open (a random %(looked_at)s of %(all)s).")
    )
    remedy = (
        _("The picture of %(name)s is missing or damaged: import it again.")
        % {"name": broken[0].survey_id}
        if broken
        else _("There is no picture to open yet.")
    )
    return Line(
        is_passed=not broken and bool(looked_at),
        words=found
        % {
            "open": intcomma(len(looked_at) - len(broken)),
            "looked_at": intcomma(len(looked_at)),
            "all": intcomma(counts.n_subjects),
        },
        remedy=remedy,
    )


def opens(subject: Subject) -> bool:
    """Say whether the picture that volunteers see is there, byte for byte as it was made."""
    try:
        with storages["default"].open(media.name("display", subject.display_sha256)) as file:
            return hashlib.sha256(file.read()).hexdigest() == subject.display_sha256
    except OSError:
        return False


def _served(counts: Counts) -> Line:
    found = ngettext(
        "%(waiting)s galaxy in the queue to be shown.",
        "%(waiting)s galaxies in the queue to be shown.",
        counts.n_waiting,
    )
    return Line(
        is_passed=counts.n_waiting > 0,
        words=found % {"waiting": intcomma(counts.n_waiting)},
        remedy=_("Link a set with galaxies that are not retired, or raise the rule's count."),
    )


def _test_votes(workflow: Workflow, *, keeps_test_votes: bool) -> Line:
    n_votes = n_test_votes(workflow)
    number = {"votes": intcomma(n_votes)}
    if n_votes and keeps_test_votes:
        kept = ngettext(
            "%(votes)s test vote kept, flagged as test.",
            "%(votes)s test votes kept, flagged as test.",
            n_votes,
        )
        return Line(is_passed=True, words=kept % number)
    left = ngettext("%(votes)s test vote left.", "%(votes)s test votes left.", n_votes)
    return Line(
        is_passed=n_votes == 0,
        words=left % number,
        remedy=_("Clear them, or choose below to keep them flagged as test."),
    )


def _mail() -> Line:
    if not settings.EMAIL_HOST:
        return Line(
            is_passed=settings.LOCAL_MODE,
            words=_("Mail goes to files, as no mail server is set."),
            remedy=_("Set EMAIL_HOST: volunteers could not reset their passwords."),
        )
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with get_connection(settings.MAIL_BACKEND, timeout=MAIL_TIMEOUT_S):
            words = _("The mail server %(where)s answers.") % {"where": where}
            return Line(is_passed=True, words=words)
    except (OSError, SMTPException) as error:
        return Line(
            is_passed=False,
            words=_("The mail server %(where)s does not answer: %(error)s.")
            % {"where": where, "error": error},
            remedy=_("Correct the EMAIL settings, or wait until the server is back."),
        )
