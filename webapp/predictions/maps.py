"""Drawing heat maps: where in a picture an answer rests, and whether that holds."""

from pathlib import Path

from django.db import transaction

from inference.errors import InferenceError
from inference.vision.explain import Explanation, explain
from inference.vision.heatmap import overlay
from inference.vision.preprocess import read_stamp
from webapp.common import work
from webapp.common.errors import DomainError
from webapp.predictions import scorer
from webapp.predictions.models import HeatMap
from webapp.subjects import media

SIDE_PX = 448


class CannotExplain(DomainError):
    """There is no map of this picture."""


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
