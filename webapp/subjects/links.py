"""Linking sets of galaxies to campaigns; workers admit and withdraw the galaxies."""

from django.db import transaction
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.common import audit
from webapp.common.errors import DomainError
from webapp.common.wake import wake
from webapp.subjects.models import SetLink, SubjectSet
from webapp.workflows.models import Status, Workflow

WAITING = -1  # before every version of a set, so that its galaxies are looked at


class CampaignFinished(DomainError):
    """A finished campaign asks about the galaxies that it has."""


@transaction.atomic
def link_set(*, workflow: Workflow, subject_set: SubjectSet, by: User | None) -> SetLink:
    """Ask about the galaxies of a set; those that were withdrawn come back with their votes.

    Raises:
        CampaignFinished: the campaign is finished.
    """
    _refuse_finished(workflow)
    SetLink.objects.bulk_create(
        [SetLink(workflow=workflow, subject_set=subject_set, is_linked=False)],
        ignore_conflicts=True,
    )
    return _put(workflow, subject_set, by, is_linked=True)


@transaction.atomic
def unlink_set(*, workflow: Workflow, subject_set: SubjectSet, by: User) -> SetLink:
    """Ask about the galaxies of a set no longer; their votes stay.

    Raises:
        CampaignFinished: the campaign is finished.
        SetLink.DoesNotExist: the set was never linked.
    """
    _refuse_finished(workflow)
    return _put(workflow, subject_set, by, is_linked=False)


def _put(
    workflow: Workflow, subject_set: SubjectSet, by: User | None, *, is_linked: bool
) -> SetLink:
    links = SetLink.objects.select_for_update(no_key=True)
    link = links.get(workflow=workflow, subject_set=subject_set)
    if link.is_linked != is_linked:
        link.is_linked, link.admitted_version = is_linked, WAITING
        link.save(update_fields=["is_linked", "admitted_version"])
        audit.write_entry(
            actor=by, action="link_set" if is_linked else "unlink_set", target="workflow",
            target_id=workflow.pk, old={"is_linked": not is_linked},
            new={"set": subject_set.slug, "is_linked": is_linked},
        )  # fmt: skip
        wake("admission")
    return link


def _refuse_finished(workflow: Workflow) -> None:
    rows = Workflow.objects.select_for_update(no_key=True)
    if rows.get(pk=workflow.pk).status == Status.FINISHED:
        raise CampaignFinished(
            _("“%(workflow)s” is finished, so its sets change no more. Duplicate it to go on.")
            % {"workflow": workflow.name}
        )
