import numpy as np
import pytest

from inference.belief.answers import ANONYMOUS, Answers
from inference.errors import SkillRefused
from tests.inference.belief.crowds import MERGING, MIXED


def answers(**changed):
    values = {"subject": [0, 1], "volunteer": [0, 0], "question": [0, 1], "answer": [0, 3]}
    return Answers(**{name: np.array(array) for name, array in (values | changed).items()})


def test_paths_become_one_entry_an_answer():
    found = Answers.from_paths(MERGING, [7, 4], [1, ANONYMOUS], [(0, 3, 5), (2,)])
    assert found.subject.tolist() == [7, 7, 7, 4]
    assert found.volunteer.tolist() == [1, 1, 1, ANONYMOUS]
    assert found.question.tolist() == [0, 1, 2, 0]
    assert found.answer.tolist() == [0, 3, 5, 2]


def test_multiple_choices_are_left_out():
    found = Answers.from_paths(MIXED, [0], [0], [(0, 2, 4, 6)])
    assert found.answer.tolist() == [0, 6]


def test_no_paths_are_no_answers():
    assert len(Answers.from_paths(MERGING, [], [], [])) == 0


@pytest.mark.parametrize(
    ("subject", "paths", "sentence"),
    [
        ([0], [(0, 9)], "Answer 9 is not on the axis of this tree, which ends at 6."),
        ([0], [(-1,)], "Answer -1 is not on the axis"),
        ([0, 1], [(2,)], "There are 2 subjects, 1 volunteers and 1 paths."),
        ([0.5], [(2,)], "The subjects are an array of float64 with 1 axes."),
        ([-2], [(2,)], "There is a subject -2. Number subjects from 0."),
    ],
)
def test_impossible_paths_are_one_sentence(subject, paths, sentence):
    with pytest.raises(SkillRefused, match=sentence.replace(".", r"\.")):
        Answers.from_paths(MERGING, subject, [0], paths)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"answer": [0, 0]}, "Answer 0 is none of the single-choice question 1"),
        ({"answer": [0, 7]}, "Answer 7 is not on the axis"),
        ({"question": [0, 8]}, "Answer 3 is none of the single-choice question 8"),
        ({"subject": [0, 5]}, "There is a subject 5, but only 2 subjects."),
        ({"volunteer": [1, 0]}, "There is a volunteer 1, but only 1 volunteers."),
    ],
)
def test_answers_of_another_tree_or_crowd_are_refused(changed, sentence):
    with pytest.raises(SkillRefused, match=sentence.replace(".", r"\.")):
        answers(**changed).check(MERGING, n_subjects=2, n_volunteers=1)


def test_uneven_arrays_are_refused():
    with pytest.raises(SkillRefused, match="There are 1 subjects, 2 volunteers, 2 questions and 2"):
        answers(subject=[0])


def test_a_volunteer_below_anonymous_is_refused():
    with pytest.raises(SkillRefused, match=r"There is a volunteer -2\."):
        answers(volunteer=[0, -2])
