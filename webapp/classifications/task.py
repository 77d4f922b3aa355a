"""What the classify page shows: a galaxy, the question that waits, and the answers so far."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.urls import reverse
from django.utils.formats import get_format
from django.utils.translation import gettext_lazy as _

from inference.formats.tree import Answer, Question, Step, Walk
from webapp.classifications.feedback import Feedback
from webapp.classifications.models import Classification, Handout, Standing
from webapp.classifications.queries import Repeat
from webapp.classifications.sessions import Session
from webapp.classifications.shown import Shown
from webapp.classifications.walks import (
    leave,
    question_counts,
    read_walk,
    restore,
    write_dropped,
    write_walk,
)
from webapp.subjects.models import Subject
from webapp.workflows.words import spoken

State = Standing.State
PASSED_ICON = "nothing-unusual"


@dataclass(frozen=True)
class Choice:
    """An answer button: the walk that it leads to, and the name by which a key presses it."""

    answer: Answer
    control: str
    walk: str
    is_earlier: bool = False  # what was answered here before going back


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
class Last:
    """The answer before, while it may be changed; for so many seconds."""

    classification: uuid.UUID
    seconds: int


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
    dropped: Sequence[Walk] = ()  # walks that were left by going back
    said: str = ""  # what became of the galaxy before, if it was not answered
    last: Last | None = None
    is_demo = False

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
        known = {"after": self.after, "answers": self.answers, "dropped": self.kept}
        query = "&".join(f"{name}={value}" for name, value in known.items() if value)
        return f"{self.place}?{query}" if query else self.place

    @cached_property
    def part(self) -> str:
        """The address of the question as a part."""
        return self._address("question")

    def _action(self, view: str) -> str:
        return reverse(f"classifications:{view}", args=[self.handout.workflow.slug])

    @property
    def skip(self) -> str:
        """The address that passes this galaxy over."""
        return self._action("skip")

    @property
    def report(self) -> str:
        """The address that reports its picture."""
        return self._action("report")

    @property
    def change(self) -> str:
        """The address that opens the last answer again."""
        return self._action("change")

    @property
    def tell(self) -> str:
        """The address that says what people have said of the last galaxy."""
        return self._action("tell")

    @property
    def changes_s(self) -> int:
        """The seconds after Done in which an answer may be changed."""
        return settings.CHANGE_ANSWER_S

    @property
    def kept(self) -> str:
        """The walks that were left, for a form that goes on."""
        return write_dropped(self.dropped)

    @property
    def leaving(self) -> str:
        """The same and this walk, for a form that goes back."""
        return write_dropped(leave(self.dropped, self.walk))

    @property
    def announced(self) -> str:
        """What is said aloud when this galaxy comes in place of another."""
        least, most = question_counts(self.handout.tree.tree)
        if least == most:
            return str(_("New galaxy, question 1 of %(most)s")) % {"most": most}
        return str(_("New galaxy, question 1 of at most %(most)s")) % {"most": most}

    @property
    def decimal_separator(self) -> str:
        """What stands before tenths in the language of the page."""
        return str(get_format("DECIMAL_SEPARATOR"))

    @property
    def is_swiped(self) -> bool:
        """Whether a swipe answers: the tree is one question with two answers."""
        questions = self.handout.tree.tree.questions
        return len(questions) == 1 and questions[0].is_single and len(questions[0].answers) == 2

    @cached_property
    def submit(self) -> str:
        """The address that stores the answers."""
        return self._action("submit")

    @cached_property
    def queue(self) -> str:
        """The address that stores them for the browser's own queue."""
        return self._action("queue")

    @cached_property
    def ahead(self) -> str:
        """The address that hands out a galaxy to be shown after this one."""
        return self._action("ahead")

    @cached_property
    def questions(self) -> str:
        """The address of all questions of the tree that the galaxy was shown with."""
        return reverse("classifications:questions", args=[self.handout.tree_id])

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
        return words_of_saved(self.saved, self.session, self.said)

    @cached_property
    def choices(self) -> list[Choice]:
        """The answers to the question that waits."""
        if self.question is None:
            return []
        start = f"{self.answers}-" if self.answers else ""
        return [
            Choice(
                answer,
                f"answer-{number}",
                self._restored(f"{start}{answer.index}"),
                answer.index in self._earlier,
            )
            for number, answer in enumerate(self.question.answers, start=1)
        ]

    def _restored(self, walk: str) -> str:
        """Return the walk with the answers after it that were given before going back."""
        if not self.dropped:
            return walk
        return write_walk(restore(self.dropped, read_walk(self.handout.tree.tree, walk)).steps)

    @cached_property
    def _earlier(self) -> set[int]:
        """What was answered to the waiting question before going back, as indices."""
        left = restore(self.dropped, self.walk)
        here = len(self.walk.steps)
        return {answer.index for step in left.steps[here : here + 1] for answer in step.answers}

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


@dataclass(frozen=True)
class Demo(Task):
    """A galaxy to be tried: whatever is answered, nothing is stored."""

    is_demo = True

    def _address(self, view: str) -> str:
        slug = self.handout.workflow.slug
        return reverse(f"classifications:demo_{view}", args=[slug, self.handout.subject_id])

    @cached_property
    def submit(self) -> str:
        """The address of another galaxy."""
        return self._action("demo")


def words_of_saved(state: State | None, session: Session | None, said: str = "") -> str:
    """Return what became of an answer, with thanks if there is a reason."""
    fact = session.fact if session else ""
    words = str(SAVED.get(state, "")) if state else said
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
