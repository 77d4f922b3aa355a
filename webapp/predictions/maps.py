"""Heat maps: where in a picture an answer rests, asked for by a person and put to the test."""

from pathlib import Path

from django.db import transaction

from inference.errors import InferenceError
from inference.vision.explain import Explanation, explain
from inference.vision.heatmap import overlay
from inference.vision.preprocess import read_stamp
from webapp.accounts.models import User
from webapp.common import work
from webapp.common.errors import DomainError
from webapp.common.models import WorkStatus
from webapp.common.wake import wake
from webapp.predictions import scorer
from webapp.predictions.models import HeatMap
from webapp.registry.models import ModelVersion
from webapp.subjects import media
from webapp.subjects.models import Subject

SIDE_PX = 448
MOST_WAITING = 50  # of the whole site: each takes a second or several


class NoSuchAnswer(DomainError):
    """The network's tree has no answer of this name."""


class TooManyWait(DomainError):
    """So many maps wait already that this one would come late."""


class CannotExplain(DomainError):
    """There is no map of this picture."""


@transaction.atomic
def ask_for_map(*, model: ModelVersion, subject: Subject, answer: str, by: User) -> HeatMap:
    """Return the map of an answer; a new one waits for a worker, asking twice makes one.

    Raises:
        NoSuchAnswer: the network's tree has none of this name.
        TooManyWait: come again later.
    """
    names = {model.tree.tree.name(one) for one in model.tree.tree.answers}
    if answer not in names:
        raise NoSuchAnswer(f"The model knows no answer {answer[:100]!r}. Choose one of the list.")
    known = HeatMap.objects.filter(model=model, subject=subject, answer=answer).first()
    if known is None:
        known = _asked(model, subject, answer, by)
    elif known.status == WorkStatus.FAILED:
        work.retry(known)
        known.refresh_from_db()
    wake("maps")
    return known


def _asked(model: ModelVersion, subject: Subject, answer: str, by: User) -> HeatMap:
    if HeatMap.objects.filter(status=WorkStatus.PENDING).count() >= MOST_WAITING:
        raise TooManyWait(f"{MOST_WAITING} maps wait already. Ask for this one in a minute.")
    key = {"model": model, "subject": subject, "answer": answer}
    HeatMap.objects.bulk_create([HeatMap(**key, requested_by=by)], ignore_conflicts=True)
    return HeatMap.objects.get(**key)


def draw_map(row: HeatMap) -> None:
    """Compute a map that somebody asked for, on the processor, and store it with its test."""
    session = scorer.session_for(row.model, gpu="off")
    answer = row.model.tree.tree.answer(row.answer)
    source = media.source("stamp", row.subject.stamp_sha256)
    try:
        stamp = read_stamp(source if isinstance(source, Path) else source[1], session.card.input)
        found = explain(session, stamp, answer)
    except InferenceError as error:
        raise CannotExplain(str(error)) from None
    picture = media.store_public("heat", overlay(stamp, found.heat, SIDE_PX))
    with transaction.atomic():
        work.hold(row)
        HeatMap.objects.filter(pk=row.pk).update(picture_sha256=picture, **_tested(found))
        work.finish(row)


def _tested(found: Explanation) -> dict[str, object]:
    test = found.deletion
    return {
        "fraction": found.fraction,
        "own_score": test.own_score,
        "random_score": test.random_score,
        "random_spread": test.random_spread,
        "center_score": test.center_score,
        "beats_random": test.beats_random,
        "verdict": test.verdict,
    }
