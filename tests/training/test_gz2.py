import numpy as np
import pytest

from training.errors import DataRefused
from training.gz2 import COUNTED, FULL, NOMINAL_PEOPLE, PARTIAL, read_gz2

HEADER = ",".join(
    f"Class{q}.{a}"
    for q, n in enumerate([3, 2, 2, 2, 4, 2, 3, 7, 3, 3, 6], start=1)
    for a in range(1, n + 1)
)
# The row that the format's description prints: cumulative down the tree, but for Class 6.
ROW = (
    "0.383147,0.616853,0.0,0.0,0.616853,0.038452,0.578401,0.418398,0.198455,0.0,0.104752,0.512101,"
    "0.0,0.054453,0.945547,0.201463,0.181684,0.0,0.0,0.027226,0.0,0.027226,0.0,0.0,0.0,0.0,0.0,0.0,"
    "0.279952,0.138445,0.0,0.0,0.092886,0.0,0.0,0.0,0.325512"
)


@pytest.fixture
def tables(tmp_path):
    """A folder with one row in each table."""

    def write(path, *lines):
        path = tmp_path / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")

    write("gz2_kaggle/votes_full.csv", f"GalaxyID,{HEADER}", f"100008,{ROW}")
    few = "GalaxyID,Class1.1,Class1.2,Class1.3,Class2.1,Class2.2,Class6.1,Class6.2"
    write("gz2_kaggle/votes_partial.csv", few, "1,0.5,0.3,0.2,0.1,0.2,0.25,0.75")
    write("gz2_kaggle_more/votes_partial.csv", few, "2,1,0,0,0,0,0,1")
    write("gz2_stripe82/votes_imaged.csv", "objid")
    return tmp_path


def test_cumulative_fractions_become_a_nominal_number_of_people(tables):
    catalog, kinds = read_gz2(tables)
    tree = catalog.tree

    def asked(key):
        return catalog.asked[0, tree.question(key).index]

    assert list(kinds) == [FULL, PARTIAL, PARTIAL]
    assert asked("smooth-or-featured") == pytest.approx(NOMINAL_PEOPLE, abs=1e-3)
    assert asked("disk-edge-on") == pytest.approx(NOMINAL_PEOPLE * 0.616853, abs=1e-3)
    assert asked("spiral-winding") == pytest.approx(NOMINAL_PEOPLE * 0.418398, abs=1e-3)
    assert asked("something-odd") == pytest.approx(NOMINAL_PEOPLE, abs=1e-3)
    assert asked("odd-feature") == pytest.approx(NOMINAL_PEOPLE * 0.054453, abs=1e-3)
    catalog.check()


def test_class_6_is_asked_of_those_who_saw_no_artifact(tables):
    catalog, _ = read_gz2(tables)
    index = catalog.tree.question("something-odd").index

    assert catalog.asked[1, index] == pytest.approx(NOMINAL_PEOPLE * 0.8)


def test_a_question_without_columns_was_not_asked(tables):
    catalog, _ = read_gz2(tables)
    index = catalog.tree.question("bar").index

    assert catalog.asked[1, index] == 0
    assert catalog.asked[0, index] > 0
    assert catalog.nominal.all()


def test_a_missing_table_and_a_value_that_is_no_number_are_refused(tables):
    path = tables / "gz2_kaggle_more/votes_partial.csv"
    path.write_text(path.read_text().replace("2,1,0", "2,many,0"))
    with pytest.raises(DataRefused, match=r"votes_partial\.csv, line 2: .*'many'"):
        read_gz2(tables)

    path.unlink()
    with pytest.raises(DataRefused, match=r"name the folder that holds gz2_kaggle_more"):
        read_gz2(tables)


def test_the_public_tables_are_read_and_agree_with_the_tree(shared):
    catalog, kinds = read_gz2(shared / "data")

    assert {kind: int((kinds == kind).sum()) for kind in (FULL, PARTIAL, COUNTED)} == {
        FULL: 690,
        PARTIAL: 3719,
        COUNTED: 269,
    }
    catalog.check()
    counted = kinds == COUNTED
    assert (catalog.votes[counted] == np.rint(catalog.votes[counted])).all()
    assert catalog.asked[counted, 0].sum() == 5565  # classifications, as the table's notes say
