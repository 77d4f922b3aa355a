"""Drift: alike is alike, different is found, and how often it errs is what it says."""

import numpy as np
import pytest

from inference.belief import drift as module
from inference.belief.drift import drift
from inference.errors import EvidenceRefused


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def galaxies(n, seed, *, toward=0, spread=0.5, size=16):
    """Embeddings around a direction."""
    chance = np.random.default_rng(seed)
    rows = spread * chance.standard_normal((n, size))
    rows[:, toward] += 1
    return unit(rows)


def plain_distance(one, other):
    """The definition, pair by pair."""

    def mean(first, second, *, same):
        pairs = [np.linalg.norm(a - b) for i, a in enumerate(first) for j, b in enumerate(second)
                 if not (same and i == j)]  # fmt: skip
        return np.mean(pairs)

    between = mean(one, other, same=False)
    inside = mean(one, one, same=True) + mean(other, other, same=True)
    return (2 * between - inside) / (2 * between)


def test_the_distance_is_its_definition(monkeypatch):
    monkeypatch.setattr(module, "LEAST_SAMPLE", 5)
    one, other = galaxies(9, 1), galaxies(7, 2, toward=1)
    assert drift(one, other).distance == pytest.approx(plain_distance(one, other))


def test_two_points_are_wholly_apart():
    one, other = np.zeros((60, 4)), np.zeros((60, 4))
    one[:, 0] = other[:, 1] = 1
    found = drift(one, other)
    assert found.distance == pytest.approx(1)
    assert found.p == pytest.approx(1 / 500)


def test_galaxies_of_one_kind_have_not_drifted():
    found = drift(galaxies(3000, 1), galaxies(400, 2))
    assert not found.has_drifted
    assert found.distance < 0.005
    assert "The 400 newest galaxies look like 3,000 of those" in found.words
    assert f"p = {found.p:.3f}" in found.words


def test_another_survey_is_found_and_said_with_the_figure():
    found = drift(galaxies(800, 1), galaxies(300, 2, toward=3))
    assert found.has_drifted
    assert found.p == pytest.approx(0.002)
    assert f"distance {found.distance:.3f} of 1" in found.words
    assert "retrain" in found.words


def test_a_tenth_of_another_kind_is_found():
    mixed = np.concatenate([galaxies(900, 2, spread=0.1), galaxies(100, 3, toward=5, spread=0.1)])
    assert drift(galaxies(1000, 1, spread=0.1), mixed).has_drifted


def test_a_difference_without_weight_is_no_drift(monkeypatch):
    monkeypatch.setattr(module, "LEAST_DISTANCE", 0.5)
    found = drift(galaxies(500, 1), galaxies(500, 2, toward=1))
    assert found.p <= module.SURE
    assert not found.has_drifted


def test_alike_samples_are_called_different_as_rarely_as_promised():
    found = [drift(galaxies(60, 2 * k, size=4), galaxies(60, 2 * k + 1, size=4)).p
             for k in range(100)]  # fmt: skip
    assert 1 <= sum(p <= 0.1 for p in found) <= 22  # 10 are expected
    assert 0.4 < np.mean(found) < 0.6


def test_the_same_seed_gives_the_same_figures_and_half_precision_suffices():
    one, other = galaxies(2000, 1), galaxies(1500, 2)
    assert drift(one, other) == drift(one, other)
    coarse = drift(one.astype(np.float16), other.astype(np.float16))
    assert coarse.distance == pytest.approx(drift(one, other).distance, abs=1e-3)


def test_too_few_galaxies_say_nothing():
    found = drift(galaxies(500, 1), galaxies(49, 2, toward=3))
    assert (found.distance, found.p, found.has_drifted) == (None, None, False)
    assert "49 new galaxies and 500 from before the training" in found.words
    assert not drift(galaxies(500, 1), np.zeros((0, 16))).has_drifted


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (galaxies(60, 1, size=8), r"the shape \(60, 8\)"),
        (np.zeros(16), r"the shape \(16,\)"),
        (2 * galaxies(60, 1), "Row 1 of the new embeddings has the length 2"),
        (np.full((60, 16), np.nan), "length nan"),
        (np.zeros((60, 16)), "length 0"),
    ],
)
def test_what_is_no_embedding_is_refused(new, words):
    with pytest.raises(EvidenceRefused, match=words):
        drift(galaxies(60, 3), new)
