"""The one dictionary of columns."""

import json
import re

import pytest
from astropy.io.votable.ucd import check_ucd
from astropy.units import Unit
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.formats.tree import Tree, load_built_in
from tests.inference.formats.trees import tree_values
from webapp.exports.columns import (
    Kind,
    catalog_columns,
    dictionary_json,
    names_csv,
    vote_columns,
)

DECALS = load_built_in("galaxy-zoo-decals").for_campaign("dr5")
METADATA = {"redshift": Kind.FLOAT64, "Petro R50 (arcsec)": Kind.FLOAT64, "note": Kind.TEXT}
COLUMNS = catalog_columns(DECALS, METADATA, debiased=True)

# ADQL 2.0, section 2.1.2, without DEC, which every catalog of the sky uses as a name.
RESERVED = """
    abs acos area asin atan atan2 box ceiling centroid circle contains coord1 coord2 coordsys cos
    degrees distance exp floor intersects log log10 mod pi point polygon power radians region rand
    round sin sqrt tan top truncate absolute action add all allocate alter and any are as asc
    assertion at authorization avg begin between bit both by cascade case cast catalog char check
    close collate column commit connect constraint continue convert count create cross current
    cursor date day declare default delete desc describe distinct domain double drop else end
    escape except exec execute exists external extract false fetch first float for foreign found
    from full get global go goto grant group having hour identity immediate in index indicator
    initially inner input insert int integer intersect interval into is isolation join key language
    last leading left level like local lower match max min minute module month names national
    natural nchar next no not null numeric octet_length of on only open option or order outer output
    overlaps pad partial position precision prepare preserve primary prior privileges procedure
    public read real references relative restrict revoke right rollback rows schema scroll second
    section select session set size smallint some space sql substring sum system table temporary
    then time timestamp to trailing transaction translate trim true union unique unknown update
    upper usage user using value values varchar varying view when whenever where with work write
    year zone
"""
IN_ORDER = """
    source_id survey_id iau_name ra dec survey n_classifications n_votes_Q votes_Q_A frac_Q_A
    frac_Q_A_lo frac_Q_A_hi wfrac_Q_A post_Q_A post_Q_A_lo post_Q_A_hi asked_Q lead_Q p_Q_A_ml
    ml_model agree_Q tree retired_at retired_reason n_flags data_release quality
"""


def check_names(columns):
    names = [column.name for column in columns]
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name), name
        assert name not in RESERVED.split()
    galaxy_zoo = [column.gz_name or column.name for column in columns]
    assert len(set(galaxy_zoo)) == len(galaxy_zoo)


def test_names_are_those_of_the_summary_catalog_in_its_order():
    names = [column.name for column in catalog_columns(load_built_in("three-class"))]
    question = load_built_in("three-class").questions[0]
    expected = []
    for family in IN_ORDER.split():
        keys = [one.key for one in question.answers] if "_A" in family else [""]
        named = family.replace("_Q", f"_{question.key}".replace("-", "_"))
        expected += [named.replace("_A", f"_{key}".replace("-", "_")) for key in keys]
    assert names == expected


@pytest.mark.parametrize("columns", [COLUMNS, vote_columns()], ids=["catalog", "votes"])
def test_every_column_is_described_in_full(columns):
    check_names(columns)
    for column in columns:
        assert column.description.endswith("."), column.name
        assert re.fullmatch(r"A\d+|I\d+|[FG]\d+\.\d+", column.display), column.name
        assert column.since
        assert column.group
        assert column.family
        if column.group != "metadata":
            assert check_ucd(column.ucd, check_controlled_vocabulary=True), column
        if not column.kind.is_text and column.group != "metadata":
            assert column.low is not None, column.name
        Unit(column.unit)


def test_every_number_and_instant_of_the_catalog_says_what_stands_for_unknown():
    for column in COLUMNS:
        if column.kind.is_float or column.kind == Kind.INSTANT:
            assert column.null, column.name


def test_every_answer_has_its_galaxy_zoo_name():
    called = {column.name: column.gz_name for column in COLUMNS}
    assert called["votes_bar_strong"] == "bar-dr5_strong"
    assert called["frac_bar_strong"] == "bar-dr5_strong_fraction"
    assert called["debiased_bar_strong"] == "bar-dr5_strong_debiased"
    assert called["n_votes_bar"] == "bar-dr5_total-votes"
    assert called["iau_name"] == "iauname"


def test_metadata_keep_the_surveys_own_name_as_their_source():
    (radius,) = [column for column in COLUMNS if column.source == "Petro R50 (arcsec)"]
    assert radius.name == "meta_petro_r50_arcsec"
    assert radius.kind == Kind.FLOAT64


def test_names_that_would_be_the_same_are_told_apart():
    columns = catalog_columns(DECALS, dict.fromkeys(["a b", "A-B", "ä_b", "?", "!"], Kind.TEXT))
    names = [column.name for column in columns if column.group == "metadata"]
    assert names == ["meta_a_b", "meta_a_b_2", "meta_a_b_3", "meta_x", "meta_x_2"]


def test_keys_that_run_into_each_other_are_told_apart():
    answers = [
        {"key": "x", "label": "X", "next": None},
        {"key": "x-lo", "label": "Lo", "next": None},
    ]
    values = {"format": 1, "key": "t", "title": "T", "questions": [
        {"key": "a", "text": "A?", "kind": "single", "answers": answers},
    ]}  # fmt: skip
    columns = catalog_columns(Tree.parse(values))
    check_names(columns)
    assert "frac_a_x_lo" in {column.name for column in columns}


def test_long_keys_are_cut_off_and_told_apart():
    question, answer = "q" * 60, "a" * 58
    answers = [{"key": f"{answer}{n}", "label": "It", "next": None} for n in range(12)]
    values = {"format": 1, "key": "t", "title": "T", "questions": [
        {"key": question, "text": "A?", "kind": "single", "answers": answers},
    ]}  # fmt: skip
    columns = catalog_columns(Tree.parse(values), {"m" * 100: Kind.TEXT}, debiased=True)
    check_names(columns)
    assert f"frac_{'q' * 45}_12_lo" in {column.name for column in columns}


@given(tree_values(), st.dictionaries(st.text(max_size=80), st.sampled_from(Kind), max_size=8))
@settings(max_examples=40)
def test_names_are_good_for_any_tree_and_any_metadata(values, metadata):
    check_names(catalog_columns(Tree.parse(values), metadata, debiased=True))


def test_the_map_of_names_has_one_line_a_column():
    lines = names_csv(COLUMNS).splitlines()
    assert lines[0] == "name,galaxy_zoo_name"
    assert "frac_bar_strong,bar-dr5_strong_fraction" in lines
    assert len(lines) == len(COLUMNS) + 1


def test_the_data_dictionary_is_plain_json():
    assert json.loads(dictionary_json(COLUMNS)) == [column.to_json() for column in COLUMNS]
    column = next(column for column in COLUMNS if column.name == "ra")
    assert column.to_json() == {
        "name": "ra",
        "type": "float64",
        "unit": "deg",
        "ucd": "pos.eq.ra;meta.main",
        "ucd1": "POS_EQ_RA_MAIN",
        "description": "Right ascension, ICRS.",
        "null": "NaN where the position is not known",
        "low": 0,
        "high": 360,
        "display": "F11.7",
        "since": "0.1.0",
        "galaxy_zoo_name": "ra",
    }
