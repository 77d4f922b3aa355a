from dataclasses import replace

import numpy as np
import pytest
import torch

from inference.formats.tree import load_built_in
from tests.bench.replay.learner import HeadSettings, Learner, vote_loss
from tests.bench.replay.ours import Policy, Site, by_gain, by_rule
from tests.bench.replay.run import Settings, _site
from tests.bench.replay.tally import Ballots
from tests.training.replay import made_up
from training import loss

POLICY = Policy(certainties=(0.7, 0.9), most=12, retrain_at=(1.0, 2.0), budget=3.0)
HEAD = HeadSettings(width=16, epochs=4, further_epochs=2, batch_size=32)
ARMS = pytest.mark.parametrize("arm", [by_rule, by_gain])


def site(campaign, would_be, *, head=HEAD, policy=POLICY):
    learner = None
    if head:
        seen = made_up.features(campaign)
        learner = Learner(seen, campaign.subject_ids, campaign.tree, head, seed=0)
    return Site(Ballots.none(would_be), learner, policy, np.random.default_rng(0))


@ARMS
def test_votes_not_yet_given_change_nothing(arm):
    campaign = made_up.campaign()
    would_be = made_up.votes(campaign)
    before = list(arm(site(campaign, would_be)))

    later = np.arange(would_be.answers.shape[1]) >= before[-1].given[:, None]
    answers = would_be.answers.copy()
    answers[later] = answers[:, ::-1][later]
    assert (answers != would_be.answers).any()
    after = list(arm(site(campaign, replace(would_be, answers=answers))))

    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.given, other.given)
        np.testing.assert_array_equal(one.shares, other.shares)


@ARMS
def test_what_the_whole_crowd_said_and_who_judges_changes_nothing(arm):
    campaign = made_up.campaign()
    would_be = made_up.votes(campaign)
    blind = replace(
        campaign, fractions=campaign.fractions * np.nan, judged=~campaign.judged, counts=None
    )
    settings = Settings(policy=POLICY, head=HEAD)
    seen = made_up.features(campaign)

    one, other = (list(arm(_site(c, would_be, 0, settings, seen))) for c in (campaign, blind))

    np.testing.assert_array_equal(one[-1].given, other[-1].given)
    np.testing.assert_array_equal(one[-1].shares, other[-1].shares)


def test_a_galaxys_prior_does_not_depend_on_its_own_votes():
    campaign = made_up.campaign()
    votes = np.ones((len(campaign), campaign.tree.n_answers))
    seen = made_up.features(campaign)
    changed = votes.copy()
    changed[7] = [9, 0, 0, 0, 0]

    def learned(votes):
        learner = Learner(seen, campaign.subject_ids, campaign.tree, HEAD, seed=0)
        return learner.retrain(votes), learner.folds

    before, folds = learned(votes)
    after, _ = learned(changed)

    np.testing.assert_array_equal(before[folds == folds[7]], after[folds == folds[7]])
    assert (before[folds != folds[7]] != after[folds != folds[7]]).all()


def test_training_on_and_on_still_keeps_a_galaxys_votes_from_its_prior():
    campaign = made_up.campaign()
    votes = np.ones((len(campaign), campaign.tree.n_answers))
    learners = [
        Learner(made_up.features(campaign), campaign.subject_ids, campaign.tree, HEAD, seed=0)
        for _ in range(2)
    ]
    for learner in learners:
        learner.retrain(votes)
    changed = votes.copy()
    changed[7] = [9, 0, 0, 0, 0]

    one, other = learners[0].retrain(votes), learners[1].retrain(changed)

    np.testing.assert_array_equal(one[7], other[7])


def test_a_rule_leaves_every_galaxy_certain_or_at_its_most_votes():
    campaign = made_up.campaign()
    here = site(campaign, made_up.votes(campaign), head=None)
    *_, last = by_rule(here)

    first = here.belief().leads(campaign.tree.questions[0]).max(1)
    assert ((first >= 0.9 - 1e-9) | (last.given >= POLICY.most)).all()
    assert last.given.min() >= 1


def test_the_gain_spends_its_budget_where_most_is_to_learn():
    campaign = made_up.campaign()
    policy = replace(POLICY, budget=8.0)
    here = site(campaign, made_up.votes(campaign), head=None, policy=policy)
    *_, last = by_gain(here)

    # Featured galaxies have a second question to answer.
    featured = campaign.fractions[:, 1] > 0.6
    assert last.given.mean() == pytest.approx(8, abs=0.11)
    assert last.given[featured].mean() > last.given[~featured].mean() + 0.3


def test_a_network_helps_from_the_first_votes_on():
    campaign = made_up.campaign(600)
    would_be = made_up.votes(campaign)

    def hits(here):
        shares = here.snapshot().shares[:, :3]
        return (shares.argmax(1) == campaign.fractions[:, :3].argmax(1)).mean()

    head = replace(HEAD, epochs=40)
    assert (
        hits(site(campaign, would_be, head=head)) > hits(site(campaign, would_be, head=None)) + 0.05
    )


def test_spammers_lose_their_weight():
    people = made_up.crowd(100, spammers=2, spam_votes=0.1)
    campaign = made_up.campaign(600)
    here = site(campaign, made_up.votes(campaign, people), head=None)
    for _ in range(2):
        here.ballots.give(here.ballots.open)
        here.refresh()

    assert here.weight[people.spams].max() < 0.5
    assert here.weight[~people.spams].mean() > 0.9


def test_the_quick_loss_is_that_of_the_training_less_its_constant():
    torch.manual_seed(0)
    tree = made_up.campaign(1).tree
    alpha = torch.rand(9, tree.n_answers) + 0.1
    votes = torch.randint(0, 5, (9, tree.n_answers)).float()
    belongs = torch.nn.functional.one_hot(
        torch.tensor([answer.question for answer in tree.answers]), tree.n_questions
    ).float()
    asked = votes @ belongs

    ours = vote_loss(alpha, votes, belongs) - vote_loss(alpha + 1, votes, belongs)
    theirs = loss.vote_loss(alpha, votes, asked, tree) - loss.vote_loss(
        alpha + 1, votes, asked, tree
    )

    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_tree_with_a_multiple_choice_is_replayed_without_asking_it():
    tree = load_built_in("galaxy-zoo-decals")
    rng = np.random.default_rng(0)
    fractions = np.concatenate(
        [
            rng.dirichlet(np.ones(len(question.answers)), 40)
            if question.is_single
            else np.full((40, len(question.answers)), np.nan)
            for question in tree.questions
        ],
        axis=1,
    )
    campaign = replace(
        made_up.campaign(40),
        tree=tree,
        fractions=fractions,
        counts=fractions * np.nan,
        questions=np.tile([question.is_single for question in tree.questions], (40, 1)),
    )
    *_, last = by_rule(site(campaign, made_up.votes(campaign), head=None))

    assert last.given.min() >= 1
    assert np.isfinite(last.shares).all()
