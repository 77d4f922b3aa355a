"""Fractions as they would be at low redshift."""

import dataclasses

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from inference.formats.tree import Tree
from tests.inference.formats.trees import small_tree
from tests.webapp.exports.evidence import random_evidence
from webapp.exports import debias
from webapp.exports.column import Kind
from webapp.exports.debias import Limits, Population

# Smooth or featured; of the featured, with a bar or not.
TREE = Tree.parse(small_tree([None, 1], [None, None]))
SMOOTH, FEATURED, BAR = 0, 1, 2
N, PEOPLE = 20_000, 40


def people_see(rng, share):
    return rng.binomial(PEOPLE, np.clip(share, 0, 1))


def population(seed=0, *, bias=1.0):
    """Return galaxies whose features fade with redshift, and their fractions without that."""
    rng = np.random.default_rng(seed)
    redshift = 0.02 + 0.13 * rng.random(N) ** 0.7
    redshift[: N // 4] = rng.uniform(0.02, 0.03, N // 4)
    magnitude = rng.uniform(-23, -21.5, N)
    size = 10 ** rng.uniform(0.3, 1.2, N)
    true = np.clip(rng.beta(1.5, 1.5, N) * (0.5 + size / 30), 0, 1)
    far = np.maximum(redshift - 0.03, 0) / 0.12
    seen = true * (1 - 0.6 * bias * far)
    featured = people_see(rng, seen)
    bars = rng.binomial(featured, 0.3)
    votes = np.stack([PEOPLE - featured, featured, bars, featured - bars], axis=1).astype(np.int32)
    asked = np.stack([np.full(N, PEOPLE), featured], axis=1).astype(np.int32)
    found = Population(TREE, votes, asked, asked[:, 0], redshift, magnitude, size)
    return found, true


def mean_beyond(values, redshift, least=0.1):
    return np.nanmean(values[redshift > least])


def test_a_known_bias_is_taken_away():
    galaxies, true = population()
    raw = galaxies.votes[:, FEATURED] / PEOPLE
    corrected = debias.debiased(galaxies)[:, FEATURED]
    far = galaxies.redshift
    lost = mean_beyond(true, far) - mean_beyond(raw, far)
    left = mean_beyond(true, far) - mean_beyond(corrected, far)
    assert lost > 0.1
    assert abs(left) < 0.1 * lost
    true_histogram, histogram = (
        np.histogram(values[far > 0.1], np.linspace(0, 1, 6))[0] / (far > 0.1).sum()
        for values in (true, corrected)
    )
    assert histogram == pytest.approx(true_histogram, abs=0.05)


def test_galaxies_near_to_us_stay_as_they_are():
    galaxies, _ = population()
    near = galaxies.redshift <= 0.03
    raw = galaxies.votes[near, FEATURED] / PEOPLE
    assert debias.debiased(galaxies)[near, FEATURED] == pytest.approx(raw, abs=0.02)


def test_without_a_bias_next_to_nothing_changes():
    galaxies, _ = population(bias=0.0)
    raw = galaxies.votes[:, FEATURED] / PEOPLE
    corrected = debias.debiased(galaxies)[:, FEATURED]
    assert np.nanmean(np.abs(corrected - raw)) < 0.05
    assert abs(np.nanmean(corrected - raw)) < 0.01


def test_the_shares_of_a_single_choice_sum_to_one():
    galaxies, _ = population()
    total = debias.debiased(galaxies)[:, [SMOOTH, FEATURED]].sum(axis=1)
    assert total[~np.isnan(total)] == pytest.approx(1, abs=1e-6)
    assert np.isfinite(total).mean() > 0.9


def test_a_question_is_learned_from_galaxies_that_reach_it():
    galaxies, _ = population()
    bar = debias.debiased(galaxies)[:, BAR]
    assert np.nanmean(bar) == pytest.approx(0.3, abs=0.05)
    assert np.isnan(bar[galaxies.asked[:, 1] == 0]).all()


@pytest.mark.parametrize(
    "change",
    [
        {"redshift": np.nan}, {"redshift": 0.2}, {"redshift": 0.01}, {"magnitude": np.nan},
        {"magnitude": -20.0}, {"size": np.nan}, {"size": 0.0}, {"n_classifications": 29},
    ],
)  # fmt: skip
def test_galaxies_beyond_the_limits_are_left_unknown(change):
    galaxies, _ = population()
    ((name, value),) = change.items()
    values = getattr(galaxies, name).copy()
    values[:100] = value
    found = debias.debiased(dataclasses.replace(galaxies, **{name: values}))
    assert np.isnan(found[:100]).all()
    assert np.isfinite(found[100:, FEATURED]).mean() > 0.9


def test_too_few_near_galaxies_tell_nothing():
    galaxies, _ = population()
    assert np.isnan(debias.debiased(galaxies, Limits(near=0.0200001))).all()


def test_lengths_are_those_of_astropys_cosmology():
    redshift = np.array([0.02, 0.1, 0.15, np.nan])
    expected = FlatLambdaCDM(H0=70, Om0=0.3).kpc_proper_per_arcmin(redshift[:3]).value / 60
    found = debias.kiloparsecs(np.ones(4), redshift)
    assert found[:3] == pytest.approx(expected, rel=1e-5)
    assert np.isnan(found[3])


def test_what_is_needed_is_found_among_the_metadata():
    known = {"redshift": Kind.FLOAT64, "elpetro_absmag_r": Kind.FLOAT64, "petro_th50": Kind.FLOAT64}
    assert debias.inputs(known) == debias.Inputs(
        "redshift", "elpetro_absmag_r", "petro_th50", is_angular=True
    )
    kiloparsecs = {"Z": Kind.FLOAT64, "absmag_r": Kind.FLOAT64, "R50_kpc": Kind.FLOAT64}
    assert debias.inputs(kiloparsecs) == debias.Inputs("Z", "absmag_r", "R50_kpc", is_angular=False)
    for missing in known:
        assert debias.inputs({k: v for k, v in known.items() if k != missing}) is None
    assert debias.inputs(dict.fromkeys(known, Kind.TEXT)) is None


def test_parts_of_a_catalog_are_put_together():
    metadata = {name: np.full(10, value) for name, value in
                (("redshift", 0.1), ("absmag_r", -22.0), ("petro_th50", 2.0))}  # fmt: skip
    evidence = random_evidence(10, TREE, metadata=metadata)
    use = debias.Inputs("redshift", "absmag_r", "petro_th50", is_angular=True)
    galaxies = debias.gather([evidence.part(slice(0, 4)), evidence.part(slice(4, 10))], use)
    np.testing.assert_array_equal(galaxies.votes, evidence.votes)
    assert galaxies.size == pytest.approx(debias.kiloparsecs(np.full(10, 2.0), np.full(10, 0.1)))
    assert debias.debiased(galaxies).shape == evidence.votes.shape
