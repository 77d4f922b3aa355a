"""docs/proofs.md names tests that there are, and leaves out no line."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "docs" / "proofs.md").read_text()
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w*\*?)`")


@pytest.mark.parametrize("named", sorted(set(NAMED.findall(TEXT))), ids="::".join)
def test_a_proof_is_there(named):
    file, name = named
    ending = r"\w*\(" if name.endswith("*") else r"\("
    beginning = re.escape(name.removesuffix("*"))
    assert re.search(rf"def {beginning}{ending}", (TESTS / file).read_text())


@pytest.mark.parametrize(("letter", "n"), [("F", 37), ("I", 28)])
def test_every_line_has_its_proof_or_says_why_not(letter, n):
    lines = re.findall(rf"^\| {letter}(\d+) \| [^|]+ \| [^|]+ \|$", TEXT, re.MULTILINE)
    assert lines == [str(number) for number in range(1, n + 1)]
