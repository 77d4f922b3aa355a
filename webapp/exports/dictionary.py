"""The columns of the catalog and of the table of single votes, in their order."""

import json
from collections.abc import Iterator, Mapping, Sequence

from inference.formats.question import Answer, Question
from inference.formats.tree import Tree
from webapp.exports.column import Column, Kind
from webapp.exports.families import (
    DEBIASED,
    FIRST,
    LAST,
    MIDDLE,
    OF_VOTES,
    TREE_FAMILIES,
    Family,
    Of,
)
from webapp.exports.names import Names


def catalog_columns(
    tree: Tree, metadata: Mapping[str, Kind] | None = None, *, debiased: bool = False
) -> tuple[Column, ...]:
    """Return the columns of the summary catalog, one row a galaxy.

    Args:
        metadata: what the survey says of its galaxies, by its own names.
        debiased: with fractions corrected for redshift.
    """
    families = (*TREE_FAMILIES, *DEBIASED) if debiased else TREE_FAMILIES
    names = _TreeNames(tree, families)
    columns = [
        *FIRST,
        *_of_tree(tree, families, names, before_model=True),
        *MIDDLE,
        *_of_tree(tree, families, names, before_model=False),
        *LAST,
        *_of_metadata(metadata or {}, names.given),
    ]
    return tuple(columns)


def vote_columns() -> tuple[Column, ...]:
    """Return the columns of the second table, one row an answer.

    A multiple choice that somebody left with nothing chosen is a row with an empty answer, so that
    who was asked can be counted.
    """
    return OF_VOTES


def dictionary_json(columns: Sequence[Column]) -> str:
    """Return all that is known of columns, for programs: a JSON list in their order."""
    values = [column.to_json() for column in columns]
    return json.dumps(values, ensure_ascii=False, indent=1) + "\n"


def names_csv(columns: Sequence[Column]) -> str:
    """Return a CSV that says what Galaxy Zoo's own catalogs call each column."""
    lines = [f"{column.name},{column.gz_name or column.name}\n" for column in columns]
    return "name,galaxy_zoo_name\n" + "".join(lines)


class _TreeNames:
    """What stands for each question and answer of a tree in names of columns."""

    def __init__(self, tree: Tree, families: tuple[Family, ...]) -> None:
        self.given = Names(column.name for column in (*FIRST, *MIDDLE, *LAST))
        self._galaxy_zoo = Names(one.gz_name or one.name for one in (*FIRST, *MIDDLE, *LAST))
        forms = {of: [one.form for one in families if one.of == of] for of in Of}
        self.questions = [self.given.give(one.key, forms[Of.QUESTION]) for one in tree.questions]
        self.answers = [
            self.given.give(tree.name(answer), forms[Of.ANSWER]) for answer in tree.answers
        ]

    def galaxy_zoo(self, name: str) -> str:
        """Return Galaxy Zoo's name if no other column has it yet, else none."""
        return name if name and self._galaxy_zoo.is_free(name) else ""


def _of_tree(
    tree: Tree, families: tuple[Family, ...], names: _TreeNames, *, before_model: bool
) -> Iterator[Column]:
    for family in families:
        if family.is_before_model != before_model:
            continue
        if family.of == Of.QUESTION:
            yield from (_of_question(family, tree, one, names) for one in tree.questions)
        else:
            yield from (_of_answer(family, tree, one, names) for one in tree.answers)


def _of_question(family: Family, tree: Tree, question: Question, names: _TreeNames) -> Column:
    stem = tree.column(question.answers[0]).removesuffix(f"_{question.answers[0].key}")
    return family.column(
        names.questions[question.index],
        about=f'the question "{question.text}"',
        gz_name=names.galaxy_zoo(family.gz_form.format(stem)),
        question=question,
    )


def _of_answer(family: Family, tree: Tree, answer: Answer, names: _TreeNames) -> Column:
    question = tree.questions[answer.question]
    return family.column(
        names.answers[answer.index],
        about=f'"{answer.label}" to the question "{question.text}"',
        gz_name=names.galaxy_zoo(family.gz_form.format(tree.column(answer))),
        question=question,
        answer=answer.index,
    )


def _of_metadata(metadata: Mapping[str, Kind], names: Names) -> Iterator[Column]:
    for source, kind in metadata.items():
        yield Column(
            name=f"meta_{names.give(source, ['meta_{}'])}",
            kind=kind,
            description=f"What the survey says under {source}.",
            ucd="meta.note" if kind.is_text else "",
            null='"" where the survey says nothing' if kind.is_text else _NAN_OF_SURVEY,
            display="A24" if kind.is_text else "G14.7",
            group="metadata",
            family="metadata",
            source=source,
        )


_NAN_OF_SURVEY = "NaN where the survey says nothing"
