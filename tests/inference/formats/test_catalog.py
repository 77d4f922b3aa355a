import copy
import dataclasses
import json
import math
import random
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inference.formats.catalog import (
    CatalogRefused,
    check_pictures,
    read_catalog,
    write_catalog,
)
from inference.formats.split import split_of
from inference.formats.tree import Tree
from tests.inference.formats.catalogs import catalog_of, check_same, rewrite
from tests.inference.formats.conftest import MENU


@pytest.fixture
def path(tmp_path, menu):
    """A file of four galaxies."""
    write_catalog(catalog_of(menu), tmp_path / "votes.parquet")
    return tmp_path / "votes.parquet"


def relabeled(path, change):
    """Change the JSON about a catalog that its file carries."""
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"tuning-fork"])
    changed = json.dumps(change(about)).encode()
    pq.write_table(table.replace_schema_metadata({b"tuning-fork": changed}), path)


# What comes back.


def test_a_catalog_comes_back_as_it_was(path, menu):
    found = read_catalog(path)
    check_same(found, catalog_of(menu))
    assert len(found) == 4
    assert found.votes.dtype == found.asked.dtype == found.aux.dtype == np.float32
    assert math.isnan(found.aux[0, 1])


def test_the_order_of_the_rows_is_kept(tmp_path, menu):
    turned = catalog_of(menu, 50).take(np.arange(50)[::-1])
    write_catalog(turned, tmp_path / "c.parquet")
    check_same(read_catalog(tmp_path / "c.parquet"), turned)


def test_a_catalog_without_galaxies_is_one(tmp_path, menu):
    write_catalog(catalog_of(menu, 0), tmp_path / "c.parquet")
    assert read_catalog(tmp_path / "c.parquet").votes.shape == (0, menu.n_answers)


def test_further_columns_are_empty_where_a_value_is_missing(path):
    assert pq.read_table(path)["aux_redshift"].to_pylist() == [None, 3.0, 5.0, 7.0]


def test_groups_hashes_and_nominal_may_be_left_out(path):
    rewrite(path, group=None, picture_sha256=None, nominal=None, aux_mag_r=None, aux_redshift=None)
    found = read_catalog(path)
    assert found.groups == found.subject_ids
    assert found.picture_sha256s == ("",) * 4
    assert not found.nominal.any()
    assert found.aux is None


@pytest.mark.parametrize(
    "kind",
    [pa.int8(), pa.uint16(), pa.int64(), pa.float16(), pa.float64(), pa.decimal128(9, 2)],
    ids=str,
)
def test_votes_of_any_type_of_number_are_read(path, menu, kind):
    make: Any = {pa.float16(): np.float16, pa.decimal128(9, 2): lambda v: Decimal(int(v))}.get(
        kind, int
    )
    rewrite(path, kind_disk=lambda values: pa.array([make(v) for v in values], kind))
    check_same(read_catalog(path), catalog_of(menu))


def test_texts_of_other_types_are_read(path, menu):
    ids = pa.array([f"galaxy-{number}" for number in range(4)])
    rewrite(
        path, subject_id=ids.dictionary_encode(), group=lambda v: pa.array(v, pa.large_string())
    )
    check_same(read_catalog(path), catalog_of(menu))


def test_the_galaxies_at_some_places_keep_all_that_is_theirs(menu):
    whole = catalog_of(menu, 6)
    part = whole.take(np.array([4, 1]))
    assert part.subject_ids == ("galaxy-4", "galaxy-1")
    assert part.groups == ("field-2", "field-0")
    assert part.pictures[0] == "pictures/galaxy-4.jpg"
    assert part.picture_sha256s[1] == whole.picture_sha256s[1]
    assert np.array_equal(part.votes[1], whole.votes[1])
    assert np.array_equal(part.asked[0], whole.asked[4])
    assert np.array_equal(part.aux[0], whole.aux[4])
    assert part.nominal.tolist() == [False, True]


def test_what_is_grouped_is_not_split(menu):
    catalog = catalog_of(menu, 40)
    splits = catalog.splits()
    assert splits.tolist() == [split_of(f"field-{number // 2}") for number in range(40)]
    assert (splits[::2] == splits[1::2]).all()
    assert len(set(splits)) > 1


# Another version of the tree.


QUESTIONS: Any = MENU["questions"]


def without(key):
    """Return the menu without one answer of its first question."""
    values = copy.deepcopy(QUESTIONS)
    values[0]["answers"] = [a for a in reversed(values[0]["answers"]) if a["key"] != key]
    return Tree.parse(MENU | {"questions": values})


def test_votes_are_carried_to_another_tree_by_key(path, menu):
    newer = without(None)
    found = read_catalog(path, tree=newer)
    assert found.tree == newer
    assert np.array_equal(found.votes[:, [2, 1, 0]], catalog_of(menu).votes[:, :3])
    assert np.array_equal(found.votes[:, 3:], catalog_of(menu).votes[:, 3:])
    assert np.array_equal(found.asked, catalog_of(menu).asked)
    found.check()


def test_votes_for_an_answer_that_is_gone_are_refused(path):
    with pytest.raises(CatalogRefused, match=r'votes for kind.bad.*tree "menu" does not have'):
        read_catalog(path, tree=without("bad"))


def test_an_answer_without_votes_may_be_gone(menu):
    catalog = catalog_of(menu)
    catalog.asked[:, 0] -= catalog.votes[:, 2]
    catalog.votes[:, 2] = 0
    assert catalog.carried_to(without("bad")).votes.shape == (4, menu.n_answers - 1)


def test_a_question_of_another_kind_is_refused(menu):
    values = copy.deepcopy(QUESTIONS)
    del values[-1]["next"]
    answers = [{"key": key, "label": key, "next": None} for key in ("friend", "none")]
    values[-1] |= {"kind": "single", "answers": answers}
    tree = Tree.parse(MENU | {"questions": values})
    with pytest.raises(CatalogRefused, match=r'"more" as a multiple-choice question.*own tree'):
        catalog_of(menu, 20).carried_to(tree)


# A file that is none.


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda about: {**about, "format": 2}, "format 2, and this software knows 1: update"),
        (lambda about: {"tree": about["tree"]}, "format None"),
        (lambda about: {"format": 1}, "carries no tree that can be used"),
        (lambda about: {"format": 1, "tree": [1]}, "carries no tree that can be used"),
        (lambda about: [about], "carries no tree that can be used.*not a JSON object"),
    ],
)
def test_a_catalog_without_a_usable_tree_is_refused(path, change, words):
    relabeled(path, change)
    with pytest.raises(CatalogRefused, match=words):
        read_catalog(path)


def test_a_table_that_says_nothing_of_a_tree_is_refused(path):
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    with pytest.raises(CatalogRefused, match=r"does not say which decision tree"):
        read_catalog(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"subject_id,group\n1,2\n", b"\0" * 5000])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "c.parquet").write_bytes(content)
    with pytest.raises(CatalogRefused, match=r"c.parquet is no Parquet file that can be read \("):
        read_catalog(tmp_path / "c.parquet")


def test_more_galaxies_than_memory_has_room_for_are_refused(path, monkeypatch):
    monkeypatch.setattr("inference.formats.catalog.MAX_GALAXIES", 3)
    with pytest.raises(CatalogRefused, match=r"has 4 galaxies: use at most 3"):
        read_catalog(path)


def test_texts_that_are_no_utf_8_are_refused(path):
    offsets = pa.array([0, 1, 2, 3, 4], pa.int32()).buffers()[1]
    ids = pa.StringArray.from_buffers(4, offsets, pa.py_buffer(b"ab\xffd"))
    rewrite(path, subject_id=ids)
    with pytest.raises(CatalogRefused, match=r"Invalid UTF8"):
        read_catalog(path)


def test_a_column_whose_name_is_no_utf_8_is_refused(path):
    path.write_bytes(path.read_bytes().replace(b"aux_mag_r", b"aux_mag_\xff"))
    with pytest.raises(CatalogRefused, match=r"no Parquet file that can be read"):
        read_catalog(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(CatalogRefused, match=r"No such file or directory"):
        read_catalog(tmp_path / "none")
    with pytest.raises(CatalogRefused, match=r"Is a directory"):
        read_catalog(tmp_path)


def test_a_file_cut_off_anywhere_is_refused(path):
    data = path.read_bytes()
    for kept in range(0, len(data), 97):
        path.write_bytes(data[:kept])
        with pytest.raises(CatalogRefused):
            read_catalog(path)


def test_a_flipped_bit_is_refused_or_changes_nothing(path, menu):
    data, chance = path.read_bytes(), random.Random(0)
    n_refused = 0
    for place in chance.sample(range(len(data)), 200):
        damaged = bytearray(data)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            found = read_catalog(path)
        except CatalogRefused:
            n_refused += 1
        else:
            assert np.array_equal(found.votes, catalog_of(menu).votes)
    assert n_refused > 50


# Writing.


def test_a_catalog_that_contradicts_itself_is_not_written(path, menu):
    before, broken = path.read_bytes(), catalog_of(menu)
    broken.votes[0, 0] = np.nan
    with pytest.raises(CatalogRefused):
        write_catalog(broken, path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["votes.parquet"]


def test_a_folder_that_is_not_there_is_refused(tmp_path, menu):
    with pytest.raises(CatalogRefused, match=r"cannot be written \(No such file"):
        write_catalog(catalog_of(menu), tmp_path / "none" / "c.parquet")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("groups", ("a",)),
        ("pictures", ()),
        ("picture_sha256s", ("",) * 5),
        ("votes", np.zeros((4, 10), np.float32)),
        ("asked", np.zeros((4, 4), np.float32)),
        ("nominal", np.zeros(3, np.bool_)),
        ("aux", None),
        ("aux_names", ("only-one",)),
    ],
)
def test_arrays_of_other_shapes_are_refused(menu, name, value):
    catalog = dataclasses.replace(catalog_of(menu), **{name: value})
    with pytest.raises(CatalogRefused, match=f"The {name if name != 'aux_names' else 'aux'} of 4"):
        catalog.check()


# The pictures.


@pytest.fixture
def pictured(tmp_path, menu):
    """A catalog whose pictures are in tmp_path, with a hash of the last."""
    (tmp_path / "pictures").mkdir()
    catalog = catalog_of(menu)
    for name in catalog.pictures:
        (tmp_path / name).write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    return dataclasses.replace(catalog, picture_sha256s=("", "", "", empty))


def test_pictures_that_are_there_are_fine(pictured, tmp_path):
    check_pictures(pictured, tmp_path)


def test_missing_pictures_are_counted_and_the_first_is_named(pictured, tmp_path):
    for number in (1, 3):
        (tmp_path / f"pictures/galaxy-{number}.jpg").unlink()
    with pytest.raises(CatalogRefused, match=r"2 of the catalog's 4 pictures .*'pictures/galaxy-1"):
        check_pictures(pictured, tmp_path)


def test_another_picture_under_the_name_is_refused(pictured, tmp_path):
    (tmp_path / "pictures/galaxy-3.jpg").write_bytes(b"other")
    with pytest.raises(
        CatalogRefused, match=r"galaxy-3.jpg' has the SHA-256 .* expects e3b0c44298f"
    ):
        check_pictures(pictured, tmp_path)
