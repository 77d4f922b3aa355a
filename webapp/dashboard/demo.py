"""The demo campaign: real galaxies of the Hubble deep field, asked about with a real tree."""

import time

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from inference.formats.tree import load_built_in
from webapp.common.errors import DomainError
from webapp.consensus import admission, measuring
from webapp.dashboard.checklist import checklist
from webapp.registry import promotion
from webapp.registry import queries as registry
from webapp.registry import services as models
from webapp.registry.models import Source
from webapp.subjects import deepfield, demo, links
from webapp.subjects.models import SetLink, SubjectSet
from webapp.workflows import services as workflows
from webapp.workflows.models import Status, Workflow

SLUG = "hubble-deep-field"
NAME = "Hubble Deep Field"
SUMMARY = (
    "In December 1995 Hubble stared for ten days at a spot of sky that looked empty. "
    "Tell us what shapes the galaxies have that it found there."
)
STARTER = settings.BASE_DIR / "inference" / "models" / "starter.onnx"
WHY = "The network that comes with the software, for the demo."
TEXT = """
## What you will see

Each picture is one galaxy, cut from the **Hubble Deep Field** and enlarged. Most of them are so far
away that their light set out before the Earth existed. They are small and faint even for Hubble, so
expect soft edges: say what you see, not what you think should be there.

- **Smooth** galaxies are round or oval and fade evenly outward, like a ball of light.
- Galaxies with **features or a disk** show arms, a bar, clumps, a ring, or a thin line seen from
  the side.
- A **star or artifact** is no galaxy at all: a sharp point with a cross of spikes, or a flaw.

Colors are real colors, strengthened: blue is young stars, yellow and red are old stars, dust or
great distance.

## Why it is worth your time

People still see things in galaxies that programs miss. Every galaxy here is looked at by many
people; where they agree, the shape is known, and where they do not, the galaxy is the interesting
one. There are no wrong answers, only honest ones.
"""


@transaction.atomic
def _campaign() -> Workflow:
    """Return the demo's campaign, made on the first call."""
    known = Workflow.objects.with_tree().filter(slug=SLUG).first()
    if known:
        return known
    tree = workflows.publish_tree(document=load_built_in("galaxy-zoo-2").to_json(), by=None)
    return workflows.create_workflow(
        name=NAME, tree=tree, owner=None, summary=SUMMARY, text=TEXT.strip()
    )


def load_demo() -> int:
    """Make the demo campaign, or what is missing of it; return how many galaxies are new."""
    workflow = _campaign()
    subject_set = SubjectSet.objects.get_or_create(
        slug=SLUG, defaults={"name": NAME, "credit": deepfield.CREDIT}
    )[0]
    n_added = demo.load_deep_field(subject_set)
    links.link_set(workflow=workflow, subject_set=subject_set, by=None)
    _admit(workflow)
    if workflow.status == Status.DRAFT:
        workflows.launch_workflow(workflow=workflow, lines=checklist(workflow), by=None)
    measuring.measure_progress(workflow, is_rationed=False)
    return n_added


def _admit(workflow: Workflow) -> None:
    """Give the galaxies their places, or wait for a worker that is about to."""
    behind = Q(admitted_version__lt=F("subject_set__version"))
    while SetLink.objects.filter(behind, workflow=workflow).exists():
        if not admission.admit_next_chunk():
            time.sleep(0.1)


def load_starter() -> str:
    """Register the network that comes with the software, for all campaigns; the demo uses it.

    A demo that uses a network already keeps it. Without a network the demo works too, so that a
    file that cannot be checked here is said and no failure.

    Returns:
        A sentence about what was done.
    """
    workflow = _campaign()
    try:
        model = models.register_file(path=STARTER, source=Source.DEMO)
        if registry.active(workflow) is None:
            promotion.promote_model(workflow=workflow, model=model, why=WHY, by=None)
    except DomainError as error:
        return f"The demo has no network of its own: {error}"
    return f"{model} is registered."
