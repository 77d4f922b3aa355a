import pyarrow.parquet as pq
import pytest

from inference.formats.catalog import CatalogRefused, read_catalog, write_catalog
from inference.formats.tree import Tree, load_built_in
from tests.inference.formats.catalogs import catalog_of, check_same, rewrite
from tests.inference.formats.trees import small_tree


@pytest.fixture
def path(tmp_path, menu):
    """A file of four galaxies."""
    write_catalog(catalog_of(menu), tmp_path / "votes.parquet")
    return tmp_path / "votes.parquet"


def test_the_columns_have_the_names_of_the_tree(tmp_path, menu):
    path = tmp_path / "c.parquet"
    write_catalog(catalog_of(menu.for_campaign("dr5")), path)
    names = pq.read_schema(path).names
    assert names[:5] == ["subject_id", "group", "picture", "picture_sha256", "nominal"]
    assert "parts-dr5_ring" in names
    assert "parts-dr5_asked" in names
    assert names[-2:] == ["aux_mag_r", "aux_redshift"]
    check_same(read_catalog(path), catalog_of(menu.for_campaign("dr5")))


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
    metadata = table.schema.metadata
    pq.write_table(table.rename_columns(names).replace_schema_metadata(metadata), path)
    check_same(read_catalog(path), catalog_of(tree))


@pytest.mark.parametrize(
    ("column", "change", "words"),
    [
        ("kind_disk", None, 'no column kind_disk, which the tree "menu" needs: add it, with 0'),
        ("what_asked", None, "no column what_asked"),
        ("subject_id", None, "no column subject_id"),
        ("ra", lambda _: [1] * 4, "the column 'ra', .* take it out, or begin its name with aux_"),
        ("aux_", lambda _: [1] * 4, "the column 'aux_'"),
    ],
)
def test_a_column_that_is_missing_or_unknown_is_named(path, column, change, words):
    rewrite(path, **{column: change})
    with pytest.raises(CatalogRefused, match=words):
        read_catalog(path)


def test_two_columns_of_one_name_are_refused(path):
    table = pq.read_table(path)
    pq.write_table(table.append_column("group", table["group"]), path)
    with pytest.raises(CatalogRefused, match=r"two columns for group, 'group' and 'group'"):
        read_catalog(path)


def test_an_answer_under_two_of_its_names_is_refused(tmp_path):
    tree = load_built_in("galaxy-zoo-2")
    write_catalog(catalog_of(tree), tmp_path / "c.parquet")
    rewrite(tmp_path / "c.parquet", **{"Class1.1": [0] * 4})
    with pytest.raises(CatalogRefused, match=r"two columns for smooth-or-featured_smooth, .*keep"):
        read_catalog(tmp_path / "c.parquet")


def test_a_tree_whose_columns_mean_something_else_is_refused(tmp_path):
    values = small_tree([None, None])
    values["questions"][0]["answers"][1]["key"] = "asked"
    with pytest.raises(CatalogRefused, match=r"q0.asked would have the column q0_asked, which me"):
        write_catalog(catalog_of(Tree.parse(values)), tmp_path / "c.parquet")
    values["questions"][0]["key"] = "aux"
    with pytest.raises(CatalogRefused, match=r"aux.a0 would have the column aux_a0"):
        write_catalog(catalog_of(Tree.parse(values)), tmp_path / "c.parquet")
    assert list(tmp_path.iterdir()) == []
