"""python -m tests.proofs F1-F16 F23: the tests that docs/proofs.md names for these lines."""

import re
import sys
from pathlib import Path

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "docs" / "proofs.md").read_text()
LINE = re.compile(r"^\| ([FI]\d+) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w*\*?)`")


def lines() -> dict[str, list[tuple[str, str]]]:
    """Return the tests of each line by its name: files below tests/, and names of functions."""
    return {name: NAMED.findall(proofs) for name, proofs in LINE.findall(TEXT)}


def functions(file: str, name: str) -> list[str]:
    """Return the tests of a file that are called so; a star stands for every ending."""
    ending = r"\w*" if name.endswith("*") else ""
    beginning = re.escape(name.removesuffix("*"))
    return re.findall(rf"def ({beginning}{ending})\(", (TESTS / file).read_text())


def chosen(wanted: list[str]) -> list[str]:
    """Return the names of lines, of which "F1-F16" are sixteen."""
    names = []
    for one in wanted:
        first, _, last = one.partition("-")
        numbers = range(int(first[1:]), int((last or first)[1:]) + 1)
        names += [f"{first[0]}{number}" for number in numbers]
    return names


def main() -> None:
    """Print what pytest calls them, each once."""
    tests = [test for name in chosen(sys.argv[1:]) for test in lines()[name]]
    nodes = [f"tests/{file}::{one}" for file, name in tests for one in functions(file, name)]
    print(" ".join(dict.fromkeys(nodes)))


if __name__ == "__main__":
    main()
