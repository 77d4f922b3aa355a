"""Beside crowd-kit, in an environment of its own, and beside a real project's own result."""

import statistics

import numpy as np
import pytest

from inference.belief.skill import estimate_skills
from tests.bench import peers, skill
from tests.inference.belief.crowds import BINARY
from tests.inference.belief.volunteers import crowd_of_classes, needs_data, spread_of_skill

needs_crowd_kit = peers.needs("crowd-kit")


@needs_data
@needs_crowd_kit
def test_plain_em_finds_the_same_answers_ten_times_as_fast():
    crowd = crowd_of_classes(spread_of_skill(), **skill.SPEED)
    ours, theirs = skill.compared(crowd, 1e-6, runs=2)
    assert (ours.label == theirs.label).mean() >= 0.999
    assert statistics.median(theirs.seconds) > 10 * statistics.median(ours.seconds)


@needs_data
@needs_crowd_kit
def test_priors_find_at_least_as_many_classes_as_crowd_kit_and_more_than_a_majority():
    found = np.array([skill.accuracies(each, 7, n_subjects=3000) for each in (3, 10)])
    majority, peer, ours = found.mean(0)
    assert ours >= peer
    assert ours > majority + 0.05


@needs_data
def test_snapshots_at_sea_differ_from_the_project_only_where_its_rule_is_on_the_edge():
    crowd, advanced = skill.snapshots_at_sea()
    raw = skill.share_of_yes(crowd, np.ones(len(crowd.answers)))
    assert ((raw > 0.6) == advanced).all()
    weight = np.append(estimate_skills(BINARY, crowd.answers, **crowd.sizes).weight, 1.0)
    weighted = skill.share_of_yes(crowd, weight[crowd.answers.volunteer])
    differing = (weighted > 0.6) != advanced
    assert raw[differing] == pytest.approx(0.6)
    assert np.abs(weighted - raw).mean() < 0.01
