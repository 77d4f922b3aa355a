"""Passing over a galaxy without an answer: a skip, or a report of its picture."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count, Max, Q
from django.utils.translation import gettext as _

from webapp.accounts.identity import Identity
from webapp.accounts.models import Volunteer
from webapp.classifications.models import Passed
from webapp.classifications.services import SomebodyElses
from webapp.classifications.shown import Shown
from webapp.common.errors import NotFound
from webapp.consensus.models import Consensus
from webapp.subjects.models import Subject
from webapp.workflows.models import Workflow

LISTED = 200  # galaxies that the owners' list shows

# Once a person: who reports after a skip has reported.
_STORE = """
    INSERT INTO classifications_passed (workflow_id, subject_id, holder, is_report)
    VALUES (%s, %s, %s, %s)
    ON CONFLICT (workflow_id, subject_id, holder) DO UPDATE
        SET is_report = classifications_passed.is_report OR excluded.is_report
"""


def pass_over(*, identity: Identity, shown: Shown, is_report: bool) -> None:
    """Remember that this person gave no answer to a galaxy that was shown to them.

    Its handout stays, so that the galaxy does not come back to them before others.

    Raises:
        SomebodyElses: it was shown to another volunteer.
        NotFound: the galaxy is not part of the campaign any more.
    """
    if not _is_own(identity, shown):
        raise SomebodyElses(
            _("This galaxy was shown before you signed in or out. Go on with the next one.")
        )
    if not Consensus.objects.filter(workflow=shown.workflow_id, subject=shown.subject_id).exists():
        raise NotFound(
            _("Galaxy %(subject_id)s is not part of this campaign. Ask for the next galaxy.")
            % {"subject_id": shown.subject_id}
        )
    with connection.cursor() as cursor:
        cursor.execute(_STORE, [shown.workflow_id, shown.subject_id, identity.holder, is_report])


def _is_own(identity: Identity, shown: Shown) -> bool:
    if shown.holder == identity.holder:
        return True
    own = Volunteer.objects.filter(uuid=shown.holder, user=identity.user)
    return identity.user is not None and own.exists()


@dataclass(frozen=True)
class PassedOver:
    """A galaxy, and how many people passed it over."""

    subject: Subject
    n_reports: int
    n_skips: int
    last_at: datetime


def passed_over(workflow: Workflow) -> list[PassedOver]:
    """Return the galaxies that people reported or skipped, those with most reports first."""
    rows = list(
        Passed.objects.filter(workflow=workflow)
        .values("subject")
        .annotate(
            n_reports=Count("pk", filter=Q(is_report=True)),
            n_skips=Count("pk", filter=Q(is_report=False)),
            last_at=Max("passed_at"),
        )
        .order_by("-n_reports", "-n_skips", "-last_at")[:LISTED]
    )
    subjects = Subject.objects.in_bulk([row["subject"] for row in rows])
    return [
        PassedOver(subjects[row["subject"]], row["n_reports"], row["n_skips"], row["last_at"])
        for row in rows
    ]
