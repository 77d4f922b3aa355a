"""Which network a campaign uses: promoting one, and going back."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from webapp.accounts.models import User
from webapp.common import audit
from webapp.common.errors import DomainError
from webapp.common.wake import wake
from webapp.registry import files, queries
from webapp.registry.models import ActiveModel, ModelVersion
from webapp.workflows.models import Workflow

ROLLED_BACK = "Rolled back."


class OtherTree(DomainError):
    """The network answers another tree than the campaign asks."""


class FileLost(DomainError):
    """The model file is not there any more, or not as it was."""


class NoReason(DomainError):
    """Nobody said why."""


class NothingBefore(DomainError):
    """There is no network to roll back to."""


class IsArchived(DomainError):
    """The network was put away."""


@transaction.atomic
def promote_model(
    *, workflow: Workflow, model: ModelVersion, why: str, by: User | None
) -> ActiveModel:
    """Let a campaign use a network from now on; only its pointer moves, and workers follow.

    Promoting the network that is active already changes nothing.

    Raises:
        NoReason: why is empty.
        OtherTree: it does not answer the campaign's tree.
        IsArchived: it was put away.
        FileLost: its file is not there, or not as it was.
    """
    reason = why.strip()
    if not reason:
        raise NoReason(gettext("Say in a few words why: it stands in the campaign's history."))
    locked = _lock_workflow(workflow)
    chosen = ModelVersion.objects.select_related("tree").select_for_update(
        of=("self",), no_key=True
    ).get(pk=model.pk)  # fmt: skip
    pointer = queries.active(locked)
    if pointer and pointer.model_id == chosen.pk:
        return pointer
    _check_promotable(chosen, locked)
    return _point(locked, pointer, chosen, reason, by)


def roll_back(*, workflow: Workflow, by: User | None, why: str = "") -> ActiveModel:
    """Promote the network that was active before; nothing needs to be said or compared.

    Raises:
        NothingBefore: there is none.
        FileLost: its file is not there, or not as it was.
    """
    model = queries.model_before(workflow)
    if model is None:
        raise NothingBefore(
            gettext(
                "“%(workflow)s” had no other model before that could serve. Promote one from the "
                "list."
            )
            % {"workflow": workflow.name}
        )
    return promote_model(workflow=workflow, model=model, why=why.strip() or ROLLED_BACK, by=by)


def _lock_workflow(workflow: Workflow) -> Workflow:
    rows = Workflow.objects.select_related("tree")
    return rows.select_for_update(of=("self",), no_key=True).get(pk=workflow.pk)


def _check_promotable(model: ModelVersion, workflow: Workflow) -> None:
    if differences := queries.misfit(model, workflow):
        raise OtherTree(
            gettext(
                "%(model)s answers another tree than “%(workflow)s” asks (%(differences)s): "
                "promote a network that was trained for this tree."
            )
            % {"model": model, "workflow": workflow.name, "differences": differences}
        )
    if model.is_archived:
        raise IsArchived(
            gettext("%(model)s is archived. Bring it back first, if it shall serve.")
            % {"model": model}
        )
    if not files.is_whole(model.sha256):
        raise FileLost(
            gettext(
                "The file of %(model)s is missing or damaged: register the same file again, then "
                "promote it."
            )
            % {"model": model}
        )


def _point(
    workflow: Workflow,
    pointer: ActiveModel | None,
    model: ModelVersion,
    why: str,
    by: User | None,
) -> ActiveModel:
    before = pointer.model if pointer else None
    values = {
        "model": model,
        "version": pointer.version + 1 if pointer else 1,
        "since_at": timezone.now(),
        "promoted_by": by,
        "why": why,
    }
    now, _ = ActiveModel.objects.update_or_create(workflow=workflow, defaults=values)
    audit.write_entry(
        actor=by, action=queries.PROMOTED, target="workflow", target_id=workflow.pk,
        old=before.named() if before else None, new=model.named(), reason=why,
    )  # fmt: skip
    wake("scoring")
    return now
