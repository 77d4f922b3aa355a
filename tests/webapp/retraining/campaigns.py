"""Campaigns whose galaxies have pictures and answers, so that a network can learn from them."""

from io import BytesIO

import numpy as np
from django.db.models import F
from PIL import Image

from tests import make
from webapp.classifications.models import Classification, Standing
from webapp.consensus.models import Consensus
from webapp.subjects import media
from webapp.subjects.models import Subject
from webapp.workflows.models import Workflow

SIDE_PX = 96


def answered(n_subjects: int, *, n_each: int = 2, **fields) -> Workflow:
    """A live campaign of the three-class tree: smooth, disk and star, each answered rightly."""
    fields.setdefault("rule", {"format": 1, "votes": 40, "artifact": None})
    workflow = make.workflow(n_subjects=n_subjects, **fields)
    for number, subject in enumerate(drawn(workflow)):
        for _ in range(n_each):
            answer(workflow, subject, number % 3)
    return workflow


def drawn(workflow: Workflow) -> list[Subject]:
    """The campaign's galaxies with a picture on disk each: smooth, disk, star, smooth and so on."""
    found = list(Subject.objects.filter(subject_set__workflows=workflow).order_by("pk"))
    for number, subject in enumerate(found):
        # Parts are drawn by a hash of this: with these names, 20 galaxies fall into every part.
        subject.survey_id = f"N{number}"
        subject.stamp_sha256 = media.store_public("stamp", picture(number % 3, seed=subject.pk))
    Subject.objects.bulk_update(found, ["survey_id", "stamp_sha256"])
    return found


def answer(workflow: Workflow, subject: Subject, index: int) -> None:
    """One more volunteer says this of a galaxy, straight into the tables for speed."""
    volunteer = make.volunteer_row()
    given = Classification.objects.create(
        uuid=volunteer.uuid, workflow=workflow, subject=subject, volunteer=volunteer,
        tree=workflow.tree, path=[index], stream="random", shown_at=workflow.created_at,
    )  # fmt: skip
    Standing.objects.create(
        workflow=workflow, subject=subject, volunteer=volunteer, classification=given,
        state=Standing.State.COUNTED,
    )  # fmt: skip
    row = Consensus.objects.get(workflow=workflow, subject=subject)
    row.votes[index] += 1
    row.weighted[index] += 1
    row.asked[0] += 1
    row.weighted_asked[0] += 1
    row.n_classifications = F("n_classifications") + 1
    row.save()


def picture(kind: int, seed: int) -> bytes:
    """A JPEG: a round glow, a thin tilted disk, or a star with spikes."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] - SIDE_PX / 2 + chance.normal(0, 2, (2, 1, 1))
    turn = chance.uniform(0, np.pi)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    if kind == 0:
        light = np.exp(-np.hypot(along, across) / chance.uniform(9, 13))
    elif kind == 1:
        light = np.exp(-np.abs(along) / 18 - np.abs(across) / 3)
    else:
        spikes = np.exp(-np.abs(across) / 1.2) + np.exp(-np.abs(along) / 1.2)
        light = np.exp(-np.hypot(along, across) / 3) + 0.4 * spikes
    noisy = 230 * np.clip(light, 0, 1) + chance.normal(12, 6, light.shape)
    image = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).convert("RGB")
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()
