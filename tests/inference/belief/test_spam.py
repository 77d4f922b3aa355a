import re

import numpy as np
import pytest

from inference.belief.skill import estimate_skills
from inference.belief.spam import Limits, median_seconds, spam_cut, suspects
from inference.errors import SkillRefused
from tests.inference.belief.crowds import MERGING, TERNARY
from tests.inference.belief.volunteers import crowd_of_shares, first_question

CLICKERS = list(range(0, 200, 20))


def skills_of(crowd):
    return estimate_skills(TERNARY, crowd.answers, **crowd.sizes)


@pytest.fixture(scope="module")
def honest():
    return skills_of(crowd_of_shares())


def test_random_clickers_are_suspected_with_a_reason_in_numbers():
    found = suspects(skills_of(crowd_of_shares(CLICKERS)))
    assert [suspect.volunteer for suspect in found] == CLICKERS
    assert re.fullmatch(
        r"Agrees with others on \d\d% of \d+ answers; a typical volunteer would on \d\d% of the "
        r"same galaxies, somebody who does not look on \d\d%\.",
        found[0].reasons["agreement"],
    )


def test_hardly_anybody_honest_is_suspected():
    """Of 2,400 honest volunteers, on clear galaxies and on ones that divide everybody."""
    n_suspected = 0
    for seed in range(6):
        for concentrations in ((0.3, 0.3, 0.1), (2.0, 2.0, 1.0)):
            crowd = crowd_of_shares(concentrations=concentrations, seed=seed)
            n_suspected += len(suspects(skills_of(crowd)))
    assert n_suspected == 0


def test_a_few_answers_make_nobody_suspect():
    crowd = crowd_of_shares(CLICKERS, n_subjects=400)
    skills = skills_of(crowd)
    assert skills.n_answers[CLICKERS].min() < 30
    assert all(skills.n_answers[suspect.volunteer] >= 30 for suspect in suspects(skills))


def test_a_pace_beyond_reading_is_suspected(honest):
    seconds = np.full(200, 6.0)
    seconds[[3, 4, 5]] = [0.05, 0.05, np.nan]
    people = np.full(200, 100)
    people[4] = 19
    (found,) = suspects(honest, n_classifications=people, seconds=seconds)
    assert found.volunteer == 3
    assert found.reasons["pace"].startswith(
        "Takes 0.05 s for a classification (median of 100) of 1.0 questions; reading takes"
    )


def test_more_questions_need_more_time():
    subject = np.repeat(np.arange(20), 3)
    question = np.tile([0, 1, 2], 20)
    answers = first_question(subject, np.zeros(60, np.int64), np.tile([0, 3, 5], 20))
    answers = type(answers)(answers.subject, answers.volunteer, question, answers.answer)
    skills = estimate_skills(MERGING, answers, n_subjects=20, n_volunteers=1)
    assert suspects(skills, n_classifications=[20], seconds=[1.1])
    assert not suspects(skills, n_classifications=[20], seconds=[1.3])


def test_people_who_see_artifacts_everywhere_are_suspected_as_published(honest):
    people, artifacts = np.full(200, 150), np.zeros(200, np.int64)
    artifacts[[7, 8]] = [76, 75]
    people[9], artifacts[9] = 149, 149
    found = suspects(honest, n_classifications=people, n_artifacts=artifacts)
    assert [suspect.volunteer for suspect in found] == [7]
    assert found[0].reasons == {
        "artifacts": "Calls 51% of 150 galaxies an artifact; over 50% is no picture's fault."
    }


def test_the_cut_is_at_the_published_numbers():
    assert spam_cut([150, 150, 149, 1000], [76, 75, 149, 501]).tolist() == [
        True,
        False,
        False,
        True,
    ]
    assert spam_cut([10], [9], Limits(classifications=10)).tolist() == [True]


def test_nobody_is_suspected_of_what_is_not_known(honest):
    assert suspects(honest, seconds=np.zeros(200), n_artifacts=np.full(200, 999)) == []


def test_numbers_of_other_people_are_refused(honest):
    with pytest.raises(SkillRefused, match=r"seconds has shape \(3,\) for 200 volunteers"):
        suspects(honest, n_classifications=np.ones(200), seconds=[1, 2, 3])


def test_medians_leave_unknown_times_out():
    volunteer = np.array([2, 0, 2, 2, 0, 3])
    seconds = [9.0, 1.0, 2.0, 4.0, 2.0, np.nan]
    found = median_seconds(volunteer, seconds, 4)
    assert found[[0, 2]].tolist() == [1.5, 4.0]
    assert np.isnan(found[[1, 3]]).all()
