"""What stops a table that contradicts itself."""

import numpy as np
import pytest

from tests.webapp.exports.evidence import DECALS, random_evidence
from webapp.exports.columns import Inconsistent, catalog_columns, check, computed

COLUMNS = catalog_columns(DECALS)


@pytest.fixture
def table():
    """Return a table of 20 galaxies, numbered 3, 6, 9…, in which row 4 has people."""
    evidence = random_evidence(20)
    row = int(np.flatnonzero(evidence.n_classifications)[0])
    order = np.arange(20)
    order[[4, row]] = order[[row, 4]]
    found = computed(evidence.part(order), COLUMNS)
    found["source_id"] = np.arange(1, 21) * 3
    return found


def test_what_is_computed_is_consistent(table):
    check(table, COLUMNS)


ROOT = "smooth_or_featured"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ra", 360.0, "less than 360"),
        ("ra", -0.1, "0 or more"),
        ("dec", 90.5, "90 or less"),
        ("source_id", 3, "another row"),
        (f"frac_{ROOT}_smooth", 1.5, "1 or less"),
        (f"frac_{ROOT}_smooth", -0.5, "0 or more"),
        (f"frac_{ROOT}_smooth", np.nan, "it must be known"),
        (f"frac_{ROOT}_smooth", np.inf, "finite"),
        (f"frac_{ROOT}_smooth_lo", 1.0, "lies outside"),
        (f"frac_{ROOT}_smooth_hi", 0.0, "lies outside"),
        (f"votes_{ROOT}_smooth", 99, "another number together"),
        (f"n_votes_{ROOT}", 0, "nobody was asked"),
        ("quality", 999, "255 or less"),
    ],
)
def test_a_contradiction_names_the_galaxy_and_the_column(table, name, value, words):
    table[name] = table[name].copy()
    table[name][4] = value
    with pytest.raises(Inconsistent, match=words) as refused:
        check(table, COLUMNS)
    assert "The galaxy" in str(refused.value)
    assert ROOT in str(refused.value) or name in str(refused.value)


def test_shares_that_are_no_whole_are_found(table):
    share = table[f"frac_{ROOT}_smooth"].copy()
    share[4] += 2e-9 if share[4] < 0.5 else -2e-9
    chosen = {
        name: values
        for name, values in table.items()
        if name.startswith(("frac_", "n_votes")) and not name.endswith(("_lo", "_hi"))
    }
    with pytest.raises(Inconsistent, match=r"Row 5 .* do not sum to 1"):
        check(chosen | {f"frac_{ROOT}_smooth": share}, COLUMNS)


def test_a_choice_of_columns_is_looked_at_as_far_as_it_goes(table):
    check({"ra": table["ra"], "frac_bar_no": table["frac_bar_no"]}, COLUMNS)
    with pytest.raises(Inconsistent, match=r"Row 2 has 400\.0 in ra"):
        check({"ra": np.array([1.0, 400.0])}, COLUMNS)
