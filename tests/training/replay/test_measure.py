import numpy as np
import pytest

from tests.bench.replay.curves import Interval, value_at, votes_to_reach
from tests.bench.replay.fixed import fixed
from tests.bench.replay.measure import Figures, measured, raw_shares
from tests.bench.replay.swap import swap
from tests.training.replay import made_up


def figures(votes, clear=0.0, tree_rmse=0.0):
    return Figures(votes, votes, clear, 0.0, 0.0, tree_rmse, 0.0)


def test_the_truth_itself_has_full_agreement_and_no_error():
    campaign = made_up.campaign()
    found = measured(campaign, campaign.fractions, np.full(len(campaign), 3))

    assert (found.clear, found.agreement) == (1, 1)
    assert (found.first_rmse, found.tree_rmse, found.asked_rmse) == (0, 0, 0)


def test_a_tie_is_right_in_part():
    campaign = made_up.campaign()
    even = raw_shares(np.zeros(campaign.fractions.shape), campaign.tree)

    assert measured(campaign, even, np.zeros(len(campaign), int)).agreement == pytest.approx(1 / 3)


def test_votes_of_judged_galaxies_are_not_hidden_by_those_of_others():
    campaign = made_up.campaign()
    given = np.where(campaign.judged, 5, 1)
    found = measured(campaign, campaign.fractions, given)

    assert (found.campaign_votes, found.judged_votes, found.votes) == (3, 5, 5)


def test_more_votes_come_nearer():
    campaign = made_up.campaign(400)
    curve = fixed(campaign, made_up.votes(campaign))

    assert [point.votes for point in curve] == list(range(1, 41))
    assert curve[39].agreement > curve[9].agreement > curve[2].agreement
    assert curve[39].tree_rmse < curve[9].tree_rmse < curve[2].tree_rmse


def test_swap_retires_galaxies_and_is_right():
    campaign = made_up.campaign(600)
    would_be = made_up.votes(campaign, made_up.crowd(60))
    curve = swap(campaign, would_be, np.random.default_rng(0))

    assert curve[-1].votes < 30
    assert curve[-1].clear > 0.95


def test_a_level_is_reached_where_no_later_point_falls_below_it():
    curve = [figures(1, 0.5), figures(2, 0.95), figures(3, 0.8), figures(4, 0.9)]

    assert votes_to_reach(curve, "clear", 0.85) == pytest.approx(3.5)
    assert votes_to_reach(curve, "clear", 0.4) == 1
    assert np.isnan(votes_to_reach(curve, "clear", 0.91))


def test_an_error_is_reached_from_above():
    curve = [figures(1, tree_rmse=0.3), figures(2, tree_rmse=0.2), figures(3, tree_rmse=0.1)]

    assert votes_to_reach(curve, "tree_rmse", 0.15) == pytest.approx(2.5)
    assert value_at(curve, "tree_rmse", 1.5) == pytest.approx(0.25)
    assert np.isnan(value_at(curve, "tree_rmse", 9))


def test_an_interval_is_students_and_says_what_no_seed_reached():
    assert Interval.of([1.0, 2.0, 3.0]).words(2) == "2.00 (-0.48 to 4.48)"
    assert Interval.of([4.0, float("nan")]).words(1) == "in 1 of 2 seeds, there 4.0"
    assert Interval.of([float("nan")] * 2).words(1) == "not reached"
