"""The tree as a drawing and as a table."""

import pytest

from inference.formats.tree import built_in, load_built_in
from webapp.dashboard import drawing


@pytest.mark.parametrize("name", built_in())
def test_every_answer_is_in_the_drawing_and_in_the_table(name):
    tree = load_built_in(name)

    drawn, rows = drawing.draw(tree), drawing.table(tree)

    assert sum(len(box.answers) for box in drawn.boxes) == len(rows) == tree.n_answers
    assert [row.name for row in rows] == [tree.name(answer) for answer in tree.answers]
    assert sum(row.is_first for row in rows) == tree.n_questions


@pytest.mark.parametrize("name", built_in())
def test_all_words_are_inside_their_boxes(name):
    for box in drawing.draw(load_built_in(name)).boxes:
        node = box.node
        for words in [*box.heading, *box.answers]:
            assert node.x < words.x < node.x + node.width
            assert node.y < words.y < node.y + node.height


def test_an_answer_that_ends_has_a_stop_and_no_destination():
    tree = load_built_in("three-class")
    (box,) = drawing.draw(tree).boxes
    assert len(box.stops) == 4
    assert {row.leads_to for row in drawing.table(tree)} == {""}
