"""A layered drawing of a tree in whole pixels: boxes with a row per answer, and curves between.

Layers run from left to right, so every curve leads rightward. A curve that crosses layers goes
through a lane in each of them; curves to one question share its lanes, as the classification does.
"""

import textwrap
from dataclasses import dataclass

from inference.formats.question import Answer, Question
from inference.formats.tree import Tree

BOX_WIDTH_PX = 220
LINE_PX = 18  # a line of the question's text
ROW_PX = 24  # an answer
PADDING_PX = 12
LAYER_GAP_PX = 80
BOX_GAP_PX = 28
LANE_PX = 16
TEXT_CHARACTERS = 26  # that fit on a line of a box
LABEL_CHARACTERS = 26
_SWEEPS = 4

Point = tuple[int, int]
Cell = tuple[int, int]  # of the grid: a layer and the question that is, or is led to, there
Neighbors = dict[Cell, list[tuple[Cell, float]]]  # with where on the left one the curve begins


@dataclass(frozen=True, slots=True)
class Row:
    """An answer in its box; x and y are where its curve starts, at the right edge."""

    answer: Answer
    label: str  # cut to the width of the box
    x: int
    y: int
    is_end: bool  # nothing follows: draw a stop there


@dataclass(frozen=True, slots=True)
class Node:
    """A question's box; x and y are its upper left corner, (0, 0) is that of the drawing."""

    question: Question
    layer: int
    order: int  # among the boxes of its layer, from the top
    x: int
    y: int
    width: int
    height: int
    lines: tuple[str, ...]  # the question's text, broken to the width of the box
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """A curve from an answer, or from a whole multiple-choice question, to what follows."""

    answer: Answer | None  # None: whatever is chosen in the multiple-choice question
    source: int
    target: int
    points: tuple[Point, ...]

    @property
    def d(self) -> str:
        """Return the curve as the `d` of an SVG path."""
        parts = [f"M{self.points[0][0]} {self.points[0][1]}"]
        for (x0, y0), (x1, y1) in zip(self.points, self.points[1:], strict=False):
            middle = (x0 + x1) // 2
            parts.append(f"C{middle} {y0} {middle} {y1} {x1} {y1}")
        return "".join(parts)


@dataclass(frozen=True, slots=True)
class Graph:
    """A drawing of a tree, width by height pixels, nodes in the order of the questions."""

    width: int
    height: int
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def graph(tree: Tree) -> Graph:
    """Return the drawing of a tree, the same for the same tree."""
    layers = _layers(tree)
    columns = _ordered(tree, layers)
    heights = [_height(question) for question in tree.questions]
    tops = _tops(columns, layers, heights)
    nodes = tuple(
        _node(question, layers[question.index], columns, layers, tops)
        for question in tree.questions
    )
    bottom = max(top + _cell_height(cell, layers, heights) for cell, top in tops.items())
    return Graph(
        width=_left(max(layers)) + BOX_WIDTH_PX + PADDING_PX,
        height=bottom + PADDING_PX,
        nodes=nodes,
        edges=tuple(edge for node in nodes for edge in _edges(node, nodes, tops)),
    )


def _layers(tree: Tree) -> list[int]:
    """Return for each question the length of the longest way to it."""
    n_parents = [0] * tree.n_questions
    for question in tree.questions:
        for index in question.nexts:
            n_parents[index] += 1
    layers, ready = [0] * tree.n_questions, [0]
    while ready:
        question = tree.questions[ready.pop()]
        for index in question.nexts:
            layers[index] = max(layers[index], layers[question.index] + 1)
            n_parents[index] -= 1
            if not n_parents[index]:
                ready.append(index)
    return layers


def _links(tree: Tree, layers: list[int]) -> dict[tuple[Cell, Cell], float]:
    """Return the pairs of cells in neighboring layers that a curve joins.

    With how far down the left cell the curve begins, as a fraction: above or below its siblings.
    """
    links: dict[tuple[Cell, Cell], float] = {}
    for question in tree.questions:
        for number, target in enumerate(question.nexts):
            cell = (layers[question.index], question.index)
            links[cell, (cell[0] + 1, target)] = number / len(question.nexts)
            for layer in range(cell[0] + 1, layers[target]):
                links[(layer, target), (layer + 1, target)] = 0.0
    return links


def _ordered(tree: Tree, layers: list[int]) -> list[list[Cell]]:
    """Return each layer's cells from top to bottom, neighbors of neighbors close together."""
    links = _links(tree, layers)
    cells = {(layer, index): None for index, layer in enumerate(layers)}
    cells |= {cell: None for link in links for cell in link}
    columns: list[list[Cell]] = [[] for _ in range(max(layers) + 1)]
    for cell in sorted(cells):
        columns[cell[0]].append(cell)
    before: Neighbors = {cell: [] for cell in cells}
    after: Neighbors = {cell: [] for cell in cells}
    for (left, right), fraction in links.items():
        before[right].append((left, fraction))
        after[left].append((right, 0.0))
    for _ in range(_SWEEPS):
        for column in columns[-2::-1]:
            _sort_by(column, after, columns[column[0][0] + 1])
        for column in columns[1:]:
            _sort_by(column, before, columns[column[0][0] - 1])
    return columns


def _sort_by(column: list[Cell], neighbors: Neighbors, beside: list[Cell]) -> None:
    """Sort a layer by the mean place of each cell's neighbors; without one it keeps its place."""
    place = {cell: number for number, cell in enumerate(beside)}
    own = {cell: number * len(beside) / len(column) for number, cell in enumerate(column)}

    def mean(cell: Cell) -> float:
        places = [place[neighbor] + fraction for neighbor, fraction in neighbors[cell]]
        return sum(places) / len(places) if places else own[cell]

    column.sort(key=mean)


def _tops(columns: list[list[Cell]], layers: list[int], heights: list[int]) -> dict[Cell, int]:
    """Return the upper edge of each cell, every layer centered on the tallest."""
    stacks = [[_cell_height(cell, layers, heights) for cell in column] for column in columns]
    totals = [sum(stack) + BOX_GAP_PX * (len(stack) - 1) for stack in stacks]
    tops: dict[Cell, int] = {}
    for column, stack, total in zip(columns, stacks, totals, strict=True):
        y = PADDING_PX + (max(totals) - total) // 2
        for cell, height in zip(column, stack, strict=True):
            tops[cell] = y
            y += height + BOX_GAP_PX
    return tops


def _cell_height(cell: Cell, layers: list[int], heights: list[int]) -> int:
    layer, index = cell
    return heights[index] if layers[index] == layer else LANE_PX


def _height(question: Question) -> int:
    return 2 * PADDING_PX + LINE_PX * len(_lines(question)) + ROW_PX * len(question.answers)


def _lines(question: Question) -> tuple[str, ...]:
    return tuple(textwrap.wrap(question.text, TEXT_CHARACTERS)) or (question.key,)


def _left(layer: int) -> int:
    return PADDING_PX + layer * (BOX_WIDTH_PX + LAYER_GAP_PX)


def _node(
    question: Question,
    layer: int,
    columns: list[list[Cell]],
    layers: list[int],
    tops: dict[Cell, int],
) -> Node:
    boxes = [cell for cell in columns[layer] if layers[cell[1]] == layer]
    x, y = _left(layer), tops[layer, question.index]
    first_row = y + PADDING_PX + LINE_PX * len(_lines(question)) + ROW_PX // 2
    return Node(
        question=question,
        layer=layer,
        order=boxes.index((layer, question.index)),
        x=x,
        y=y,
        width=BOX_WIDTH_PX,
        height=_height(question),
        lines=_lines(question),
        rows=tuple(
            Row(
                answer=answer,
                label=_cut(answer.label),
                x=x + BOX_WIDTH_PX,
                y=first_row + number * ROW_PX,
                is_end=answer.next is None,
            )
            for number, answer in enumerate(question.answers)
        ),
    )


def _cut(label: str) -> str:
    return label if len(label) <= LABEL_CHARACTERS else f"{label[: LABEL_CHARACTERS - 1]}…"


def _edges(node: Node, nodes: tuple[Node, ...], tops: dict[Cell, int]) -> list[Edge]:
    question = node.question
    starts: list[tuple[Answer | None, int | None, Point]]
    if question.is_single:
        starts = [(row.answer, row.answer.next, (row.x, row.y)) for row in node.rows]
    else:
        middle = (node.x + node.width, node.y + node.height // 2)
        starts = [(None, question.next, middle)]
    return [
        Edge(answer, question.index, target, (start, *_way(node.layer, nodes[target], tops)))
        for answer, target, start in starts
        if target is not None
    ]


def _way(layer: int, target: Node, tops: dict[Cell, int]) -> list[Point]:
    """Return the points from the layer after this one to the target's left edge."""
    points: list[Point] = []
    for between in range(layer + 1, target.layer):
        y = tops[between, target.question.index] + LANE_PX // 2
        points += [(_left(between), y), (_left(between) + BOX_WIDTH_PX, y)]
    return [*points, (target.x, target.y + target.height // 2)]
