"""Versions of workflows into trees: of a workflow export, of the versions' JSON, or of answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inference.formats.tree import Tree, load_built_in
from webapp.imports import inferring
from webapp.imports.models import ImportBatch, ImportedVersion
from webapp.imports.tables import FileRefused, Row, RowRefused, header, json_cell, rows
from webapp.imports.trees import tree_of
from webapp.workflows.services import publish_tree

NEEDS = ("workflow_id", "version", "tasks", "strings")
_LIKE = "galaxy-zoo-decals"


def read(path: Path, external_workflow: str) -> Iterator[tuple[int, Row]]:
    """Yield each version as a row of the export, whichever form the file has."""
    if path.suffix != ".json":
        is_inferred = set(header(path)) >= set(inferring.NEEDS)
        yield from (
            inferring.read(path, external_workflow) if is_inferred else rows(path, needs=NEEDS)
        )
        return
    try:
        versions = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        versions = None
    if not isinstance(versions, list):
        raise FileRefused("The file is no JSON list of versions: take it from the API as it is.")
    for number, version in enumerate(versions, 1):
        yield number, _row(version if isinstance(version, dict) else {})


def _row(version: dict[str, Any]) -> Row:
    return {
        "workflow_id": str((version.get("links") or {}).get("workflow") or ""),
        "display_name": "",
        "version": str(version.get("major_number", "")),
        "minor_version": str(version.get("minor_number", "")),
        "first_task": str(version.get("first_task") or ""),
        "tasks": json.dumps(version.get("tasks")),
        "strings": json.dumps(version.get("strings")),
    }


def label(row: Row) -> str:
    """Return what a row is called when it is refused."""
    return f"{row.get('workflow_id', '')} {_version(row)}".strip()


def _version(row: Row) -> str:
    parts = (row.get("version", ""), row.get("minor_version", ""))
    return ".".join(part for part in parts if part)


def store(batch: ImportBatch, row: Row) -> bool:
    """Store a version's tree; return False if it is known.

    Raises:
        RowRefused: see `trees.tree_of`.
    """
    workflow_id, version = row["workflow_id"], _version(row)
    if not workflow_id or not version:
        raise RowRefused("The row names no workflow, or no version.")
    if row.get(inferring.REFUSAL):
        raise RowRefused(row[inferring.REFUSAL])
    known = ImportedVersion.objects.filter(external_workflow=workflow_id, version=version).first()
    is_inferred = inferring.REFUSAL in row
    if known and is_inferred and not known.is_inferred:
        return False  # its own export says more than any answers
    tree = tree_of(
        workflow_id=workflow_id,
        name=row.get("display_name", ""),
        first=row.get("first_task", ""),
        tasks=json_cell(row, "tasks", dict),
        strings=json_cell(row, "strings", dict),
        like=_like(batch),
    )
    stored = publish_tree(document=tree.to_json(), by=batch.requested_by)
    if known and (known.tree_id, known.is_inferred) == (stored.pk, is_inferred):
        return False
    ImportedVersion.objects.update_or_create(
        external_workflow=workflow_id, version=version,
        defaults={"tree": stored, "batch": batch, "is_inferred": is_inferred},
    )  # fmt: skip
    return True


def _like(batch: ImportBatch) -> Tree:
    return batch.workflow.tree.tree if batch.workflow else load_built_in(_LIKE)
