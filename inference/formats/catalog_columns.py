"""Which column of a catalog means what: by its name, or by one that an answer also goes by."""

import difflib
from collections.abc import Iterable

from inference.errors import InferenceError, shown
from inference.formats.question import Question
from inference.formats.tree import Tree

AUX_PREFIX = "aux_"
SUBJECT_ID, GROUP, PICTURE, PICTURE_SHA256 = "subject_id", "group", "picture", "picture_sha256"
NOMINAL = "nominal"
_OWN = (SUBJECT_ID, GROUP, PICTURE, PICTURE_SHA256, NOMINAL)
_MAX_NAME = 120


class CatalogRefused(InferenceError):
    """A catalog that cannot be trained on."""


def asked_column(tree: Tree, question: Question) -> str:
    """Return the column that counts who was asked, as in "bar-dr5_asked"."""
    return f"{tree.column(question.answers[0]).rsplit('_', 1)[0]}_asked"


def vote_columns(tree: Tree) -> list[str]:
    """Return the columns of the answers, in the order of the axis."""
    return [tree.column(answer) for answer in tree.answers]


def asked_columns(tree: Tree) -> list[str]:
    """Return the columns that count who was asked, in the order of the questions."""
    return [asked_column(tree, question) for question in tree.questions]


def check_tree(tree: Tree) -> None:
    """Raise CatalogRefused if an answer's column would have a name that means something else."""
    taken = {*_OWN, *asked_columns(tree)}
    for answer, column in zip(tree.answers, vote_columns(tree), strict=True):
        if column in taken or column.startswith(AUX_PREFIX):
            raise CatalogRefused(
                f"The answer {tree.name(answer)} would have the column {column}, which means "
                f'something else in a catalog: give it another key in the tree "{tree.key}".'
            )


def meanings(names: Iterable[str], tree: Tree, where: str) -> dict[str, str]:
    """Return for each column that a catalog can have the one that the file has for it.

    Args:
        names: the file's columns.
        where: what a refusal calls the file.

    Raises:
        CatalogRefused: a column is missing, there twice, or unknown.
    """
    check_tree(tree)
    needed = [SUBJECT_ID, PICTURE, *vote_columns(tree), *asked_columns(tree)]
    known = {*_OWN, *needed}
    found: dict[str, str] = {}
    for name in names:
        column = _meaning(name, known, tree)
        if column is None:
            raise CatalogRefused(f"{where} has {_unknown(name, known, tree)}")
        if column in found:
            raise CatalogRefused(
                f"{where} has two columns for {column}, {shown(found[column])} and {shown(name)}: "
                f"keep the right one."
            )
        found[column] = name
    for column in needed:
        if column not in found:
            raise CatalogRefused(
                f'{where} has no column {column}, which the tree "{tree.key}" needs: add it, with '
                f"0 where nobody was asked."
            )
    return found


def _meaning(name: str, known: set[str], tree: Tree) -> str | None:
    is_aux = name.startswith(AUX_PREFIX) and len(AUX_PREFIX) < len(name) <= _MAX_NAME
    if name in known or (is_aux and name.isprintable()):
        return name
    answer = tree.answer_of_column(name)
    return None if answer is None else tree.column(answer)


def _unknown(name: str, known: set[str], tree: Tree) -> str:
    """Return what is wrong with a column that has no meaning, and what to do."""
    nearest = difflib.get_close_matches(name[:_MAX_NAME], known, 1) if "_" in name else []
    remedy = f"write {nearest[0]} if that is meant, " if nearest else ""
    return (
        f'the column {shown(name)}, which is no answer of the tree "{tree.key}": {remedy}take it '
        f"out, or begin its name with {AUX_PREFIX} if a network shall see it."
    )
