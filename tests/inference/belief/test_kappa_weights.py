"""The anchors are the published worked example and formula (Willett et al. 2013)."""

import numpy as np
import pytest

from inference.belief.answers import ANONYMOUS
from inference.belief.kappa_weights import consistency, kappa_weights, weight_of
from inference.errors import SkillRefused
from tests.inference.belief.crowds import BINARY, TERNARY
from tests.inference.belief.volunteers import crowd_of_shares, first_question


def test_consistency_is_that_of_the_worked_example():
    assert consistency(np.array([0.7, 0.2, 0.1])) == pytest.approx([0.8, 0.467, 0.4], abs=5e-4)


def test_weights_are_the_published_power():
    found = weight_of(np.array([0.30, 0.40, 0.50, 0.55, 0.60, 0.9, np.nan]))
    expected = [0.00276, 0.0319, 0.2123, 0.4773, 1, 1, 1]
    assert found == pytest.approx(expected, rel=2e-3)


def test_kappa_of_a_volunteer_is_that_of_their_votes():
    said = [0] * 7 + [1] * 2 + [2]
    answers = first_question([0] * 10, list(range(10)), np.array(said))
    found = kappa_weights(TERNARY, answers, n_subjects=1, n_volunteers=11, rounds=1)
    assert found.kappa[:10] == pytest.approx([0.8] * 7 + [7 / 15] * 2 + [0.4])
    assert np.isnan(found.kappa[10])
    assert found.weight[10] == 1


def test_later_rounds_count_by_weight():
    said = [0] * 7 + [1] * 2 + [2]
    answers = first_question([0] * 10, list(range(10)), np.array(said))
    found = kappa_weights(TERNARY, answers, n_subjects=1, n_volunteers=10, rounds=2)
    first = weight_of(np.array([0.8, 7 / 15, 0.4]))
    share = 7 / (7 + 2 * first[1] + first[2])
    assert found.kappa[0] == pytest.approx((2 * share + 1) / 3)


def test_random_clickers_weigh_less_and_most_others_keep_one():
    clickers = list(range(0, 200, 20))
    crowd = crowd_of_shares(clickers, concentrations=(0.3, 0.3))
    found = kappa_weights(BINARY, crowd.answers, **crowd.sizes).weight
    assert found[clickers].mean() < 0.5
    assert (np.delete(found, clickers) == 1).mean() > 0.95


def test_nobody_anonymous_has_a_kappa():
    with pytest.raises(SkillRefused, match="number"):
        kappa_weights(
            TERNARY,
            first_question([0], [ANONYMOUS], np.array([0])),
            n_subjects=1,
            n_volunteers=1,
        )
