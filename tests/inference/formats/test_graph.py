import re

import pytest
from hypothesis import given

from inference.formats.graph import Graph, Node, graph
from inference.formats.tree import Tree, built_in, load_built_in
from tests.inference.formats.trees import small_tree, tree_values


def check_drawing(tree: Tree, drawing: Graph) -> None:
    """Check what makes a drawing readable, for any tree."""
    assert [node.question for node in drawing.nodes] == list(tree.questions)
    for node in drawing.nodes:
        assert node.x >= 0
        assert node.x + node.width <= drawing.width
        assert node.y >= 0
        assert node.y + node.height <= drawing.height
        assert [row.answer for row in node.rows] == list(node.question.answers)
        assert all(node.y < row.y < node.y + node.height for row in node.rows)
    for edge in drawing.edges:
        source, target = drawing.nodes[edge.source], drawing.nodes[edge.target]
        assert source.layer < target.layer
        assert edge.points[0][0] == source.x + source.width
        assert edge.points[-1][0] == target.x
        across = [x for x, _ in edge.points]
        assert across == sorted(across)
        assert all(0 <= y <= drawing.height for _, y in edge.points)


def overlap(first: Node, second: Node) -> bool:
    return (
        first.x < second.x + second.width
        and second.x < first.x + first.width
        and first.y < second.y + second.height
        and second.y < first.y + first.height
    )


@given(tree_values())
def test_boxes_never_overlap_and_curves_lead_rightward(values):
    tree = Tree.parse(values)
    drawing = graph(tree)
    check_drawing(tree, drawing)
    for node in drawing.nodes:
        for other in drawing.nodes[node.question.index + 1 :]:
            assert not overlap(node, other)


@given(tree_values())
def test_no_curve_runs_through_a_box_between(values):
    drawing = graph(Tree.parse(values))
    for edge in drawing.edges:
        for x, y in edge.points[1:-1]:
            for node in drawing.nodes:
                inside = node.x <= x <= node.x + node.width and node.y < y < node.y + node.height
                assert not inside


@given(tree_values())
def test_every_answer_has_one_curve_or_a_stop(values):
    tree = Tree.parse(values)
    drawing = graph(tree)
    expected = {
        (question.index, answer.index if question.is_single else None, answer.next)
        for question in tree.questions
        for answer in question.answers
        if answer.next is not None
    }
    drawn = [
        (edge.source, None if edge.answer is None else edge.answer.index, edge.target)
        for edge in drawing.edges
    ]
    assert set(drawn) == expected
    assert len(drawn) == len(expected)
    for node in drawing.nodes:
        assert [row.is_end for row in node.rows] == [row.answer.next is None for row in node.rows]


@pytest.mark.parametrize("name", built_in())
def test_a_tree_is_always_drawn_alike(name):
    tree = load_built_in(name)
    again = graph(Tree.parse(tree.to_json()))
    check_drawing(tree, again)
    assert again == graph(tree)


def test_a_merge_point_stands_behind_its_farthest_parent():
    drawing = graph(Tree.parse(small_tree([1, 3], [2, 3], [3, None], [None, None])))
    assert [node.layer for node in drawing.nodes] == [0, 1, 2, 3]


def test_siblings_stand_in_the_order_of_their_answers():
    drawing = graph(load_built_in("galaxy-zoo-2"))
    place = {node.question.key: node.order for node in drawing.nodes}
    assert place["how-rounded"] < place["disk-edge-on"]
    assert place["bulge-shape"] < place["bar"]


def test_a_curve_is_a_path_that_svg_understands():
    edge = graph(Tree.parse(small_tree([1, 2], [2, None], [None, None]))).edges[1]
    number = r"-?\d+ -?\d+"
    assert len(edge.points) == 4
    assert re.fullmatch(rf"M{number}(C{number} {number} {number}){{3}}", edge.d)


def test_the_largest_tree_is_drawn():
    leaps = [[min(n + 1 + 37 * k % 199, 199) for k in range(5)] for n in range(199)]
    tree = Tree.parse(small_tree(*leaps, [None] * 5))
    check_drawing(tree, graph(tree))
