"""A tree's questions and answers, numbered along the one axis."""

from dataclasses import dataclass

SINGLE, MULTIPLE = "single", "multiple"

# A network speaks of an answer to a multiple-choice question as a Beta(alpha, MULTIPLE_REST): its
# one number per answer says how many people give it for every so many who do not.
MULTIPLE_REST = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; its index is its place on the axis, for ever."""

    index: int  # 0 to n_answers - 1, over the whole tree
    question: int  # index of the question it answers
    key: str
    label: str
    help: str
    icon: str
    aliases: tuple[str, ...]
    is_artifact: bool
    next: int | None  # question that follows; None ends the classification


@dataclass(frozen=True, slots=True)
class Question:
    """One question and its answers."""

    index: int
    key: str
    text: str
    kind: str  # "single" or "multiple"
    help: str
    aliases: tuple[str, ...]
    required: bool  # a single-choice question always is
    answers: tuple[Answer, ...]
    next: int | None  # after a multiple-choice question; None for single or the end

    @property
    def is_single(self) -> bool:
        """Say whether exactly one answer is chosen."""
        return self.kind == SINGLE

    @property
    def first_answer(self) -> int:
        """Return the index on the axis of the first answer."""
        return self.answers[0].index

    @property
    def span(self) -> range:
        """Return the indices on the axis of all answers."""
        return range(self.answers[0].index, self.answers[-1].index + 1)

    @property
    def nexts(self) -> tuple[int, ...]:
        """Return the questions that may follow, each once, in the order of the answers."""
        after = (answer.next for answer in self.answers)
        return tuple(dict.fromkeys(index for index in after if index is not None))
