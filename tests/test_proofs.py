"""docs/proofs.md names tests that there are, and leaves out no line."""

import pytest

from tests import proofs


@pytest.mark.parametrize("named", sorted(set(proofs.NAMED.findall(proofs.TEXT))), ids="::".join)
def test_a_proof_is_there(named):
    assert proofs.functions(*named)


@pytest.mark.parametrize(("letter", "n"), [("F", 37), ("I", 28)])
def test_every_line_has_its_proof_or_says_why_not(letter, n):
    names = [name for name in proofs.lines() if name[0] == letter]
    assert names == proofs.chosen([f"{letter}1-{letter}{n}"])


def test_lines_are_chosen_by_name_or_from_one_to_another():
    assert proofs.chosen(["F1-F3", "I7"]) == ["F1", "F2", "F3", "I7"]


def test_a_star_stands_for_every_test_that_begins_so():
    assert proofs.functions("test_proofs.py", "test_a_star_*") == [
        "test_a_star_stands_for_every_test_that_begins_so"
    ]
    assert proofs.functions("test_proofs.py", "test_a_star_stands") == []
