"""Galaxies that experts have answered: entering them, and what a volunteer's answer is held to."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inference.formats.tree import Tree
from webapp.classifications.models import Gold
from webapp.workflows.models import TreeVersion, Workflow


def fractions_of(
    workflow: Workflow, subject_ids: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return what experts say of those of these galaxies that they have answered.

    Returns:
        Places in `subject_ids`, (G,), and fractions along the campaign's present tree, (G, K), NaN
        where nobody was asked.
    """
    places = {subject_id: place for place, subject_id in enumerate(subject_ids)}
    axis = workflow.tree.tree
    rows = Gold.objects.filter(workflow=workflow).order_by("subject_id")
    found = [
        (places[row.subject_id], on_axis(row, axis)) for row in rows if row.subject_id in places
    ]
    fractions = np.full((len(found), axis.n_answers), np.nan)
    for number, (_, values) in enumerate(found):
        fractions[number] = values
    return np.array([place for place, _ in found], np.int64), fractions


def on_axis(gold: Gold, axis: Tree) -> NDArray[np.float64]:
    """Return the experts' fractions along another version of the tree, (K,); NaN where none."""
    older = TreeVersion.objects.known(gold.tree_id).tree
    found = np.full(axis.n_answers, np.nan)
    for place, value in zip(axis.axis_from(older), gold.fractions, strict=True):
        if place is not None and value is not None:
            found[place] = value
    return found
