"""Asking for a run, stopping it, and changing a campaign's plan; each is in the audit log."""

import uuid
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.common import audit, work
from webapp.common.errors import DomainError
from webapp.common.wake import wake
from webapp.registry import queries as registry
from webapp.retraining import configs, queries
from webapp.retraining.folders import folder_of
from webapp.retraining.models import Plan, Reason, TrainingRun
from webapp.workflows.models import Workflow

FOLDER_NAME = 40  # characters of the campaign's address in the name of a run's folder
MOST_NEW = 100_000_000


class TooFew(DomainError):
    """A run would learn nothing that the last one did not."""


class NotTallied(DomainError):
    """The tallies do not follow the campaign's tree yet."""


class HasEnded(DomainError):
    """The run cannot be stopped any more."""


class PlanUnusable(DomainError):
    """The plan contradicts itself."""


@transaction.atomic
def start_run(*, workflow: Workflow, by: User | None, reason: Reason = Reason.ASKED) -> TrainingRun:
    """Ask for a campaign's network to be trained; who asks while one is open gets that one.

    Raises:
        TooFew: too little has come in since the last run.
        NotTallied: the tree has just been changed.
        ConfigUnusable: the plan names settings that are not there.
    """
    locked = _locked(workflow)
    if open_run := queries.open_run(locked):
        return open_run
    plan = queries.plan_of(locked)
    if refusal := queries.refusal(locked, plan):
        raise TooFew(refusal)
    if not locked.is_tallied:
        raise NotTallied(
            _(
                "The tree was changed and the votes are being counted along it. Press Retrain "
                "again in a minute."
            )
        )
    return _start(locked, plan, by, reason)


def _locked(workflow: Workflow) -> Workflow:
    rows = Workflow.objects.select_related("tree").select_for_update(of=("self",), no_key=True)
    return rows.get(pk=workflow.pk)


def _start(workflow: Workflow, plan: Plan, by: User | None, reason: Reason) -> TrainingRun:
    config = configs.read(plan.config_name)
    configs.input_of(config)
    seed = config.get("seed", 0)
    run = TrainingRun.objects.create(
        workflow=workflow,
        reason=reason,
        folder=f"{workflow.slug[:FOLDER_NAME]}-{uuid.uuid4().hex[:12]}",
        tree=workflow.tree,
        parent=registry.active_model(workflow),
        config_name=plan.config_name,
        config=config,
        seed=seed if type(seed) is int else 0,
        requested_by=by,
    )
    _log(by, "start_run", run, new={"run": run.folder, "settings": run.config_name})
    wake("retraining")
    return run


@transaction.atomic
def cancel_run(*, run: TrainingRun, by: User | None) -> None:
    """Ask a run to stop: at once while it waits, within a step while it trains.

    Raises:
        HasEnded: it has ended.
    """
    if not work.request_cancel(run):
        raise HasEnded(_("The run has ended: there is nothing to stop."))
    _log(by, "cancel_run", run, new={"run": run.folder})
    transaction.on_commit(lambda: _signal(run), robust=True)
    wake("retraining")


def _signal(run: TrainingRun) -> None:
    """Tell the trainer at once, if there is one; beat repeats it."""
    folder = folder_of(run)
    if folder.path.is_dir():
        folder.cancel()


@transaction.atomic
def change_plan(*, workflow: Workflow, by: User, **values: Any) -> Plan:
    """Change when a campaign's network is trained again, and who promotes it.

    Raises:
        PlanUnusable: a number is out of range.
        ConfigUnusable: there are no such settings.
    """
    locked = _locked(workflow)
    _check_plan(values)
    plan = queries.plan_of(locked)
    old = {name: getattr(plan, name) for name in values}
    for name, value in values.items():
        setattr(plan, name, value)
    plan.save()
    if old != values:
        audit.write_entry(
            actor=by, action="change_retraining", target="workflow", target_id=locked.pk,
            old=old, new=values,
        )  # fmt: skip
    return plan


def _check_plan(values: dict[str, Any]) -> None:
    least, after = values["least_new"], values["after_new"]
    if not 0 <= least <= MOST_NEW:
        raise PlanUnusable(
            _("%(least)s is no number of classifications: write 0 to %(most_new)s.")
            % {"least": f"{least:,}", "most_new": f"{MOST_NEW:,}"}
        )
    if after is not None and not max(1, least) <= after <= MOST_NEW:
        raise PlanUnusable(
            _(
                "A run after %(after)s new classifications would be refused, as at least "
                "%(least)s are asked for: write %(least_2)s or more."
            )
            % {"after": f"{after:,}", "least": f"{least:,}", "least_2": f"{max(1, least):,}"}
        )
    configs.read(values["config_name"])


def _log(by: User | None, action: str, run: TrainingRun, *, new: Any) -> None:
    audit.write_entry(
        actor=by, action=action, target="workflow", target_id=run.workflow_id, new=new
    )
