import numpy as np
import pytest

from tests.bench.replay import crowd as crowds
from tests.bench.replay.crowd import SILENT, draw_crowd, draw_votes
from tests.bench.replay.measure import raw_shares
from tests.bench.replay.tally import Ballots
from tests.training.replay import made_up


def everybody(would_be):
    ballots = Ballots.none(would_be)
    ballots.given[:] = would_be.n_people
    return ballots


@pytest.mark.parametrize("care", [1.0, 0.8])
def test_the_crowds_fractions_converge_to_the_real_ones_however_careless_some_are(care):
    campaign = made_up.campaign(60)
    people = made_up.crowd(1200, care=care)
    would_be = draw_votes(campaign, people, np.random.default_rng(1), most=1000)

    shares = raw_shares(everybody(would_be).tally(), campaign.tree)

    error = shares[:, :3] - campaign.fractions[:, :3]
    assert np.abs(error.mean(0)).max() < 0.02
    # Where almost everybody agrees, careless people leave a little of what is usual.
    assert np.sqrt((error**2).mean()) < (0.02 if care == 1 else 0.04)


def test_only_who_gives_the_answer_before_is_asked_a_question():
    would_be = made_up.votes(made_up.campaign())

    is_featured = would_be.answers[:, :, 0] == 1
    assert ((would_be.answers[:, :, 1] != SILENT) == is_featured).all()


def test_real_people_are_drawn_without_replacement():
    campaign = made_up.campaign(counted=True)
    would_be = made_up.votes(campaign)

    assert (would_be.n_people == 20).all()
    np.testing.assert_array_equal(everybody(would_be).tally(), campaign.counts)


def test_nobody_looks_at_a_galaxy_twice():
    would_be = made_up.votes(made_up.campaign())

    ordered = np.sort(would_be.volunteer, axis=1)
    assert (np.diff(ordered, axis=1) > 0).all()


def test_a_seed_gives_the_same_would_be_votes():
    campaign = made_up.campaign()
    one, same, other = (made_up.votes(campaign, seed=seed) for seed in (3, 3, 4))

    np.testing.assert_array_equal(one.answers, same.answers)
    np.testing.assert_array_equal(one.volunteer, same.volunteer)
    assert (one.answers != other.answers).any()


def test_spammers_give_their_share_of_votes_and_half_press_the_button():
    campaign = made_up.campaign(400)
    people = made_up.crowd(1000, spammers=10, spam_votes=0.08)
    would_be = made_up.votes(campaign, people)

    by_spammers = people.spams[would_be.volunteer]
    pressed = would_be.answers[people.presses_artifact[would_be.volunteer]]
    assert by_spammers.mean() == pytest.approx(0.08, abs=0.01)
    assert people.presses_artifact.sum() == 5
    assert (pressed[:, 0] == 2).all()


def test_the_real_crowd_has_the_published_spam_and_spread_of_skill(shared):
    people = draw_crowd(shared / "data", np.random.default_rng(0))

    assert people.spams.mean() == pytest.approx(crowds.SPAM_PEOPLE)
    assert people.activity[people.spams].sum() == pytest.approx(crowds.SPAM_VOTES)
    assert people.activity.sum() == pytest.approx(1)
    assert np.median(people.care) > 0.95
    assert np.quantile(people.care, 0.1) < 0.5
