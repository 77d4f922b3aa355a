"""Filters: what they keep, how they are written, and what is said of what is none."""

from typing import Any

import numpy as np
import pytest
from django.http import QueryDict
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.webapp.exports.evidence import DECALS, random_evidence
from webapp.exports.columns import Kind, catalog_columns, computed
from webapp.exports.selection import OF_PAGES, Coded, Cone, NotAFilter, Selection

COLUMNS = catalog_columns(DECALS, {"z": Kind.FLOAT64, "class": Kind.TEXT})
BY_NAME = {column.name: column for column in COLUMNS}


def table_of(evidence, names):
    return computed(evidence, [BY_NAME[name] for name in names])


@pytest.fixture(scope="module")
def evidence():
    metadata = {
        "z": np.where(np.arange(60) % 7 == 0, np.nan, np.arange(60) / 100),
        "class": np.array(
            [["", "S|B", "!odd", '""', "E"][number % 5] for number in range(60)], object
        ),
    }
    return random_evidence(60, metadata=metadata)


def kept(evidence, query):
    found = Selection.parse(query, COLUMNS)
    return found.mask(table_of(evidence, found.columns))


numbers = st.floats(-1, 2).map(lambda value: round(value, 3)) | st.integers(-100, 500).map(float)
ends = st.tuples(numbers, numbers).map(sorted)
texts = st.text(max_size=8).filter(lambda text: text == text.strip() and "\x00" not in text)


@settings(max_examples=60)
@given(ends, st.sampled_from(["", "low", "high"]))
def test_a_range_keeps_what_lies_in_it_and_nothing_unknown(evidence, pair, open_end):
    low, high = pair
    text = f"{'' if open_end == 'low' else low}..{'' if open_end == 'high' else high}"
    values = evidence.metadata["z"]
    expected = ~np.isnan(values)
    expected &= True if open_end == "low" else values >= low
    expected &= True if open_end == "high" else values <= high
    np.testing.assert_array_equal(kept(evidence, f"meta_z={text}"), expected)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(["meta_z", "dec"]), ends), max_size=4), st.data())
def test_an_address_read_and_written_is_the_same_selection(pairs, data):
    query = QueryDict(mutable=True)
    for name, (low, high) in pairs:
        query.appendlist(name, f"{min(low, 90)}..{max(high, -90)}")
    chosen = data.draw(st.lists(texts.filter(bool), min_size=1, max_size=4))
    found = Selection.parse(query, COLUMNS)
    again = Selection.parse(found.query, COLUMNS)
    assert again == found
    assert again.query == found.query
    assert chosen


@settings(max_examples=150)
@given(st.lists(texts, min_size=1, max_size=4), st.booleans())
def test_any_text_can_be_asked_for_in_an_address(wanted, is_negated):
    from webapp.exports.conditions import OneOf, read_condition  # noqa: PLC0415

    asked = OneOf("meta_class", tuple(sorted(set(wanted))), is_negated)
    assert read_condition(BY_NAME["meta_class"], asked.text) == asked
    selection = Selection((asked,))
    assert Selection.parse(selection.query, COLUMNS) == selection
    values = np.array([*wanted, "something else entirely"], object)
    expected = [not is_negated] * len(wanted) + [is_negated]
    assert selection.mask({"meta_class": values}).tolist() == expected


unit = st.floats(-1, 1)
positions = st.tuples(st.floats(0, 359.9), st.floats(-90, 90))


def separation_deg(ra, dec, other_ra, other_dec):
    """The angle between positions by Vincenty's formula, which is exact at every distance."""
    ra, dec, other_ra, other_dec = map(np.radians, (ra, dec, other_ra, other_dec))
    across = other_ra - ra
    one = np.cos(other_dec) * np.sin(across)
    two = np.cos(dec) * np.sin(other_dec) - np.sin(dec) * np.cos(other_dec) * np.cos(across)
    three = np.sin(dec) * np.sin(other_dec) + np.cos(dec) * np.cos(other_dec) * np.cos(across)
    return np.degrees(np.arctan2(np.hypot(one, two), three))


@settings(max_examples=150)
@given(positions, positions, st.floats(1e-6, 180))
def test_a_cone_keeps_what_is_near_across_the_poles_and_the_meridian(center, other, radius):
    distance = separation_deg(*center, *other)
    found = Cone(center[0], center[1], radius).mask(np.array([other[0]]), np.array([other[1]]))[0]
    if abs(distance - radius) > 1e-6:
        assert found == (distance < radius)


def test_a_cone_is_exact_below_an_arcsecond_and_leaves_unknown_positions_out():
    cone = Cone.parse("0,10,0.0001")
    ra = np.array([359.99995, 0.00005, 0.0003, np.nan])
    assert cone.mask(ra, np.full(4, 10.0)).tolist() == [True, True, False, False]


def test_conditions_are_all_met(evidence):
    whole = kept(evidence, "meta_z=0.1..0.5&frac_bar_strong=0.2..&cone=180,0,120")
    parts = [kept(evidence, one) for one in ("meta_z=0.1..0.5", "frac_bar_strong=0.2..")]
    np.testing.assert_array_equal(whole, parts[0] & parts[1] & kept(evidence, "cone=180,0,120"))
    assert 0 < kept(evidence, "frac_bar_strong=0.2..").sum() < len(evidence)


def test_a_question_nobody_was_asked_is_never_matched(evidence):
    asked = evidence.asked[:, DECALS.question("bar").index] > 0
    np.testing.assert_array_equal(kept(evidence, "frac_bar_strong=0..1"), asked)
    np.testing.assert_array_equal(kept(evidence, "frac_bar_strong=.."), asked)


def test_the_width_of_an_interval_can_be_asked_for(evidence):
    found = Selection.parse("width_bar_strong=..0.3", COLUMNS)
    assert found.columns == ("post_bar_strong_lo", "post_bar_strong_hi")
    table = table_of(evidence, found.columns)
    width = table["post_bar_strong_hi"] - table["post_bar_strong_lo"]
    np.testing.assert_array_equal(found.mask(table), width <= np.float32(0.3))
    np.testing.assert_array_equal(found.mask({"width_bar_strong": width}), found.mask(table))


def test_certainty_is_the_highest_lower_end_and_disagreement_the_farthest(evidence):
    answers = [answer.key for answer in DECALS.question("bar").answers]
    lows = np.array(list(table_of(evidence, [f"post_bar_{key}_lo" for key in answers]).values()))
    with np.errstate(invalid="ignore"):
        expected = np.fmax.reduce(lows) >= np.float32(0.4)
    np.testing.assert_array_equal(kept(evidence, "certainty_bar=0.4.."), expected)
    assert len(Selection.parse("disagreement=0.1..", COLUMNS).columns) == 3 * DECALS.n_answers
    unsaid = np.isnan(evidence.prior[:, 0]) | (evidence.asked.sum(1) == 0)
    assert not kept(evidence, "disagreement=0..1")[unsaid].any()
    assert kept(evidence, "disagreement=0..1")[~unsaid].all()


def test_texts_are_one_of_some_none_of_them_or_empty(evidence):
    values = evidence.metadata["class"]
    for query, expected in (
        ("meta_class=E", values == "E"),
        ("meta_class=E|S%5C|B", (values == "E") | (values == "S|B")),
        ("meta_class=!E", values != "E"),
        ('meta_class=""', values == ""),
        ('meta_class=!""', values != ""),
        ("meta_class=%5C!odd", values == "!odd"),
        ('meta_class=%5C""', values == '""'),
    ):
        np.testing.assert_array_equal(kept(evidence, query), expected)


def test_texts_stored_as_codes_give_the_same(evidence):
    values = evidence.metadata["class"]
    texts, codes = np.unique(values.astype(str), return_inverse=True)
    coded = Coded(codes, texts.astype(object))
    for text in ("E|!odd", '!""'):
        found = Selection.parse(f"meta_class={text}", COLUMNS)
        np.testing.assert_array_equal(
            found.mask({"meta_class": coded}), found.mask({"meta_class": values})
        )


def test_instants_are_kept_to_the_end_of_the_day_that_is_written(evidence):
    open_ = np.isnat(evidence.retired_at)
    assert (~open_).any()
    for text in ("2026-11-26", "2026..2026-11-26", "..2026", "2026-11-26T10:00:00.000001Z.."):
        np.testing.assert_array_equal(kept(evidence, f"retired_at={text}"), ~open_)
    assert not kept(evidence, "retired_at=2026-11-27..").any()
    np.testing.assert_array_equal(kept(evidence, 'retired_at=""'), open_)


def test_three_state_columns_and_no_value_of_integers():
    found = Selection.parse("agree_bar=..1&n_classifications=0..", COLUMNS)
    least = np.iinfo(np.int32).min
    table: dict[str, NDArray[Any] | Coded] = {
        "agree_bar": np.array([1, 0, -1], np.int16),
        "n_classifications": np.array([1, least, 0], np.int32),
    }
    assert found.mask(table).tolist() == [True, False, True]


def test_pages_own_parts_and_empty_fields_are_no_filters():
    query = "sort=-ra&after=5&columns=ra,dec&view=map&chart=ra&lead_bar=&meta_z=0.1"
    assert Selection.parse(f"?{query}", COLUMNS).query == "meta_z=0.1"
    assert OF_PAGES.isdisjoint(BY_NAME)
    assert Selection.parse("", COLUMNS) == Selection()


def test_words_say_what_is_kept():
    found = Selection.parse(
        'cone=10,-5,0.5&dec=-10..10&meta_z=..0.1&n_classifications=3&retired_reason=!""', COLUMNS
    )
    assert found.words == [
        "dec is -10 to 10 deg",
        "n_classifications is 3",
        "retired_reason is not empty",
        "meta_z is at most 0.1",
        "within 0.5° of RA 10°, Dec -5°",
    ]


@pytest.mark.parametrize(
    ("query", "value", "remedy"),
    [
        ("frac_gone=0.2..", "frac_gone", "take the filter out"),
        ("frac_bar_strnog=0.2..", "frac_bar_strnog", "did you mean frac_bar_strong"),
        ("frac_bar_strong=many", "many", "write a range"),
        ("frac_bar_strong=nan", "nan", "write a range"),
        ("frac_bar_strong=1e999", "1e999", "write a range"),
        ("frac_bar_strong=0.8..0.2", "0.8", "0.2..0.8"),
        ("frac_bar_strong=20..80", "20", "write a lower one"),
        ("n_classifications=..-3", "-3", "write a higher one"),
        ("retired_at=yesterday", "yesterday", "2026-01-01..2026-03-31"),
        ("retired_at=2027..2026", "2027", "the earlier first"),
        ("meta_class=!", "meta_class", '""'),
        ("cone=1,2", "1,2", "cone=180.5,-1.2,0.1"),
        ("cone=1,2,nan", "nan", "more than 0"),
        ("cone=1,95,1", "1,95,1", "-90 to 90"),
        ("cone=1,2,1&cone=1,2,2", "1,2,2", "take one of them out"),
        ("&".join(f"dec=0..{number}" for number in range(61)), "60", "take one out"),
    ],
)
def test_what_is_no_filter_is_refused_with_its_value_and_a_remedy(query, value, remedy):
    with pytest.raises(NotAFilter) as refusal:
        Selection.parse(query, COLUMNS)
    assert value in str(refusal.value)
    assert remedy in str(refusal.value)


def test_the_good_part_of_an_address_is_told_from_the_bad():
    found, refused = Selection.sort_out("frac_gone=0.2..&meta_z=0.1..", COLUMNS)
    assert found.query == "meta_z=0.1.."
    assert [(one.name, one.text) for one in refused] == [("frac_gone", "0.2..")]
