"""A tree as the page draws it: the graph's boxes with a place for every line of text."""

from dataclasses import dataclass

from inference.formats import graph
from inference.formats.tree import Tree

BASELINE_PX = 5  # from the middle of a line to where its letters stand
STOP_PX = 8  # side of the small square that says: nothing follows


@dataclass(frozen=True)
class Words:
    """A line of text; x and y are where its first letter stands, in pixels of the drawing."""

    x: int
    y: int
    text: str


@dataclass(frozen=True)
class Stop:
    """The upper left corner of the square behind an answer that ends the classification."""

    x: int
    y: int


@dataclass(frozen=True)
class Box:
    """A question's box with everything in it."""

    node: graph.Node
    heading: list[Words]
    answers: list[Words]
    stops: list[Stop]

    @property
    def is_first(self) -> bool:
        """True for the question that every classification begins with."""
        return self.node.question.index == 0


@dataclass(frozen=True)
class Drawing:
    """Everything that the template draws, in pixels."""

    width: int
    height: int
    boxes: list[Box]
    edges: tuple[graph.Edge, ...]


@dataclass(frozen=True)
class TableRow:
    """An answer, and in words what follows it."""

    question: str
    answer: str
    name: str
    is_artifact: bool
    leads_to: str
    is_first: bool  # of its question
    n_answers: int


def draw(tree: Tree) -> Drawing:
    """Return the drawing of a tree."""
    drawn = graph.graph(tree)
    return Drawing(drawn.width, drawn.height, [_box(node) for node in drawn.nodes], drawn.edges)


def _box(node: graph.Node) -> Box:
    x = node.x + graph.PADDING_PX
    middle = node.y + graph.PADDING_PX + graph.LINE_PX // 2
    heading = [
        Words(x, middle + number * graph.LINE_PX + BASELINE_PX, line)
        for number, line in enumerate(node.lines)
    ]
    answers = [Words(x, row.y + BASELINE_PX, row.label) for row in node.rows]
    ends = node.rows if node.question.is_single else ()
    stops = [Stop(row.x - STOP_PX // 2, row.y - STOP_PX // 2) for row in ends if row.is_end]
    return Box(node, heading, answers, stops)


def table(tree: Tree) -> list[TableRow]:
    """Return the same as a table, for those who do not see the drawing (UX-A5)."""
    return [
        TableRow(
            question=question.text,
            answer=answer.label,
            name=tree.name(answer),
            is_artifact=answer.is_artifact,
            leads_to=_follows(tree, answer.next if question.is_single else question.next),
            is_first=answer is question.answers[0],
            n_answers=len(question.answers),
        )
        for question in tree.questions
        for answer in question.answers
    ]


def _follows(tree: Tree, index: int | None) -> str:
    return "" if index is None else tree.questions[index].text
