"""Campaigns whose galaxies have pictures and answers, so that a network can learn from them."""

from io import BytesIO
from uuid import uuid4

import numpy as np
from PIL import Image

from tests import make
from webapp.accounts.models import Volunteer
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
    found = enumerate(drawn(workflow))
    answer_all(workflow, [(each, number % 3) for number, each in found for _ in range(n_each)])
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
    """One more volunteer says this of a galaxy."""
    answer_all(workflow, [(subject, index)])


def answer_all(workflow: Workflow, said: list[tuple[Subject, int]]) -> None:
    """As many volunteers each say one thing of one galaxy, straight into the tables for speed."""
    people = Volunteer.objects.bulk_create(Volunteer(uuid=uuid4()) for _ in said)
    given = Classification.objects.bulk_create(
        Classification(
            uuid=person.uuid, workflow=workflow, subject=subject, volunteer=person,
            tree=workflow.tree, path=[index], stream="random", shown_at=workflow.created_at,
        )
        for person, (subject, index) in zip(people, said, strict=True)
    )  # fmt: skip
    Standing.objects.bulk_create(
        Standing(
            workflow=workflow, subject=each.subject, volunteer=each.volunteer, classification=each,
            state=Standing.State.COUNTED,
        )
        for each in given
    )  # fmt: skip
    rows = {row.subject_id: row for row in Consensus.objects.filter(workflow=workflow)}
    for subject, index in said:
        row = rows[subject.pk]
        row.votes[index] += 1
        row.weighted[index] += 1
        row.asked[0] += 1
        row.weighted_asked[0] += 1
        row.n_classifications += 1
    changed = [rows[pk] for pk in {subject.pk for subject, _ in said}]
    Consensus.objects.bulk_update(
        changed, ["votes", "weighted", "asked", "weighted_asked", "n_classifications"]
    )


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
