"""Bringing in what a trainer has made: checked, registered, judged, promoted by the plan.

Every step may be done again: the same file is the same model, and a comparison is replaced.
"""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from inference.belief import compare
from inference.belief.scores import score
from inference.errors import InferenceError
from inference.formats.catalog import Catalog
from inference.formats.run import CANCELLED, FAILED, Request, Result, RunFolder
from inference.vision.check import answers_differ
from webapp.common import work
from webapp.common.errors import DomainError
from webapp.registry import promotion
from webapp.registry import queries as registry
from webapp.registry.models import ModelVersion, Source
from webapp.registry.services import register_file
from webapp.retraining import judging, queries
from webapp.retraining.folders import folder_of
from webapp.retraining.models import Comparison, TrainingRun
from webapp.workflows.models import Workflow

NO_CHAMPION = "No model was in use that could be compared with it."
NOT_ALIKE = "Two sessions of it said different things of the same pictures."


class TrainingFailed(DomainError):
    """The trainer could not do it, and says why."""


class ResultRefused(DomainError):
    """What lies in the run directory is not what it should be."""


@dataclass(frozen=True)
class Judged:
    """How a model stands beside the one in use."""

    champion: ModelVersion | None
    n_subjects: int
    figures: dict[str, Any]
    is_repeatable: bool
    is_better: bool
    words: str


def collect_run(run: TrainingRun) -> None:
    """Register a finished run's model beside the one in use, and say which is better.

    Raises:
        LeaseLost, WorkCancelled, WorkPaused: see `webapp.common.work`.
        DomainError: the training failed, a file was changed, or the model is not sound; nothing of
            what serves has changed then.
    """
    folder = folder_of(run)
    result = _result(folder)
    request, catalog = _checked(run, folder)
    model = _registered(run, folder, result)
    work.rest(run)
    judged = _judged(run, model, folder, request, catalog)
    _store(run, model, judged)


def _result(folder: RunFolder) -> Result:
    try:
        result = folder.read_result()
    except InferenceError as refusal:
        raise ResultRefused(str(refusal)) from None
    if result is None:
        raise ResultRefused(
            f"The result of the run {folder.path.name} is gone: press Retrain again."
        )
    if result.status == FAILED:
        raise TrainingFailed(result.error or "The training failed and does not say why.")
    if result.status == CANCELLED:
        raise work.WorkCancelled(result.error)
    return result


def _checked(run: TrainingRun, folder: RunFolder) -> tuple[Request, Catalog]:
    """Return what the run was made of, if it is what this site wrote."""
    try:
        request, catalog = folder.read_request(), folder.read_catalog()
    except InferenceError as refusal:
        raise ResultRefused(str(refusal)) from None
    for name, written, found in (
        ("catalog.parquet", run.catalog_sha256, request.catalog_sha256),
        ("the pictures", run.stamps_sha256, request.stamps_sha256),
    ):
        if written != found:
            raise ResultRefused(
                f"In the run {run.folder} {name} have the SHA-256 {found[:12]}, and this site "
                f"wrote {written[:12]}: somebody has replaced them, so press Retrain again."
            )
    return request, catalog


def _registered(run: TrainingRun, folder: RunFolder, result: Result) -> ModelVersion:
    model = register_file(
        path=folder.model_path,
        source=Source.RUN,
        workflow=run.workflow,
        by=run.requested_by,
    )
    if model.sha256 != result.model_sha256:
        raise ResultRefused(
            f"model.onnx of the run {run.folder} was replaced while it was read: press Retrain "
            f"again."
        )
    learned_from = model.lineage.get("catalog_sha256")
    if learned_from != run.catalog_sha256:
        raise ResultRefused(
            f"The model of the run {run.folder} says that it has learned from other votes than "
            f"this site wrote: do not use it, and press Retrain again."
        )
    return model


def _judged(
    run: TrainingRun, model: ModelVersion, folder: RunFolder, request: Request, catalog: Catalog
) -> Judged:
    tree = run.tree.tree
    present = Workflow.objects.select_related("tree").get(pk=run.workflow_id)
    champion = registry.active_model(present)
    if champion and (champion.pk == model.pk or answers_differ(champion.tree.tree, tree)):
        champion = None
    places = judging.held_out(catalog)
    votes, asked = catalog.votes[places], catalog.asked[places]
    try:
        stamps = judging.stamps_of(folder, catalog, request.input)
    except InferenceError as refusal:
        raise ResultRefused(str(refusal)) from None
    own, *others = [
        judging.concentrations(one, tree, places, stamps, lambda: work.rest(run))
        for one in (model, champion)
        if one is not None
    ]
    is_repeatable = judging.is_repeatable(model)
    if not others:
        figures = {"challenger": score(own, votes, asked, tree).to_json()}
        return Judged(None, len(places), figures, is_repeatable, is_better=False, words=NO_CHAMPION)
    compared = compare.compare(others[0], own, votes, asked, tree)
    found = compare.verdict(compared)
    return Judged(
        champion,
        len(places),
        compared.to_json(),
        is_repeatable,
        is_better=found.is_better and is_repeatable,
        words=found.words if is_repeatable else f"{found.words} {NOT_ALIKE}",
    )


@transaction.atomic
def _store(run: TrainingRun, model: ModelVersion, judged: Judged) -> None:
    # The campaign first, as whoever presses Retrain locks it first.
    workflow = Workflow.objects.select_for_update(no_key=True).get(pk=run.workflow_id)
    work.hold(run)
    TrainingRun.objects.filter(pk=run.pk).update(model=model)
    is_promoted = judged.is_better and _promoted(workflow, model, judged)
    Comparison.objects.update_or_create(
        run=run,
        defaults={
            "champion": judged.champion,
            "n_subjects": judged.n_subjects,
            "figures": judged.figures,
            "is_repeatable": judged.is_repeatable,
            "is_better": judged.is_better,
            "words": judged.words,
            "is_promoted": is_promoted,
        },
    )
    work.finish(run)


def _promoted(workflow: Workflow, model: ModelVersion, judged: Judged) -> bool:
    """Promote by the plan, unless somebody has promoted another model meanwhile."""
    if not queries.plan_of(workflow).promotes_itself:
        return False
    pointer = registry.active(workflow)
    if pointer is None or judged.champion is None or pointer.model_id != judged.champion.pk:
        return False
    promotion.promote_model(workflow=workflow, model=model, why=judged.words, by=None)
    return True
