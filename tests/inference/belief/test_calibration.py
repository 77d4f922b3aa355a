import numpy as np
import pytest

from inference.belief.calibration import fit_scales, scaled, set_sha256
from inference.belief.dirichlet import fractions, log_likelihood
from tests.inference.belief.crowds import BINARY, MERGING, MIXED, TERNARY, concentrations, votes_of


@pytest.mark.parametrize("kappa", [0.1, 0.6, 1.0, 5.0])
def test_a_known_scale_is_found_again(kappa):
    alpha = concentrations(3000, TERNARY)
    votes, asked = votes_of(kappa * alpha, 40, TERNARY)
    assert fit_scales(alpha, votes, asked, TERNARY) == {"q0": pytest.approx(kappa, rel=0.08)}


def test_every_question_has_a_scale_of_its_own():
    alpha = concentrations(4000, MERGING, least=3)
    wanted = {"q0": 0.5, "q1": 2.0, "q2": 0.25}
    votes, asked = votes_of(scaled(alpha, wanted, MERGING), 60, MERGING)
    found = fit_scales(alpha.astype(np.float32), votes, asked, MERGING)
    assert list(found) == list(wanted)
    assert found == pytest.approx(wanted, rel=0.12)


def test_a_multiple_choice_has_a_scale_too():
    alpha = concentrations(2000, MIXED)
    votes, asked = votes_of(scaled(alpha, {"signs": 0.3}, MIXED), 40, MIXED)
    found = fit_scales(alpha, votes, asked, MIXED)
    assert found["signs"] == pytest.approx(0.3, rel=0.05)


def test_votes_of_calibration_galaxies_become_likelier():
    alpha = concentrations(300, MERGING)
    votes, asked = votes_of(alpha / 6, 40, MERGING)
    before = log_likelihood(alpha, votes, MERGING, asked)
    scales = fit_scales(alpha, votes, asked, MERGING)
    after = log_likelihood(scaled(alpha, scales, MERGING), votes, MERGING, asked)
    assert (after.mean(0) > before.mean(0) + 0.1).all()


def test_a_scale_stays_within_bounds():
    alpha = np.tile([[1.0, 1.0]], (100, 1))
    votes = np.tile([[20, 20]], (100, 1))  # people who agree more than any chance lets them
    assert fit_scales(alpha, votes, votes.sum(1)[:, None], BINARY)["q0"] == pytest.approx(50, 0.01)
    alpha, votes = 101 * alpha, np.array([[40, 0], [0, 40]] * 50)
    assert fit_scales(alpha, votes, votes.sum(1)[:, None], BINARY)["q0"] == pytest.approx(
        0.02, rel=0.01
    )


def test_few_galaxies_that_were_asked_scale_nothing():
    alpha = concentrations(500, MERGING)
    votes, asked = votes_of(alpha / 5, 40, MERGING)
    unasked = np.arange(500) >= 19
    asked[unasked, 1], votes[unasked, 3:5] = 0, 0
    found = fit_scales(alpha, votes, asked, MERGING)
    assert found["q1"] == 1
    assert found["q0"] < 0.3


def test_just_enough_galaxies_are_fitted():
    alpha = concentrations(20, TERNARY)
    votes, asked = votes_of(alpha / 10, 40, TERNARY)
    assert fit_scales(alpha, votes, asked, TERNARY)["q0"] < 0.5


def test_no_galaxies_scale_nothing():
    none = np.zeros((0, 3))
    assert fit_scales(none, none, np.zeros((0, 1)), TERNARY) == {"q0": 1}


def test_a_scale_multiplies_its_own_question_and_leaves_the_fractions():
    alpha = concentrations(10, MERGING)
    found = scaled(alpha.astype(np.float32), {"q1": 0.5}, MERGING)
    assert found.dtype == np.float64
    assert found / alpha == pytest.approx(np.tile([1, 1, 1, 0.5, 0.5, 1, 1], (10, 1)), rel=1e-6)
    assert fractions(found, MERGING) == pytest.approx(fractions(alpha, MERGING), rel=1e-6)


def test_a_calibration_set_has_one_name_in_any_order():
    votes = np.array([[3, 1], [2, 2]], np.float32)
    name = set_sha256(["a", "b"], votes)
    assert len(name) == 64
    assert set_sha256(["b", "a"], votes[::-1]) == name
    assert set_sha256(["b", "a"], votes) != name
    assert set_sha256(["a", "c"], votes) != name
