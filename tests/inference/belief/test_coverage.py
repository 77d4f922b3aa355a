import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from inference.belief import coverage as module
from inference.belief.coverage import ALL, MASSES, coverage
from inference.formats.tree import load_built_in
from tests.inference.belief.crowds import BINARY, MIXED, TERNARY, concentrations, votes_of

GZ2 = load_built_in("galaxy-zoo-2")


def crowd(tree, n=1500, seed=0, **of):
    """Return alpha, votes and asked of galaxies that 1 to 80 people saw."""
    alpha = concentrations(n, tree, seed, **of)
    people = np.random.default_rng(seed).integers(1, 81, n)
    votes, asked = votes_of(alpha, people, tree, seed)
    return alpha, votes, asked


def coverage_of(galaxies, tree):
    alpha, votes, asked = galaxies
    return coverage(alpha, votes, asked, tree)


def test_by_hand():
    # Of one person the counts 0 and 1 are alike, so that any interval must hold both.
    alpha, votes = np.array([[5.0, 5]]), np.array([[1, 0]])
    (found,) = coverage(alpha, votes, np.array([[1]]), BINARY, masses=(0.5,))[ALL]
    assert (found.mass, found.nominal, found.observed, found.n) == (0.5, 1.0, 1.0, 2)


@given(st.floats(0.3, 60), st.floats(0.3, 60), st.integers(1, 60), st.sampled_from(MASSES))
def test_an_interval_is_the_equal_tailed_one_of_counts(alpha, rest, people, mass):
    counts = np.arange(people + 1)
    votes = np.stack([counts, people - counts], 1)
    galaxies = np.tile([[alpha, rest]], (len(counts), 1))
    (found,) = coverage(galaxies, votes, votes.sum(1)[:, None], BINARY, masses=(mass,))["q0"]
    pmf = stats.betabinom.pmf(counts, people, alpha, rest)
    tail = (1 - mass) / 2 + 1e-9
    inside = (np.cumsum(pmf) > tail) & (np.cumsum(pmf[::-1])[::-1] > tail)
    assert found.nominal == pytest.approx(pmf[inside].sum(), abs=1e-8)
    assert found.observed == pytest.approx(inside.mean())


@pytest.mark.parametrize("tree", [BINARY, GZ2, MIXED], ids=["binary", "galaxy-zoo-2", "mixed"])
def test_votes_drawn_from_the_concentrations_are_covered_as_claimed(tree):
    found = coverage_of(crowd(tree), tree)
    assert set(found) == {ALL, *(question.key for question in tree.questions)}
    for key, figures in found.items():
        assert [figure.mass for figure in figures] == list(MASSES)
        for figure in figures:
            assert figure.n >= 1000, key
            assert figure.nominal >= figure.mass
            error = (figure.nominal * (1 - figure.nominal) / figure.n) ** 0.5
            assert abs(figure.observed - figure.nominal) < 4 * error, (key, figure)


@pytest.mark.parametrize("tree", [BINARY, GZ2, MIXED], ids=["binary", "galaxy-zoo-2", "mixed"])
def test_overconfident_concentrations_are_caught(tree):
    alpha, votes, asked = crowd(tree, most=15)
    for figure in coverage(4 * alpha, votes, asked, tree)[ALL][:3]:
        assert figure.observed < figure.nominal - 0.04


def test_timid_concentrations_are_caught():
    alpha, votes, asked = crowd(TERNARY, least=5)
    for figure in coverage(alpha / 4, votes, asked, TERNARY)[ALL][:3]:
        assert figure.observed > figure.nominal + 0.04


def test_the_whole_is_all_questions_together():
    found = coverage_of(crowd(GZ2, 200), GZ2)
    parts = [figures[2] for key, figures in found.items() if key != ALL]
    whole = found[ALL][2]
    assert whole.n == sum(part.n for part in parts)
    assert whole.observed == pytest.approx(sum(part.observed * part.n for part in parts) / whole.n)
    assert whole.nominal == pytest.approx(sum(part.nominal * part.n for part in parts) / whole.n)


def test_small_blocks_change_nothing(monkeypatch):
    galaxies = crowd(GZ2, 100)
    whole = coverage_of(galaxies, GZ2)
    monkeypatch.setattr(module, "_BLOCK", 100)
    assert coverage_of(galaxies, GZ2) == whole


def test_fractions_of_a_nominal_crowd_are_rounded_to_people():
    sure = np.array([[1e6, 1e6]])  # half the intervals of 40 people are 18 to 22

    def inside(*votes):
        return coverage(sure, np.array([votes]), np.array([[39.7]]), BINARY)["q0"][0].observed

    assert inside(17.6, 22.4) == 1
    assert inside(17.4, 22.6) == 0


def test_galaxies_whose_people_round_to_nobody_are_left_out():
    alpha = np.ones((2, 2))
    votes, asked = np.array([[0.2, 0.1], [3.0, 1.0]]), np.array([[0.3], [4.0]])
    assert coverage(alpha, votes, asked, BINARY)["q0"][0].n == 2


def test_no_galaxies_have_no_coverage():
    found = coverage(np.ones((0, 2)), np.ones((0, 2)), np.ones((0, 1)), BINARY)
    assert found[ALL][0].n == 0
    assert np.isnan(found["q0"][0].observed)
