"""Beside crowd-kit, in an environment of its own."""

import statistics

import numpy as np

from tests.bench import peers, skill
from tests.inference.belief.volunteers import crowd_of_classes, needs_data, spread_of_skill

needs_crowd_kit = peers.needs("crowd-kit")


@needs_data
@needs_crowd_kit
def test_plain_em_finds_the_same_answers_ten_times_as_fast():
    crowd = crowd_of_classes(spread_of_skill(), **skill.SPEED)
    ours, theirs = skill.compared(crowd, -np.inf, runs=2)
    assert (ours.label == theirs.label).mean() >= 0.999
    assert statistics.median(theirs.seconds) > 10 * statistics.median(ours.seconds)


@needs_data
@needs_crowd_kit
def test_priors_find_at_least_as_many_classes_as_crowd_kit_and_more_than_a_majority():
    found = np.array([skill.accuracies(each, 7, n_subjects=3000) for each in (3, 5, 10)])
    majority, peer, ours = found.mean(0)
    assert ours >= peer
    assert ours > majority + 0.05
