import json
import math
import random
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.formats.catalog import (
    Catalog,
    CatalogRefused,
    check_pictures,
    read_catalog,
    write_catalog,
)
from inference.formats.split import split_of
from inference.formats.tree import Tree, load_built_in
from tests.inference.formats.catalogs import at, catalog_of, crowd, rewrite
from tests.inference.formats.conftest import MENU
from tests.inference.formats.trees import small_tree, tree_values


@pytest.fixture
def path(tmp_path, menu):
    """A file of four galaxies."""
    write_catalog(catalog_of(menu), tmp_path / "votes.parquet")
    return tmp_path / "votes.parquet"


def same(one, two):
    for name in ("tree", "subject_ids", "groups", "pictures", "picture_sha256s", "aux_names"):
        assert getattr(one, name) == getattr(two, name)
    for name in ("votes", "asked", "nominal", "aux"):
        assert getattr(one, name).dtype == getattr(two, name).dtype
        assert np.array_equal(getattr(one, name), getattr(two, name), equal_nan=name == "aux")
    return True


def relabeled(path, change):
    """Change the JSON about a catalog that its file carries."""
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"tuning-fork"])
    changed = json.dumps(change(about)).encode()
    pq.write_table(table.replace_schema_metadata({b"tuning-fork": changed}), path)


# What comes back.


def test_a_catalog_comes_back_as_it_was(path, menu):
    found = read_catalog(path)
    assert same(found, catalog_of(menu))
    assert len(found) == 4
    assert found.votes.dtype == found.asked.dtype == found.aux.dtype == np.float32
    assert math.isnan(found.aux[0, 1])


def test_the_order_of_the_rows_is_kept(tmp_path, menu):
    turned = catalog_of(menu, 50).take(np.arange(50)[::-1])
    write_catalog(turned, tmp_path / "c.parquet")
    assert same(read_catalog(tmp_path / "c.parquet"), turned)


def test_a_catalog_without_galaxies_is_one(tmp_path, menu):
    write_catalog(catalog_of(menu, 0), tmp_path / "c.parquet")
    assert read_catalog(tmp_path / "c.parquet").votes.shape == (0, menu.n_answers)


@given(tree_values(), st.integers(0, 10**6))
def test_no_crowd_that_walks_through_a_tree_is_refused(values, seed):
    catalog_of(Tree.parse(values), seed=seed).check()


def test_the_columns_have_the_names_of_the_tree(tmp_path, menu):
    path = tmp_path / "c.parquet"
    write_catalog(catalog_of(menu.for_campaign("dr5")), path)
    names = pq.read_schema(path).names
    assert names[:5] == ["subject_id", "group", "picture", "picture_sha256", "nominal"]
    assert "parts-dr5_ring" in names
    assert "parts-dr5_asked" in names
    assert names[-2:] == ["aux_mag_r", "aux_redshift"]
    assert same(read_catalog(path), catalog_of(menu.for_campaign("dr5")))


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
    column = "kind_disk"
    values = [Decimal(int(v)) for v in pq.read_table(path)[column].to_pylist()]
    if not pa.types.is_decimal(kind):
        values = [np.float16(v) if kind == pa.float16() else int(v) for v in values]
    rewrite(path, kind_disk=pa.array(values, kind))
    assert same(read_catalog(path), catalog_of(menu))


def test_texts_of_other_types_are_read(path, menu):
    ids = pa.array([f"galaxy-{number}" for number in range(4)])
    rewrite(path, subject_id=ids.dictionary_encode(), group=lambda v: pa.array(v, pa.large_string()))
    assert same(read_catalog(path), catalog_of(menu))


def test_a_column_may_have_another_name_of_its_answer(tmp_path):
    tree = load_built_in("galaxy-zoo-2")
    path = tmp_path / "c.parquet"
    write_catalog(catalog_of(tree), path)
    table = pq.read_table(path)
    names = [
        answer.aliases[0] if (answer := tree.answer_of_column(name)) else name
        for name in table.column_names
    ]
    assert "Class11.6" in names
    pq.write_table(table.rename_columns(names), path)
    assert same(read_catalog(path), catalog_of(tree))


def test_a_galaxy_without_the_first_question_may_have_others(menu):
    catalog = catalog_of(menu)
    catalog.votes[:, menu.questions[0].span] = 0
    catalog.asked[:, 0] = 0
    catalog.check()


def test_a_question_that_is_not_known_passes_on_who_came_to_it(menu):
    catalog = catalog_of(menu)
    through = menu.question("odd")
    catalog.votes[:, list(through.span)] = 0
    catalog.asked[:, through.index] = 0
    catalog.check()
    catalog.asked[0, menu.question("what").index] = 9.5
    with pytest.raises(CatalogRefused, match="9.5 people in what_asked, but at most"):
        catalog.check()


def test_fractions_of_people_may_be_rounded(menu):
    catalog = catalog_of(menu)
    catalog.asked[:, 0] *= 1.0005
    catalog.check()
    catalog.asked[:, 0] *= 1.01
    with pytest.raises(CatalogRefused, match="everybody who is asked gives one answer"):
        catalog.check()


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


def without(key):
    """Return the menu without one answer of its first question."""
    kind, *rest = MENU["questions"]
    kept = [answer for answer in reversed(kind["answers"]) if answer["key"] != key]
    return Tree.parse(MENU | {"questions": [kind | {"answers": kept}, *rest]})


def test_votes_are_carried_to_another_tree_by_key(path, menu):
    newer = without(None)
    found = read_catalog(path, tree=newer)
    assert found.tree == newer
    assert np.array_equal(found.votes[:, [2, 1, 0]], catalog_of(menu).votes[:, :3])
    assert np.array_equal(found.votes[:, 3:], catalog_of(menu).votes[:, 3:])
    assert np.array_equal(found.asked, catalog_of(menu).asked)
    found.check()


def test_votes_for_an_answer_that_is_gone_are_refused(path):
    with pytest.raises(CatalogRefused, match='votes for kind.bad.*tree "menu" does not have'):
        read_catalog(path, tree=without("bad"))


def test_an_answer_without_votes_may_be_gone(menu):
    catalog = catalog_of(menu)
    catalog.asked[:, 0] -= catalog.votes[:, 2]
    catalog.votes[:, 2] = 0
    assert catalog.carried_to(without("bad")).votes.shape == (4, menu.n_answers - 1)


def test_a_question_of_another_kind_is_refused(menu):
    last = MENU["questions"][-1] | {"kind": "single"}
    del last["next"]
    last["answers"] = [{"key": k, "label": k, "next": None} for k in ("friend", "none")]
    tree = Tree.parse(MENU | {"questions": [*MENU["questions"][:-1], last]})
    with pytest.raises(CatalogRefused, match='"more" as a multiple-choice question.*own tree'):
        catalog_of(menu, 20).carried_to(tree)


# What is refused: the galaxy, the column, the value and the remedy are named.


@pytest.mark.parametrize(
    ("column", "change", "words"),
    [
        ("kind_disk", at(1, math.nan), "galaxy 'galaxy-1' has nan in kind_disk: write a number"),
        ("kind_disk", at(1, math.inf), "galaxy 'galaxy-1' has inf in kind_disk"),
        ("kind_disk", at(1, 1e300), "galaxy 'galaxy-1' has inf in kind_disk"),
        ("kind_disk", at(1, -math.inf), "galaxy 'galaxy-1' has -inf in kind_disk"),
        ("kind_disk", at(2, -1.0), "galaxy 'galaxy-2' has -1 in kind_disk.*from 0 to 10,000,000"),
        ("kind_disk", at(2, 2e7), "has 2e.07 in kind_disk"),
        ("kind_disk", at(2, 99.0), r"'galaxy-2' has 10\d answers to \"kind\", but 9 .*kind_asked"),
        ("kind_disk", at(3, None), "row 4, galaxy 'galaxy-3', has no value in the column kind_disk"),
        ("kind_disk", lambda v: [str(x) for x in v], "has string in the column kind_disk: write n"),
        ("kind_disk", lambda v: [x > 2 for x in v], "has bool in the column kind_disk: write numb"),
        ("kind_asked", at(0, math.nan), "galaxy 'galaxy-0' has nan in kind_asked"),
        ("kind_asked", at(0, -2.0), "galaxy 'galaxy-0' has -2 in kind_asked"),
        ("kind_asked", at(0, 0.0), "'galaxy-0' has 9 answers to \"kind\", but 0 people"),
        ("parts_bar", at(0, 50.0), "'galaxy-0' has 50 people in parts_bar, but .* in parts_asked"),
        ("parts_asked", at(1, 9.5), "'galaxy-1' has 9.5 people in parts_asked, but at most"),
        ("subject_id", at(2, "galaxy-0"), "galaxy 'galaxy-0' stands in the catalog twice: keep one"),
        ("subject_id", at(2, ""), "Galaxy 3 has the subject_id '': write one"),
        ("subject_id", at(2, None), "row 3, galaxy None, has no value in the column subject_id"),
        ("subject_id", at(2, "a\nb"), r"Galaxy 3 has the subject_id 'a\\nb': take the characters"),
        ("subject_id", at(2, "a\0b"), r"subject_id 'a\\x00b'"),
        ("subject_id", at(2, "a" * 1001), "shorten it to 1,000 characters"),
        ("subject_id", lambda v: [*range(4)], "has int64 in the column subject_id: write texts"),
        ("group", at(1, ""), "'galaxy-1' has the group '': write one"),
        ("picture", at(1, ""), "'galaxy-1' has the picture '': write one"),
        ("picture", at(1, "../a.jpg"), "picture '../a.jpg': write a path inside the catalog's fol"),
        ("picture", at(1, "a/.."), "picture 'a/..': write a path"),
        ("picture", at(1, "a\\..\\b"), "write a path inside"),
        ("picture", at(1, "/etc/passwd"), "picture '/etc/passwd': write a path inside"),
        ("picture", at(1, "\\\\host\\a"), "write a path inside"),
        ("picture", at(1, "C:\\a.jpg"), "write a path inside"),
        ("picture_sha256", at(1, "abc"), "picture_sha256 'abc': write 64 digits"),
        ("picture_sha256", at(1, "A" * 64), "write 64 digits 0-9a-f, or leave it empty"),
        ("nominal", lambda v: [0, 1, 0, 1], "has int64 in the column nominal: write true and fal"),
        ("nominal", at(1, None), "has no value in the column nominal"),
        ("aux_mag_r", at(1, math.inf), "'galaxy-1' has an infinite aux_mag_r: leave it empty"),
        ("aux_mag_r", lambda v: ["a"] * 4, "has string in the column aux_mag_r"),
        ("kind_disk", None, 'no column kind_disk, which the tree "menu" needs: add it, with 0'),
        ("what_asked", None, "no column what_asked"),
        ("subject_id", None, "no column subject_id"),
        ("kind_disc", lambda _: [1] * 4, "'kind_disc', which is no answer of .* write kind_disk if"),
        ("ra", lambda _: [1] * 4, "the column 'ra', .* take it out, or begin its name with aux_"),
        ("aux_", lambda _: [1] * 4, "the column 'aux_'"),
    ],
)
def test_a_catalog_that_contradicts_itself_is_refused(path, column, change, words):
    table = pq.read_table(path)
    values = None if change is None else change([None] * 4)
    if column in table.column_names and change is not None:
        values = change(table[column].to_pylist())
    rewrite(path, **{column: values})
    with pytest.raises(CatalogRefused, match=words) as refusal:
        read_catalog(path)
    assert str(refusal.value).endswith(".")
    assert "\n" not in str(refusal.value)


def test_names_that_are_no_trap_are_read(path):
    rewrite(path, picture=["a..b.jpg", "J12:34:56.jpg", "a b/ü☆.png", "..a/...jpg"])
    assert read_catalog(path).pictures[3] == "..a/...jpg"


def test_two_columns_of_one_name_are_refused(path):
    table = pq.read_table(path)
    pq.write_table(table.append_column("group", table["group"]), path)
    with pytest.raises(CatalogRefused, match="two columns for group, 'group' and 'group'"):
        read_catalog(path)


def test_an_answer_under_two_of_its_names_is_refused(tmp_path):
    tree = load_built_in("galaxy-zoo-2")
    write_catalog(catalog_of(tree), tmp_path / "c.parquet")
    rewrite(tmp_path / "c.parquet", **{"Class1.1": [0] * 4})
    with pytest.raises(CatalogRefused, match="two columns for smooth-or-featured_smooth, .*keep"):
        read_catalog(tmp_path / "c.parquet")


def test_a_tree_whose_columns_mean_something_else_is_refused(tmp_path):
    values = small_tree([None, None])
    values["questions"][0]["answers"][1]["key"] = "asked"
    with pytest.raises(CatalogRefused, match="q0.asked would have the column q0_asked, which me"):
        write_catalog(catalog_of(Tree.parse(values)), tmp_path / "c.parquet")
    values["questions"][0]["key"] = "aux"
    with pytest.raises(CatalogRefused, match="aux.a0 would have the column aux_a0"):
        write_catalog(catalog_of(Tree.parse(values)), tmp_path / "c.parquet")
    assert list(tmp_path.iterdir()) == []


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
    with pytest.raises(CatalogRefused, match="does not say which decision tree"):
        read_catalog(path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"subject_id,group\n1,2\n", b"\0" * 5000])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "c.parquet").write_bytes(content)
    with pytest.raises(CatalogRefused, match=r"c.parquet is no Parquet file that can be read \("):
        read_catalog(tmp_path / "c.parquet")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(CatalogRefused, match="No such file or directory"):
        read_catalog(tmp_path / "none")
    with pytest.raises(CatalogRefused, match="Is a directory"):
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
    whole = catalog_of(menu)
    parts = {field: getattr(whole, field) for field in whole.__dataclass_fields__}
    with pytest.raises(CatalogRefused, match=f"The {name if name != 'aux_names' else 'aux'} of 4"):
        Catalog(**parts | {name: value}).check()


def test_a_name_that_utf_8_does_not_have_is_refused(menu):
    whole = catalog_of(menu)
    parts = {field: getattr(whole, field) for field in whole.__dataclass_fields__}
    parts["pictures"] = ("a", "b\udcff", "c", "d")
    with pytest.raises(CatalogRefused, match=r"'galaxy-1' has the picture 'b\\udcff'.*UTF-8"):
        Catalog(**parts).check()


# The pictures.


@pytest.fixture
def pictured(tmp_path, menu):
    """A catalog whose pictures are in tmp_path, with a hash of the last."""
    (tmp_path / "pictures").mkdir()
    catalog = catalog_of(menu)
    for name in catalog.pictures:
        (tmp_path / name).write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    parts = {field: getattr(catalog, field) for field in catalog.__dataclass_fields__}
    return Catalog(**parts | {"picture_sha256s": ("", "", "", empty)})


def test_pictures_that_are_there_are_fine(pictured, tmp_path):
    check_pictures(pictured, tmp_path)


def test_missing_pictures_are_counted_and_the_first_is_named(pictured, tmp_path):
    for number in (1, 3):
        (tmp_path / f"pictures/galaxy-{number}.jpg").unlink()
    with pytest.raises(CatalogRefused, match="2 of the catalog's 4 pictures .*'pictures/galaxy-1"):
        check_pictures(pictured, tmp_path)


def test_another_picture_under_the_name_is_refused(pictured, tmp_path):
    (tmp_path / "pictures/galaxy-3.jpg").write_bytes(b"other")
    with pytest.raises(CatalogRefused, match="galaxy-3.jpg' has the SHA-256 .* expects e3b0c44298f"):
        check_pictures(pictured, tmp_path)


# Real votes.


@pytest.mark.slow
def test_a_million_galaxies_are_checked_in_seconds(menu):
    chance = random.Random(0)
    n, votes, asked = 1_000_000, *crowd(menu, chance)
    ids = tuple(str(number) for number in range(n))
    catalog = Catalog(
        tree=menu,
        subject_ids=ids,
        groups=ids,
        pictures=ids,
        picture_sha256s=("ab" * 32,) * n,
        votes=np.tile(votes, (n, 1)),
        asked=np.tile(asked, (n, 1)),
        nominal=np.zeros(n, np.bool_),
    )
    catalog.check()
