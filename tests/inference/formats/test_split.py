from collections import Counter

import pytest

from inference.formats.split import CALIBRATION, TEST, TRAIN, VALIDATION, fold_of, split_of

# Fixed for ever: a network that was trained on a galaxy must never be judged by it later.
PINNED = {
    "8647474692505993348": TEST,
    "587722981742084096": TRAIN,
    "NGC 1300": TRAIN,
    "Ünicode ☆": TRAIN,
    "": TRAIN,
    "galaxy-0": VALIDATION,
    "galaxy-1": CALIBRATION,
    "galaxy-4": CALIBRATION,
    "galaxy-6": CALIBRATION,
    "galaxy-7": TRAIN,
}


@pytest.mark.parametrize(("group", "split"), PINNED.items())
def test_a_group_stays_in_its_part_for_ever(group, split):
    assert split_of(group) == split


def test_the_folds_stay_for_ever():
    assert [fold_of(f"galaxy-{number}", 5) for number in range(8)] == [3, 1, 0, 2, 0, 3, 4, 1]


def test_the_parts_have_their_sizes():
    n = 20_000
    found = Counter(split_of(str(number)) for number in range(n))
    for split, share in ((TEST, 0.15), (CALIBRATION, 0.10), (VALIDATION, 0.10), (TRAIN, 0.65)):
        assert found[split] / n == pytest.approx(share, abs=0.01)


def test_the_folds_are_of_one_size_and_know_nothing_of_the_parts():
    groups = [str(number) for number in range(20_000)]
    found = Counter((fold_of(group, 5), split_of(group)) for group in groups)
    for fold in range(5):
        assert sum(found[fold, s] for s in (TEST, CALIBRATION, VALIDATION, TRAIN)) == pytest.approx(
            4_000, rel=0.06
        )
        assert found[fold, TEST] == pytest.approx(600, rel=0.15)


def test_a_name_that_utf_8_does_not_have_is_no_crash():
    assert split_of("\udcff") in {TEST, CALIBRATION, VALIDATION, TRAIN}
