"""Registering model files and putting them away; each change is in the audit log."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import DataError, connection, transaction
from django.utils.translation import gettext as _

from inference.formats.card import CONTRACT, Card
from inference.vision import model_file
from inference.vision.check import Checked, check_content
from inference.vision.model_file import ModelRefused, name_of, read_model
from webapp.accounts.models import User
from webapp.common import audit
from webapp.common.errors import DomainError
from webapp.registry import files
from webapp.registry.models import ModelVersion, Source, Status
from webapp.workflows.models import Workflow
from webapp.workflows.services import publish_tree

logger = logging.getLogger(__name__)


class ModelUnusable(DomainError):
    """The file is no model that this site could use."""


class NotChecked(DomainError):
    """Model files cannot be checked now; this says nothing of the file."""


class NotStored(DomainError):
    """The file is sound and could not be kept."""


class InUse(DomainError):
    """The network cannot be put away while a campaign uses it."""


class NotYours(DomainError):
    """Campaigns of other people use the network too."""


def model_path(model: ModelVersion) -> Path:
    """Return where a network's file lies; whoever loads it compares its hash.

    Raises:
        OSError: it is in the object store, and cannot be had.
    """
    return files.here(model.sha256)


def register_file(
    *, path: Path, source: Source, workflow: Workflow | None = None, by: User | None = None
) -> ModelVersion:
    """Check and keep a file of this machine; see `register_model`."""
    try:
        content = read_model(path, settings.MAX_MODEL_BYTES)
    except ModelRefused as error:
        raise ModelUnusable(str(error)) from None
    return register_model(content=content, name=path.name, source=source, workflow=workflow, by=by)


def register_upload(*, upload: "UploadedFile[bytes]", workflow: Workflow, by: User) -> ModelVersion:
    """Check and keep an uploaded file, one at a time on the whole site; see `register_model`.

    Raises:
        NotChecked: another upload is being checked.
    """
    with _alone():
        return register_model(
            content=b"".join(upload.chunks()),
            name=str(upload.name),
            source=Source.UPLOAD,
            workflow=workflow,
            by=by,
        )


def register_model(
    *, content: bytes, name: str, source: Source, workflow: Workflow | None, by: User | None
) -> ModelVersion:
    """Check a model file in a process that can harm nobody, and keep it.

    The same bytes again give the row that is there, which this campaign then knows of too.

    Args:
        name: of the file, for refusals; it is kept nowhere.
        workflow: the campaign whose owners shall see it; None for all campaigns.

    Raises:
        ModelUnusable: it is damaged, dangerous, too large, too slow, or not what it says.
        NotChecked: this installation cannot check any.
        NotStored: the disk is full or read-only.
    """
    _check_size(content, name)
    sha256 = hashlib.sha256(content).hexdigest()
    is_known = ModelVersion.objects.filter(sha256=sha256).exists()
    checked = None if is_known else _checked(content, name)
    with transaction.atomic():
        _lock_hash(sha256)
        is_new_file = _store(content, sha256)
        model = ModelVersion.objects.filter(sha256=sha256).first()
        if model is None and checked:  # else somebody else has just added it
            model = _added(checked, source=source, by=by, is_new_file=is_new_file)
        assert model is not None  # noqa: S101  for the type checker: rows are never removed
        _show(model, workflow, by)
    return model


def _check_size(content: bytes, name: str) -> None:
    if not content or len(content) > settings.MAX_MODEL_BYTES:
        raise ModelUnusable(
            _(
                "%(name)s has %(count)s bytes, and 1 to %(max_model_bytes)s are accepted: export "
                "a smaller network, or copy the file again."
            )
            % {
                "name": name_of(name),
                "count": f"{len(content):,}",
                "max_model_bytes": f"{settings.MAX_MODEL_BYTES:,}",
            }
        )


def _checked(content: bytes, name: str) -> Checked:
    try:
        return check_content(content, name_of(name))
    except ModelRefused as error:
        raise ModelUnusable(str(error)) from None
    except model_file.CheckUnavailable as error:
        raise NotChecked(str(error)) from None


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other uploads out while one is checked: each may take minutes and gigabytes."""
    key = "SELECT {}(hashtext('model upload'))"
    with connection.cursor() as cursor:
        cursor.execute(key.format("pg_try_advisory_lock"))
        if not cursor.fetchone()[0]:
            raise NotChecked(
                _(
                    "Another model file is being checked. Send yours again in a minute, or "
                    "register it on the server with manage.py register_model."
                )
            )
        try:
            yield
        finally:
            cursor.execute(key.format("pg_advisory_unlock"))


def _added(checked: Checked, *, source: Source, by: User | None, is_new_file: bool) -> ModelVersion:
    """Write the row; a file whose row cannot be written is not left behind."""
    try:
        with transaction.atomic():
            return _add_row(checked, source=source, by=by)
    except (DataError, UnicodeEncodeError):
        if is_new_file:
            files.remove(checked.sha256)
        raise ModelUnusable(
            _(
                "The card of %(model_id)s holds a text or a number that cannot be stored, such as "
                "the character NUL: write its lineage and metrics without it, and export it again."
            )
            % {"model_id": checked.card.model_id}
        ) from None


def _lock_hash(sha256: str) -> None:
    """Let whoever registers the same bytes at this moment wait for the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"model {sha256}"])


def _store(content: bytes, sha256: str) -> bool:
    try:
        return files.store(content)
    except OSError as error:
        logger.error("The model file %s could not be written: %s", sha256[:12], error)  # noqa: TRY400
        raise NotStored(
            _(
                "The model file could not be written (%(strerror)s): free some space in the "
                "folder of the models, and register it again."
            )
            % {"strerror": error.strerror}
        ) from None


def _add_row(checked: Checked, *, source: Source, by: User | None) -> ModelVersion:
    card = checked.card
    parent = card.lineage.get("parent_sha256")
    known_parent = ModelVersion.objects.filter(sha256=parent) if isinstance(parent, str) else None
    model = ModelVersion.objects.create(
        sha256=checked.sha256,
        name=card.model_id,
        tree=publish_tree(document=card.tree.to_json(), by=by),
        parent=known_parent.first() if known_parent else None,
        source=source,
        size_bytes=checked.n_bytes,
        contract=CONTRACT,
        precision=card.precision,
        metrics=dict(card.metrics),
        lineage=dict(card.lineage),
        card=card_facts(card, checked),
        check_limits=dict(checked.limits),
        trained_at=datetime.fromisoformat(card.created_at),
        registered_by=by,
    )
    orphans = ModelVersion.objects.filter(parent=None, lineage__parent_sha256=checked.sha256)
    orphans.update(parent=model)
    _log(model, by, "register_model", old=None, new=model.named() | {"source": source})
    return model


def card_facts(card: Card, checked: Checked) -> dict[str, Any]:
    """Return what a network's page shows of its card beside lineage and metrics, as JSON."""
    return {
        "training_data": card.training_data,
        "alpha_form": card.alpha_form,
        "input": {"size_px": card.input.size_px, "crop": card.input.crop},
        "masks": card.masks.values(),
        "cam_exact": card.cam_exact,
        "aux_names": list(card.aux_names),
        "calibration": card.calibration.values() if card.calibration else None,
        "outputs": list(checked.outputs),
        "provider": checked.provider,
        "check_seconds": round(checked.seconds, 2),
    }


def _show(model: ModelVersion, workflow: Workflow | None, by: User | None) -> None:
    """Let a campaign, or all, know of a network."""
    if workflow is None and not model.is_shared:
        ModelVersion.objects.filter(pk=model.pk).update(is_shared=True)
        model.is_shared = True
        _log(model, by, "show_model", old=None, new={"campaign": "all"})
    elif workflow and not model.workflows.filter(pk=workflow.pk).exists():
        model.workflows.add(workflow)
        _log(model, by, "show_model", old=None, new={"campaign": workflow.slug})


@transaction.atomic
def archive_model(*, model: ModelVersion, by: User) -> ModelVersion:
    """Put a network away: it is listed apart and cannot be promoted; file and predictions stay.

    Raises:
        NotYours: campaigns that this person does not own know of it.
        InUse: a campaign uses it.
    """
    locked = _lock_model(model, by)
    users = [pointer.workflow.name for pointer in locked.active_in.select_related("workflow")]
    if users:
        names = ", ".join(f"“{name}”" for name in users)
        raise InUse(
            _("%(locked)s is active in %(names)s. Promote another network there first.")
            % {"locked": locked, "names": names}
        )
    return _move(locked, Status.ARCHIVED, "archive_model", by)


@transaction.atomic
def restore_model(*, model: ModelVersion, by: User) -> ModelVersion:
    """Bring an archived network back.

    Raises:
        NotYours: campaigns that this person does not own know of it.
    """
    return _move(_lock_model(model, by), Status.CANDIDATE, "restore_model", by)


def _lock_model(model: ModelVersion, by: User) -> ModelVersion:
    locked = ModelVersion.objects.select_for_update(no_key=True).get(pk=model.pk)
    if by.is_superuser:
        return locked
    own = set(Workflow.objects.owned_by(by).values_list("pk", flat=True))
    if locked.is_shared or not set(locked.workflows.values_list("pk", flat=True)) <= own:
        raise NotYours(
            _("Other people's campaigns may use %(locked)s too. Ask an administrator to do this.")
            % {"locked": locked}
        )
    return locked


def _move(locked: ModelVersion, to: Status, action: str, by: User) -> ModelVersion:
    if locked.status != to:
        old, locked.status = locked.status, to
        locked.save(update_fields=["status"])
        _log(locked, by, action, old={"status": old}, new={"status": to})
    return locked


def _log(model: ModelVersion, by: User | None, action: str, *, old: Any, new: Any) -> None:
    audit.write_entry(actor=by, action=action, target="model", target_id=model.pk, old=old, new=new)
