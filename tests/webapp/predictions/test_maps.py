"""Heat maps: asked for once, drawn by a worker, kept with what their test says."""

from pathlib import Path

import pytest

from tests import make
from webapp.predictions import services, tasks
from webapp.predictions.models import HeatMap
from webapp.subjects import media

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked():
    workflow = make.workflow()
    (galaxy,) = make.stamped(make.subjects(1))
    make.link(workflow, galaxy.subject_set)
    return make.promoted(workflow), galaxy, make.user()


def ask(asked, answer="shape.smooth"):
    model, galaxy, alice = asked
    return services.ask_for_map(model=model, subject=galaxy, answer=answer, by=alice)


def first_answer(asked):
    tree = asked[0].tree.tree
    return tree.name(tree.answers[0])


def test_a_map_is_drawn_and_says_whether_it_beats_chance(asked):
    row = ask(asked, first_answer(asked))
    assert row.is_open
    tasks.draw_maps()
    row.refresh_from_db()
    assert row.status == "done", row.traceback
    assert 0 <= row.fraction <= 1
    assert row.beats_random in (True, False)
    assert row.verdict.endswith(".")
    picture = media.source("heat", row.picture_sha256)
    assert isinstance(picture, Path)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert row.url.endswith(".png")


def test_asking_twice_makes_one(asked):
    first, second = (ask(asked, first_answer(asked)) for _ in range(2))
    assert first.pk == second.pk
    tasks.draw_maps()
    assert ask(asked, first_answer(asked)).status == "done"


def test_an_answer_of_another_tree_is_refused(asked):
    with pytest.raises(services.NoSuchAnswer, match="Choose one of the list"):
        ask(asked, "shape.cube")


def test_a_picture_that_is_lost_fails_with_a_sentence_and_asking_again_tries_again(asked):
    model, galaxy, _ = asked
    galaxy.stamp_sha256 = "0" * 64
    galaxy.save()
    row = ask(asked, first_answer(asked))
    tasks.draw_maps()
    row.refresh_from_db()
    assert (row.status, bool(row.error)) == ("failed", True)
    assert ask(asked, first_answer(asked)).is_open
    assert model


def test_too_many_at_once_are_refused(asked, monkeypatch):
    monkeypatch.setattr(services, "MOST_MAPS", 1)
    tree = asked[0].tree.tree
    ask(asked, tree.name(tree.answers[0]))
    with pytest.raises(services.TooManyWait, match="in a minute"):
        ask(asked, tree.name(tree.answers[1]))
    assert HeatMap.objects.count() == 1
