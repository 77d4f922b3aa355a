import dataclasses
import io
import threading

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from inference.formats.tree import load_built_in
from training.plots import (
    Coverage,
    Judged,
    confusion_plot,
    fractions_plot,
    loss_plot,
    reliability_plot,
)

COVERAGE = Coverage([0.55, 0.72, 0.93, 0.96], [0.45, 0.62, 0.85, 0.9])
HISTORY = [{"epoch": e, "loss": 9 / e, "validation_loss": 8 / e + 0.1 * e} for e in range(1, 30)]


def judged_galaxies(tree_key="galaxy-zoo-2", n=80, people=40):
    tree = load_built_in(tree_key)
    random = np.random.default_rng(3)
    expected = np.zeros((n, tree.n_answers))
    votes = np.zeros_like(expected)
    asked = np.full((n, tree.n_questions), float(people))
    for question in tree.questions:
        span = slice(question.span.start, question.span.stop)
        shares = random.dirichlet(np.ones(len(question.answers)), n)
        expected[:, span] = shares
        votes[:, span] = shares * people
    return Judged(tree, expected, votes, asked)


def plots_of(judged):
    return {
        "fractions": fractions_plot(judged),
        "confusion": confusion_plot(judged),
        "reliability": reliability_plot(judged, COVERAGE, COVERAGE),
    }


def size_of(png):
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        return image.size


@pytest.mark.parametrize("tree_key", ["galaxy-zoo-2", "galaxy-zoo-decals", "three-class"])
def test_every_tree_can_be_drawn_for_a_page_800_px_wide(tree_key):
    for name, png in plots_of(judged_galaxies(tree_key)).items():
        assert png.startswith(b"\x89PNG"), name
        assert 800 <= size_of(png)[0] <= 1600, name


def test_the_same_figures_give_the_same_bytes_whatever_the_users_style():
    judged = judged_galaxies("three-class")
    first = plots_of(judged) | {"loss": loss_plot(HISTORY)}
    with mpl.rc_context({"lines.linewidth": 9, "axes.labelpad": 40, "savefig.dpi": 40}):
        second = plots_of(judged) | {"loss": loss_plot(HISTORY)}
    assert first == second


def test_a_plot_tells_neither_date_nor_program():
    with Image.open(io.BytesIO(loss_plot(HISTORY))) as image:
        assert set(image.info) <= {"dpi"}


def test_drawing_leaves_the_global_style_and_pyplot_alone():
    before = dict(mpl.rcParams)
    plots_of(judged_galaxies("three-class"))
    assert dict(mpl.rcParams) == before


def test_other_figures_give_another_plot():
    judged = judged_galaxies("three-class")
    other = dataclasses.replace(judged, expected=judged.expected[::-1])
    for name, png in plots_of(judged).items():
        assert png != plots_of(other)[name], name
    assert loss_plot(HISTORY) != loss_plot(HISTORY[:-1])


def test_intervals_that_cover_little_are_drawn_too():
    judged = judged_galaxies("three-class")
    poor = Coverage([0.5, 0.68, 0.9, 0.95], [0.01, 0.02, 0.05, 0.08])
    assert reliability_plot(judged, poor, COVERAGE) != reliability_plot(judged, COVERAGE, COVERAGE)


@pytest.mark.parametrize("people", [0, 3])
def test_nothing_to_draw_is_said_in_words(people):
    for png in plots_of(judged_galaxies("three-class", people=people)).values():
        assert size_of(png)[0] >= 800
    assert size_of(loss_plot([]))[0] == 1600


def test_the_first_questions_with_enough_galaxies_are_drawn():
    judged = judged_galaxies()
    judged.asked[40:, :3] = 0
    keys = [question.key for question in judged.tree.questions]
    assert [question.key for question in judged.panels()] == keys[3:7]


def test_questions_with_few_galaxies_are_drawn_if_there_are_no_others():
    judged = judged_galaxies(n=12)
    assert len(judged.panels()) == 4


def test_two_threads_draw_at_once():
    judged = judged_galaxies("three-class", n=20)
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(fractions_plot(judged))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert set(found) == {fractions_plot(judged)}
