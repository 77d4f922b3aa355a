"""Reading networks: which one a campaign uses, which it could, and which it has used."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db.models import Q, QuerySet

from inference.formats.tree import Tree
from inference.vision.check import answers_differ
from webapp.accounts.models import User
from webapp.common.models import AuditEntry
from webapp.registry.models import ActiveModel, ModelVersion, Status, registered_for
from webapp.workflows.models import TreeVersion, Workflow

PROMOTED = "promote_model"  # as the audit log calls it
MOST_PROMOTIONS = 100  # shown of a campaign's history


@dataclass(frozen=True)
class Promotion:
    """A line of a campaign's history of networks.

    Attributes:
        entry: of the audit log; its values name the networks before and after by hash.
        model: the network that became active, None if its row is not this campaign's to see.
        actor: name of who did it.
    """

    entry: AuditEntry
    model: ModelVersion | None
    actor: str

    @property
    def name(self) -> str:
        """What the network was called then."""
        return str(self.entry.new["name"])


def active(workflow: Workflow) -> ActiveModel | None:
    """Return a campaign's pointer as it stands, whether or not the network fits its tree."""
    pointers = ActiveModel.objects.select_related("model__tree", "promoted_by")
    return pointers.filter(workflow=workflow).first()


def active_model(workflow: Workflow) -> ModelVersion | None:
    """Return the network that a campaign uses now, or None.

    After a change of the tree the pointer may be at a network that answers another one; it is used
    no more until a network of the new tree is promoted. Its axis may be in another order than the
    campaign's: `workflow.tree.tree.axis_from(model.tree.tree)` leads from one to the other.
    """
    pointer = active(workflow)
    return pointer.model if pointer and fits(pointer.model, workflow) else None


def misfit(model: ModelVersion, workflow: Workflow) -> str:
    """Return in words how a network's answers differ from those of a campaign's tree, or ""."""
    return _misfit(model.tree.tree, workflow.tree.tree)


def fits(model: ModelVersion, workflow: Workflow) -> bool:
    """Say whether a network has every answer of a campaign's tree, by key, and no other."""
    return not misfit(model, workflow)


@lru_cache(maxsize=256)
def _misfit(found: Tree, expected: Tree) -> str:
    return answers_differ(found, expected)


def models_of(workflow: Workflow, *, archived: bool = False) -> QuerySet[ModelVersion]:
    """Return the networks that a campaign may use, and those of its own that fit no more.

    Networks for all campaigns are left out where they answer another tree. The newest first.
    """
    seen = ModelVersion.objects.seen_by(workflow)
    trees = TreeVersion.objects.filter(pk__in=seen.values("tree"))
    fitting = [row.pk for row in trees if not _misfit(row.tree, workflow.tree.tree)]
    wanted = Q(tree__in=fitting) | registered_for(workflow)
    is_archived = Q(status=Status.ARCHIVED)
    listed = seen.filter(wanted, is_archived if archived else ~is_archived)
    return listed.for_lists().select_related("tree", "registered_by").order_by("-pk")


def promotions(workflow: Workflow) -> list[Promotion]:
    """Return when which network became active, by whom and why, the newest first."""
    entries = AuditEntry.objects.filter(
        target="workflow", target_id=str(workflow.pk), action=PROMOTED
    )
    found = list(entries.order_by("-pk")[:MOST_PROMOTIONS])
    models = _by_sha256(workflow, [entry.new["sha256"] for entry in found])
    people = User.objects.in_bulk([entry.actor_id for entry in found if entry.actor_id])
    return [
        Promotion(entry, models.get(entry.new["sha256"]), _actor(entry, people)) for entry in found
    ]


def _by_sha256(workflow: Workflow, hashes: Sequence[str]) -> dict[str, ModelVersion]:
    seen = ModelVersion.objects.seen_by(workflow).for_lists()
    return {model.sha256: model for model in seen.filter(sha256__in=hashes)}


def _actor(entry: AuditEntry, people: dict[int, User]) -> str:
    if entry.actor_id is None:
        return "the site itself"
    person = people.get(entry.actor_id)
    return person.username if person else f"deleted account {entry.actor_id}"


def model_before(workflow: Workflow) -> ModelVersion | None:
    """Return the network to roll back to: the last one active before the present one.

    Networks that were archived meanwhile, and those of another tree, are passed over.
    """
    pointer = active(workflow)
    if pointer is None:
        return None
    for promotion in promotions(workflow):
        model = promotion.model
        is_other = model is not None and model.pk != pointer.model_id
        if model and is_other and not model.is_archived and fits(model, workflow):
            return model
    return None


def last_check() -> ModelVersion | None:
    """Return the network whose file was checked last: it knows which limits this machine has."""
    return ModelVersion.objects.for_lists().order_by("-registered_at", "-pk").first()
