"""Hundreds of accounts that answer at random, beside a few people, without gold."""

import numpy as np
import pytest
from scipy.special import expit, logit

from inference.belief.dawid_skene import Votes
from inference.belief.flood import Agreement, looks
from inference.belief.posterior import posterior
from inference.belief.retirement import Rule
from inference.belief.skill import ANONYMOUS, estimate_skills
from inference.belief.spam import suspects
from inference.belief.weights import WEIGHT_STEP
from tests.inference.belief.crowds import TERNARY
from tests.inference.belief.volunteers import (
    Crowd,
    crowd_of_classes,
    crowd_of_shares,
    first_question,
    flooded,
    together,
)

THIRDS = (1 / 3, 1 / 3, 1 / 3)
ONCE_SURE = Rule.parse(
    {
        "format": 2,
        "votes": 1000,
        "certainty": {"questions": ["q0"], "probability": 0.9, "votes": 5},
        "artifact": None,
    },
    TERNARY,
)


def people(count=60, each=12, seed=0, right=0.85):
    """Return a crowd that is right with 0.85, on 300 galaxies of three kinds."""
    return crowd_of_classes(
        [right], n_subjects=300, each=each, n_volunteers=count, priors=THIRDS, seed=seed
    )


def joined(crowd, *, count, each, meaning=0, **fields):
    """Return a crowd with more such people; what is of kind k to it they call k + meaning."""
    more = people(count, each, **{"seed": 1} | fields)
    subject = more.answers.subject
    said = (more.answers.answer + crowd.truth[subject] - more.truth[subject] + meaning) % 3
    volunteer = crowd.n_volunteers + more.answers.volunteer
    given = together(crowd.answers, first_question(subject, volunteer, said))
    return Crowd(given, crowd.n_subjects, crowd.n_volunteers + count, crowd.truth)


def skills_of(crowd, n_gold=0):
    """Return the skills; experts have told the truth of the first so many galaxies."""
    gold = (np.arange(n_gold), np.eye(3)[crowd.truth[:n_gold]]) if n_gold else None
    return estimate_skills(TERNARY, crowd.answers, gold=gold, **crowd.sizes)


def agreement(answers, n_volunteers):
    """Return how far volunteers agree on the only question."""
    return Agreement([Votes(answers.subject, answers.volunteer, answers.answer, 3)], n_volunteers)


def with_accomplices(crowd):
    """Return a crowd with five more, who all say the same of each galaxy, whatever it is."""
    word = np.random.default_rng(7).integers(3, size=300)
    subject = np.tile(np.arange(300), 5)
    member = crowd.n_volunteers + np.repeat(np.arange(5), 300)
    given = together(crowd.answers, first_question(subject, member, word[subject]))
    return Crowd(given, 300, crowd.n_volunteers + 5, crowd.truth)


def raised(skills):
    """Return whether each volunteer is raised."""
    found = np.zeros(skills.n_volunteers, bool)
    found[[one.volunteer for one in suspects(skills)]] = True
    return found


def retired(crowd, weight):
    """Return how many galaxies the rule retires, and how many of them under a wrong answer."""
    answers, shape = crowd.answers, (crowd.n_subjects, 3)
    cells = answers.subject * 3 + answers.answer
    votes = np.bincount(cells, minlength=crowd.n_subjects * 3).reshape(shape)
    each = weight[answers.volunteer]
    weighted = np.bincount(cells, each, minlength=crowd.n_subjects * 3).reshape(shape)
    known = posterior(TERNARY, weighted)
    is_retired = ONCE_SURE.verdicts(votes, votes.sum(1), posterior=known).retired
    return is_retired.sum(), (known.alpha.argmax(1) != crowd.truth)[is_retired].sum()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("count", "each"), [(60, 12), (20, 12), (20, 4)])
def test_five_hundred_fakes_are_raised_and_weigh_little_beside_a_few_people(count, each, seed):
    crowd = flooded(people(count, each, seed), seed=seed)
    skills = skills_of(crowd)
    fakes = np.arange(count, count + 500)
    judged = fakes[skills.n_answers[fakes] >= 30]
    assert len(judged) > 450
    assert raised(skills)[judged].mean() > 0.65
    assert (skills.weight[judged] <= 0.25).mean() > 0.65
    assert skills.weight[fakes].mean() < 0.25
    assert not raised(skills)[:count].any()
    assert skills.weight[:count].min() > 0.75
    assert (skills.weight[:count] == 1).mean() > 0.9


@pytest.mark.parametrize(("count", "each", "at_least"), [(60, 12, 3), (20, 4, 2)])
def test_five_hundred_fakes_retire_next_to_nothing_wrongly(count, each, at_least):
    """Of 900 galaxies; more than unweighted are retired, and nearly all of them rightly."""
    found = np.zeros((2, 2), int)
    for seed in range(3):
        crowd = flooded(people(count, each, seed), seed=seed)
        found += [retired(crowd, skills_of(crowd).weight), retired(crowd, np.ones(count + 500))]
    (n_weighted, n_wrong), (n_raw, _) = found
    assert n_weighted > at_least * n_raw
    assert n_wrong < 0.01 * n_weighted


def test_people_who_have_just_come_into_a_flood_keep_their_weight():
    skills = skills_of(flooded(joined(people(), count=100, each=1)))
    assert skills.n_answers[60:160].mean() == 3
    assert skills.weight[60:160].mean() > 0.95
    assert skills.weight[160:].mean() < 0.3


@pytest.mark.parametrize("says", [(0.6, 0.3, 0.1), (1.0, 0.0, 0.0)])
def test_a_flood_with_a_habit_is_one_too(says):
    skills = skills_of(flooded(people(), says=says))
    assert skills.weight[60:].mean() < 0.3
    assert skills.weight[:60].mean() > 0.95
    assert not raised(skills)[:60].any()


def test_people_whom_galaxies_divide_outweigh_a_flood_too():
    crowd = flooded(crowd_of_shares(n_subjects=300, each=12, n_volunteers=60))
    weight = skills_of(crowd).weight
    assert weight[:60].mean() > 0.95
    assert weight[60:].mean() < 0.3


def test_of_two_camps_in_a_flood_neither_is_doubted():
    """Who means something else by every answer agrees with others, if not with most."""
    skills = skills_of(flooded(joined(people(), count=60, each=12, meaning=1)))
    assert not raised(skills)[:120].any()
    assert skills.weight[:120].mean() > 0.9


@pytest.mark.parametrize("size", [5, 20])
def test_a_clique_does_not_make_a_flood_of_an_honest_crowd(size):
    crowd = crowd_of_shares(concentrations=(0.3, 0.3, 0.1))
    word = np.random.default_rng(0).integers(3, size=2000)
    subject = np.repeat(np.arange(2000), 5)
    member = (subject + np.tile(np.arange(5), 2000)) % size
    clique = first_question(subject, 200 + member, word[subject])
    weight = estimate_skills(
        TERNARY, together(crowd.answers, clique), n_subjects=2000, n_volunteers=200 + size
    ).weight
    assert weight[:200].mean() > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_newcomers_who_gave_fewer_answers_than_experts_are_no_flood(seed):
    experts = people(20, 4, seed, right=0.9)
    skills = skills_of(joined(experts, count=500, each=3, right=0.4, seed=seed + 1))
    assert skills.weight[20:].mean() > 0.97


@pytest.mark.parametrize("n_gold", [30, 100])
def test_gold_keeps_accomplices_in_a_flood_from_passing_for_those_who_look(n_gold):
    crowd = flooded(with_accomplices(people(20, 4)))
    assert raised(skills_of(crowd))[:20].all()  # without gold they do, which docs/proofs.md says
    skills = skills_of(crowd, n_gold)
    assert not raised(skills)[:20].any()
    assert skills.weight[:20].mean() > 0.9


@pytest.mark.parametrize("n_gold", [30, 100])
def test_a_flood_is_found_beside_gold_too(n_gold):
    skills = skills_of(flooded(people()), n_gold)
    assert skills.weight[60:].mean() < 0.3
    assert not raised(skills)[:60].any()


def test_accounts_that_all_answer_at_random_leave_each_other_as_they_are():
    nobody = Crowd(first_question([], [], []), 300, 0, np.zeros(300, np.int64))
    assert skills_of(flooded(nobody)).weight.mean() > 0.99


def test_a_flood_without_accounts_is_held_against_nobody():
    crowd = flooded(people())
    answers = crowd.answers
    hidden = np.where(answers.volunteer >= 60, ANONYMOUS, answers.volunteer)
    unknown = first_question(answers.subject, hidden, answers.answer)
    skills = estimate_skills(TERNARY, unknown, n_subjects=300, n_volunteers=60)
    assert skills.weight.min() == 1


@pytest.mark.parametrize("seed", range(3))
def test_who_agrees_is_found_by_agreeing_with_others_who_do(seed):
    """Against all others alone, the four answers of a person to 15 each show next to nothing."""
    crowd = flooded(people(20, 4, seed))
    found = agreement(crowd.answers, crowd.n_volunteers).agreeing()
    assert found[:20].sum() >= 18
    assert found[20:].mean() < 0.01


def test_nobody_passes_for_one_who_looks_by_answers_without_an_account():
    """Twenty visitors repeat what the last account says of every galaxy."""
    crowd = flooded(people())
    last = crowd.n_volunteers - 1
    own = crowd.answers.volunteer == last
    subject, said = (
        np.repeat(each[own], 20) for each in (crowd.answers.subject, crowd.answers.answer)
    )
    echo = first_question(subject, np.full(len(subject), ANONYMOUS), said)
    found = agreement(together(crowd.answers, echo), crowd.n_volunteers).agreeing()
    assert found[:60].all()
    assert not found[last]


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_how_many_look_is_the_mean_of_who_probably_does(share):
    """Answers that hardly tell who looks are the slowest to come to rest."""
    chance = np.random.default_rng(0)
    gain = chance.normal(0, 0.7, 2000) + np.where(chance.random(2000) < share, 0.3, -0.3)
    probably, _ = looks(np.arange(2000), np.exp(gain), np.ones(2000), 2000)
    mean = (probably.sum() + 1) / 2002
    assert np.abs(probably - expit(gain + logit(mean))).max() < 1.5 * WEIGHT_STEP
