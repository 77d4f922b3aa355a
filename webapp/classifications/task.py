"""What the classify page shows: a galaxy, the question that waits, and the answers so far."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from inference.errors import PathRefused
from inference.formats.tree import Answer, Question, Step, Walk
from webapp.classifications.feedback import Feedback
from webapp.classifications.models import Classification, Handout, Standing
from webapp.classifications.queries import Repeat
from webapp.classifications.sessions import Session
from webapp.classifications.shown import Shown
from webapp.subjects.models import Subject
from webapp.workflows.words import spoken

State = Standing.State
PASSED_ICON = "nothing-unusual"
ITEM = re.compile(r"p?\d{1,4}", re.ASCII)


def read_walk(handout: Handout, text: str, chosen: Sequence[str] | None = None) -> Walk:
    """Return the walk that an address carries, such as 0-7-p3-12 (p3: question 3 was passed).

    Args:
        chosen: what a multiple-choice form adds; empty passes the question.

    Raises:
        PathRefused: it is no walk through the tree that was shown.
    """
    tree = handout.tree.tree
    items = text.split("-") if text else []
    for item in [*items, *(chosen or ())]:
        if not ITEM.fullmatch(item):
            raise PathRefused(
                _("The answers %(item)s in the address are no numbers. Start again.")
                % {"item": f"{item[:20]!r}"}
            )
    passed = [int(item[1:]) for item in items if item.startswith("p")]
    walk = tree.walk([int(item) for item in items if not item.startswith("p")], passed)
    if chosen is None:
        return walk
    return tree.step(walk, [int(item) for item in chosen if not item.startswith("p")])


def write_walk(steps: Sequence[Step]) -> str:
    """Return the part of an address that carries these steps."""
    return "-".join(
        item
        for step in steps
        for item in ([str(answer.index) for answer in step.answers] or [f"p{step.question.index}"])
    )


@dataclass(frozen=True)
class Choice:
    """An answer button: the walk that it leads to, and the digit that names it."""

    answer: Answer
    digit: int
    walk: str


@dataclass(frozen=True)
class TrailStep:
    """A step already taken, and the walk before it."""

    question: Question
    words: str
    icon: str
    walk: str


REPEATS = {
    Repeat.FINISHED: _("This campaign is finished: your answer is kept, but it will not count."),
    Repeat.SAW_ALL: _("You have seen every open galaxy: another answer will not count."),
    Repeat.RETIRED: _("This galaxy has all the answers it needs: yours will not count."),
    Repeat.SEEN: _("You have classified this galaxy before: another answer will not count."),
}
SAVED = {
    State.COUNTED: _("Saved: your answer counts."),
    State.LATE: _("Saved. That galaxy or its campaign was at its end, so yours does not count."),
    State.TEST: _("Saved as a test: this campaign is not launched yet."),
    State.EXCLUDED: _("Saved. The owners have set your answers aside, so it does not count."),
    State.REPEAT: _("You had answered that galaxy before: your first answer stands."),
}


@dataclass(frozen=True)
class Task:
    """Everything that the page and its parts are drawn from."""

    handout: Handout
    walk: Walk
    repeat: Repeat | None = None
    error: str = ""
    saved: State | None = None
    after: uuid.UUID | None = None  # the classification before, where experts answered that galaxy
    feedback: Feedback | None = None  # on that one
    session: Session | None = None

    def _address(self, view: str) -> str:
        slug = self.handout.workflow.slug
        return reverse(f"classifications:{view}", args=[slug, self.handout.uuid])

    @cached_property
    def place(self) -> str:
        """The address of this galaxy's page, before any answer."""
        return self._address("galaxy")

    @property
    def page(self) -> str:
        """The address of the page as it stands."""
        known = {"after": self.after, "answers": self.answers}
        query = "&".join(f"{name}={value}" for name, value in known.items() if value)
        return f"{self.place}?{query}" if query else self.place

    @cached_property
    def part(self) -> str:
        """The address of the question as a part."""
        return self._address("question")

    @cached_property
    def submit(self) -> str:
        """The address that stores the answers."""
        return self._of_campaign("submit")

    @cached_property
    def queue(self) -> str:
        """The address that stores them for the browser's own queue."""
        return self._of_campaign("queue")

    @cached_property
    def ahead(self) -> str:
        """The address that hands out a galaxy to be shown after this one."""
        return self._of_campaign("ahead")

    @cached_property
    def questions(self) -> str:
        """The address of all questions of the tree that the galaxy was shown with."""
        return reverse("classifications:questions", args=[self.handout.tree_id])

    def _of_campaign(self, view: str) -> str:
        return reverse(f"classifications:{view}", args=[self.handout.workflow.slug])

    @cached_property
    def answers(self) -> str:
        """The walk so far, for a form."""
        return write_walk(self.walk.steps)

    @property
    def back(self) -> str:
        """The walk without its last step."""
        return write_walk(self.walk.steps[:-1])

    @property
    def question(self) -> Question | None:
        """The question that waits, in the reader's language; None when Done is possible."""
        return self.walk.open and spoken(self.walk.open)

    @property
    def words(self) -> str:
        """What a screen reader says of the picture: its size on the sky, never what it shows."""
        subject = self.handout.subject
        if subject.pixel_scale_arcsec is None:
            return str(_("The galaxy to classify"))
        field = round(subject.pixel_scale_arcsec * max(subject.width_px, subject.height_px))
        return str(_("The galaxy to classify, field %(field)s arcseconds")) % {"field": field}

    @property
    def repeat_words(self) -> str:
        """Why an answer will not count."""
        return str(REPEATS[self.repeat]) if self.repeat else ""

    @property
    def saved_words(self) -> str:
        """What became of the answer before this galaxy, with thanks if there is a reason."""
        return words_of_saved(self.saved, self.session)

    @cached_property
    def choices(self) -> list[Choice]:
        """The answers to the question that waits."""
        if self.question is None:
            return []
        start = f"{self.answers}-" if self.answers else ""
        return [
            Choice(answer, digit, f"{start}{answer.index}")
            for digit, answer in enumerate(self.question.answers, start=1)
        ]

    @cached_property
    def trail(self) -> list[TrailStep]:
        """The steps taken, each a way back to its question."""
        return [
            TrailStep(
                spoken(step.question),
                words_of(step),
                step.answers[0].icon if step.answers else PASSED_ICON,
                write_walk(self.walk.steps[:number]),
            )
            for number, step in enumerate(self.walk.steps)
        ]

    @property
    def path(self) -> str:
        """The complete path, for the form that stores it."""
        return "-".join(str(index) for index in self.walk.path)

    @cached_property
    def signed(self) -> str:
        """What the page says of itself, signed."""
        return Shown.of(self.handout).sign()


def words_of_saved(state: State | None, session: Session | None) -> str:
    """Return what became of an answer, with thanks if there is a reason."""
    fact = session.fact if session else ""
    words = str(SAVED.get(state, "")) if state else ""
    return f"{words} {fact}".strip()


def words_of(step: Step) -> str:
    """Return the answers of a step in words."""
    return _listed(step.question, step.answers)


def _listed(question: Question, answers: Sequence[Answer]) -> str:
    given = {answer.index for answer in answers}
    labels = [answer.label for answer in spoken(question).answers if answer.index in given]
    return ", ".join(labels) or str(_("none of these"))


@dataclass(frozen=True)
class Answered:
    """A galaxy on the wall of somebody's own, with what they said of it."""

    classification: Classification

    @property
    def subject(self) -> Subject:
        """The galaxy."""
        return self.classification.subject

    @property
    def words(self) -> str:
        """The answers, in the order given."""
        return " · ".join(words for _question, words in self.answers)

    @cached_property
    def answers(self) -> list[tuple[str, str]]:
        """Every question that was asked, and what they said."""
        tree, path = self.classification.tree.tree, self.classification.path
        return [
            (
                spoken(question).text,
                _listed(question, [one for one in question.answers if one.index in path]),
            )
            for question in (tree.questions[index] for index in tree.asked(path))
        ]

    @property
    def is_favorite(self) -> bool:
        """Whether the galaxy is a favorite of theirs."""
        return bool(getattr(self.classification, "is_favorite", False))

    @property
    def note(self) -> str:
        """Why the answer does not count, if it does not."""
        standing = getattr(self.classification, "standing", None)
        state = State(standing.state) if standing else State.REPEAT
        return "" if state == State.COUNTED else str(state.label)
