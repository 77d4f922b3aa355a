"""docs/catalog.md says what the dictionary says, and its examples run."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.webapp.exports.evidence import random_evidence
from tests.webapp.exports.writers.tables import write
from webapp.exports import families
from webapp.exports.column import Column, Kind
from webapp.exports.columns import QUALITY, catalog_columns, computed, vote_columns
from webapp.exports.writers import FORMATS

DOCUMENT = Path(__file__).parents[3] / "docs" / "catalog.md"
TEXT = DOCUMENT.read_text()
HEAD = "| column | type | unit | unknown | what it says |\n|---|---|---|---|---|\n"


def line(name, kind, unit, null, words):
    return f"| `{name}` | {kind} | {unit} | {null.replace('|', ' ')} | {words} |\n"


def documented(one):
    if isinstance(one, Column):
        return line(one.name, one.kind, one.unit, one.null, one.description)
    about = {"question": "*q*", "answer": "*a* to *q*"}[one.of]
    name = one.form.format("Q" if one.of == "question" else "Q_A")
    return line(name, one.kind, "", one.null, one.words.format(about))


def catalog_table():
    before = [one for one in families.TREE_FAMILIES if one.is_before_model]
    after = [one for one in families.TREE_FAMILIES if not one.is_before_model]
    rows = [*families.FIRST, *before, *families.MIDDLE, *after, *families.DEBIASED, *families.LAST]
    return HEAD + "".join(map(documented, rows))


def test_the_columns_of_the_catalog_are_documented():
    assert catalog_table() in TEXT, f"Write this into {DOCUMENT.name}:\n{catalog_table()}"


def test_the_columns_of_the_votes_are_documented():
    table = HEAD + "".join(map(documented, vote_columns()))
    assert table in TEXT, f"Write this into {DOCUMENT.name}:\n{table}"


def test_the_bits_of_quality_are_documented():
    table = "| bit | |\n|---|---|\n"
    table += "".join(f"| {bit} | {words} |\n" for bit, words in QUALITY.items())
    assert table in TEXT, f"Write this into {DOCUMENT.name}:\n{table}"


def test_every_format_is_documented():
    for one in FORMATS.values():
        assert re.search(rf"^\| {one.name} \| `{re.escape(one.suffix)}` \|", TEXT, re.MULTILINE)


EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("place", range(len(EXAMPLES)))
def test_the_examples_run(place, tmp_path, monkeypatch, capsys):
    evidence = random_evidence(40, metadata={"redshift": np.linspace(0, 0.2, 40)})
    columns = catalog_columns(evidence.tree, {"redshift": Kind.FLOAT64})
    for key, one in FORMATS.items():
        write(key, tmp_path / f"catalog{one.suffix}", computed(evidence, columns), columns)
    monkeypatch.chdir(tmp_path)
    exec(compile(EXAMPLES[place], f"example {place + 1}", "exec"), {})
    assert capsys.readouterr().out
