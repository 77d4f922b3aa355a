"""Rows for tests: each function makes one, with everything that it needs."""

import hashlib
import itertools
import os
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from inference.formats.tree import Tree, load_built_in
from webapp.accounts.identity import Identity
from webapp.accounts.models import Role, User, Volunteer
from webapp.classifications import services
from webapp.classifications.models import Handout
from webapp.classifications.services import Recorded
from webapp.classifications.shown import Shown
from webapp.consensus.admission import admit_next_chunk
from webapp.registry import files
from webapp.registry.models import ModelVersion, Source
from webapp.subjects import media
from webapp.subjects.models import SetLink, Subject, SubjectSet
from webapp.workflows.models import Status, TreeVersion, Workflow

_numbers = itertools.count(1)
CARD = {
    "training_data": "",
    "alpha_form": "softplus",
    "input": {"size_px": 96, "crop": 0.5},
    "masks": {"samples": 32, "dropout": 0.3, "seed": 0},
    "cam_exact": True,
    "aux_names": [],
    "calibration": None,
    "outputs": ["alpha"],
    "provider": "CPUExecutionProvider",
    "check_seconds": 1.5,
}


def tree_version(tree: Tree | None = None) -> TreeVersion:
    """A published tree; the three-class tree unless another is given."""
    tree = tree or load_built_in("three-class")
    return TreeVersion.objects.get_or_create(
        sha256=tree.sha256,
        defaults={
            "key": tree.key,
            "title": tree.title,
            "document": tree.to_json(),
            "n_answers": tree.n_answers,
            "n_questions": tree.n_questions,
        },
    )[0]


def workflow(
    *, tree: Tree | None = None, n_subjects: int = 0, status: Status = Status.LIVE, **fields: Any
) -> Workflow:
    """A live campaign with its own set of galaxies, all in the queue."""
    from django.utils import timezone  # noqa: PLC0415

    number = next(_numbers)
    fields.setdefault("rule", {"format": 1, "votes": 3, "artifact": None})
    made = Workflow.objects.create(
        slug=f"campaign-{number}",
        name=f"Campaign {number}",
        tree=tree_version(tree),
        status=status,
        launched_at=None if status == Status.DRAFT else timezone.now(),
        **fields,
    )
    if n_subjects:
        link(made, subjects(n_subjects)[0].subject_set)
    return made


def subjects(count: int, subject_set: SubjectSet | None = None) -> list[Subject]:
    """Galaxies of one set, without pictures on disk."""
    number = next(_numbers)
    subject_set = subject_set or SubjectSet.objects.create(
        slug=f"set-{number}", name=f"Set {number}"
    )
    made = Subject.objects.bulk_create(
        (
            Subject(
                subject_set=subject_set,
                survey_id=f"G{number}-{index}",
                original_name=f"{index}.png",
                original_sha256=f"{index:064x}",
                original_format="png",
                display_sha256=f"{index:064x}",
                thumbnail_sha256=f"{index:064x}",
                stamp_sha256=f"{index:064x}",
                width_px=424,
                height_px=424,
            )
            for index in range(count)
        ),
        batch_size=1000,
    )
    SubjectSet.objects.filter(pk=subject_set.pk).update(version=subject_set.version + 1)
    subject_set.refresh_from_db()
    return made


def link(workflow: Workflow, subject_set: SubjectSet) -> SetLink:
    """A set in a campaign, its galaxies in the queue."""
    made = SetLink.objects.create(workflow=workflow, subject_set=subject_set)
    while admit_next_chunk():
        pass
    return made


def link_again(workflow: Workflow) -> None:
    """Admit what has come into a campaign's sets since."""
    while admit_next_chunk():
        pass


def model(
    *, workflow: Workflow | None = None, tree: TreeVersion | None = None, **fields: Any
) -> ModelVersion:
    """A registered model of a campaign, or of all, whose file is no network but is on disk."""
    content = f"model {next(_numbers)}".encode()
    files.store(content)
    made = ModelVersion.objects.create(
        **{
            "sha256": hashlib.sha256(content).hexdigest(),
            "name": f"model-{next(_numbers)}",
            "tree": tree or (workflow.tree if workflow else tree_version()),
            "is_shared": workflow is None,
            "source": Source.FILE,
            "size_bytes": len(content),
            "contract": "1",
            "precision": "float32",
            "metrics": {},
            "lineage": {},
            "card": CARD,
            "check_limits": {"memory": True, "no network": True},
            "trained_at": datetime(2026, 1, 31, tzinfo=UTC),
        }
        | fields
    )
    if workflow:
        made.workflows.add(workflow)
    return made


def network(
    *, workflow: Workflow | None = None, tree: Tree | None = None, **options: Any
) -> ModelVersion:
    """A registered model whose file is a tiny network; see tests.inference.models."""
    import tempfile  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    from tests.inference.models import tiny_model  # noqa: PLC0415

    row = workflow.tree if workflow and tree is None else tree_version(tree)
    options.setdefault("seed", os.getpid() * 10_000 + next(_numbers))
    with tempfile.TemporaryDirectory() as folder:
        content = tiny_model(Path(folder), tree=row.tree, **options).read_bytes()
    files.store(content)
    sha256 = hashlib.sha256(content).hexdigest()
    return model(workflow=workflow, tree=row, sha256=sha256, size_bytes=len(content))


def promoted(workflow: Workflow, **options: Any) -> ModelVersion:
    """A tiny network that a campaign uses from now on."""
    from webapp.registry.promotion import promote_model  # noqa: PLC0415

    made = network(workflow=workflow, **options)
    promote_model(workflow=workflow, model=made, why="a test", by=None)
    return made


def stamped(made: list[Subject], side_px: int = 32) -> list[Subject]:
    """The same galaxies, with a stamp on disk each, from dark to bright."""
    for number, subject in enumerate(made):
        content = shade(255 * number // max(1, len(made) - 1), number, side_px)
        subject.stamp_sha256 = media.store_public("stamp", content)
    Subject.objects.bulk_update(made, ["stamp_sha256"])
    return made


def shade(brightness: int, number: int = 0, side_px: int = 32) -> bytes:
    """A JPEG of one brightness, 0 to 255, with a noise of its own."""
    from io import BytesIO  # noqa: PLC0415

    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    noise = np.random.default_rng(number).normal(0, 8, (side_px, side_px, 3))
    buffer = BytesIO()
    pixels = (brightness + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def training_run(workflow: Workflow, *, with_model: bool = False, **fields: Any) -> Any:
    """A run that a trainer has; or one that is done, with a model and a bare comparison."""
    from webapp.retraining.models import Comparison, TrainingRun  # noqa: PLC0415

    made = TrainingRun.objects.create(
        **{
            "workflow": workflow,
            "status": "done" if with_model else "running",
            "phase": "collect" if with_model else "train",
            "folder": f"run-{next(_numbers)}",
            "config_name": "smoke",
            "config": {"epochs": 8},
            "tree": workflow.tree,
            "model": model(workflow=workflow) if with_model else None,
        }
        | fields
    )
    if with_model:
        questions = {question.key: {"n": 0} for question in workflow.tree.tree.questions}
        figures = {"challenger": {"n": 0, "nll": None, "questions": questions}}
        Comparison.objects.create(
            run=made, n_subjects=0, figures=figures, is_repeatable=True, is_better=False,
            words="No model was in use that could be compared with it.",
        )  # fmt: skip
    return made


def user(name: str = "alice", role: Role = Role.VOLUNTEER) -> User:
    """An account; alice, bob and charlie are volunteers unless told otherwise."""
    is_admin = role == Role.ADMIN
    return User.objects.create_user(
        name, f"{name}@example.org", "a long password", role=role, is_staff=is_admin,
        is_superuser=is_admin,
    )  # fmt: skip


def visitor(user: User | None = None) -> Identity:
    """Somebody who may classify: a new browser, or a user in a new browser."""
    return Identity(user=user, browser=uuid.uuid4())


def visitor_of(volunteer: Volunteer) -> Identity:
    """Somebody who has classified before, in the same browser."""
    return Identity(user=volunteer.user, browser=volunteer.uuid)


def shown(identity: Identity, workflow: Workflow) -> Shown:
    """The next galaxy, handed to somebody."""
    handed = services.hand_out(identity=identity, workflow=workflow)
    assert handed
    return Shown.of(handed[0])


def shown_subject(
    identity: Identity, workflow: Workflow, subject: Subject, stream: str = "random"
) -> Shown:
    """This very galaxy, handed to somebody."""
    made = Handout.objects.create(
        holder=identity.holder, workflow=workflow, subject=subject, tree=workflow.tree,
        stream=stream,
    )  # fmt: skip
    made.refresh_from_db()
    return Shown.of(made)


def classification(
    identity: Identity,
    workflow: Workflow,
    subject: Subject,
    path: list[int] | None = None,
    stream: str = "random",
) -> Recorded:
    """A stored classification of this galaxy, ten seconds long; the tree's first answer unless told
    otherwise.
    """
    from django.utils import timezone  # noqa: PLC0415

    now = timezone.now()
    return services.record_classification(
        identity=identity,
        uuid=uuid.uuid4(),
        shown=shown_subject(identity, workflow, subject, stream),
        path=[0] if path is None else path,
        client_started_at=now - timedelta(seconds=10),
        client_finished_at=now,
    )


def volunteer(identity: Identity) -> Volunteer:
    """The row that somebody's first classification made."""
    return Volunteer.objects.get(uuid=identity.holder)


def volunteer_row() -> Volunteer:
    """Somebody who has classified, in a browser of their own."""
    return Volunteer.objects.create(uuid=uuid.uuid4())


def picture(number: int = 0, side_px: int = 32) -> bytes:
    """A small PNG; another number is another picture."""
    from io import BytesIO  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    buffer = BytesIO()
    color = (number % 251, number // 251 % 251, 100)
    image = Image.new("RGB", (side_px, side_px), color)
    image.putpixel((side_px // 2, side_px // 2), (255, 255, 255))
    image.save(buffer, "PNG")
    return buffer.getvalue()


def picture_folder(folder: Any, count: int) -> Any:
    """A folder of small PNGs, galaxy-0.png and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"galaxy-{number}.png").write_bytes(picture(number))
    return folder


def subject_set(owner: User | None = None) -> SubjectSet:
    """An empty set of galaxies, somebody's or nobody's."""
    from webapp.subjects.services import create_set  # noqa: PLC0415

    return create_set(name=f"Set {next(_numbers)}", credit="", owner=owner)


def batch(
    source: Any, *, pictures: Any = None, into: SubjectSet | None = None, **fields: Any
) -> Any:
    """An ingest that waits: of a folder, a ZIP file, or a manifest with its pictures."""
    from webapp.subjects.models import SourceKind  # noqa: PLC0415
    from webapp.subjects.services import start_batch  # noqa: PLC0415

    kinds = {".csv": SourceKind.MANIFEST, ".zip": SourceKind.ZIP}
    given: dict[str, Any] = {"is_dry_run": False, "keeps_good_rows": False, "actor": None} | fields
    return start_batch(
        subject_set=into or subject_set(),
        kind=kinds.get(source.suffix, SourceKind.FOLDER),
        source=source,
        picture_folder=pictures,
        source_name=source.name,
        **given,
    )


def imported(kind: str, file: Any, campaign: Workflow, **fields: Any) -> Any:
    """A file of Zooniverse that was read to its end, into a campaign and its set."""
    from webapp.common import work  # noqa: PLC0415
    from webapp.imports import running  # noqa: PLC0415
    from webapp.imports.services import start_import  # noqa: PLC0415

    made = start_import(
        kind=kind, source=file, source_name=file.name, workflow=campaign,
        subject_set=campaign.subject_sets.get(), by=None, **fields,
    )  # fmt: skip
    claimed = work.claim(made)
    assert claimed
    work.run(claimed, running.run_batch)
    made.refresh_from_db()
    return made


def owned(owner: User, **fields: Any) -> Workflow:
    """A campaign of this person's; see `workflow`."""
    made = workflow(**fields)
    made.owners.add(owner)
    return made


def pictured(made: list[Subject]) -> list[Subject]:
    """The same galaxies, with a display picture on disk each."""
    for subject in made:
        # Its own bytes, so that a test which damages the file meets nobody else's.
        subject.display_sha256 = media.store_public("display", uuid.uuid4().bytes)
    Subject.objects.bulk_update(made, ["display_sha256"])
    return made


def launchable(owner: User, **fields: Any) -> Workflow:
    """A draft that every line of the checklist passes."""
    fields = {"summary": "Spirals.", "text": "Look for arms.", "status": Status.DRAFT} | fields
    made = owned(owner, **fields)
    link(made, pictured(subjects(2))[0].subject_set)
    return made
