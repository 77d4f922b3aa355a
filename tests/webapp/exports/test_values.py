"""What the columns of the catalog say."""

import dataclasses

import numpy as np
import pytest
from astropy.stats import binom_conf_interval
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.belief.interval import wilson
from inference.belief.posterior import posterior
from inference.formats.tree import Tree, load_built_in
from tests.inference.formats.trees import tree_values
from tests.webapp.exports.evidence import DECALS, random_evidence
from webapp.exports.columns import Kind, catalog_columns, check, computed

COLUMNS = catalog_columns(DECALS)


def place(name):
    return DECALS.answer(name).index


def test_every_column_has_its_type_and_one_value_a_galaxy():
    evidence = random_evidence(20)
    table = computed(evidence, COLUMNS, "r7")
    assert list(table) == [column.name for column in COLUMNS]
    for column in COLUMNS:
        assert table[column.name].dtype == column.kind.dtype, column.name
        assert table[column.name].shape == (20,), column.name
    assert set(table["data_release"]) == {"r7"}
    assert set(table["tree"]) == {DECALS.sha256[:8]}


def test_only_what_is_asked_for_is_computed():
    chosen = [column for column in COLUMNS if column.name in ("ra", "votes_bar_weak")]
    evidence = dataclasses.replace(random_evidence(5), prior=None, weighted=None)
    assert list(computed(evidence, chosen)) == ["ra", "votes_bar_weak"]


def test_no_galaxies_give_empty_columns():
    table = computed(random_evidence(3).part(slice(0, 0)), COLUMNS)
    assert all(len(values) == 0 for values in table.values())
    check(table, COLUMNS)


def test_shares_of_people_are_their_votes_over_those_asked():
    evidence = random_evidence()
    table = computed(evidence, COLUMNS)
    answer = DECALS.answer("bar.strong")
    asked = evidence.asked[:, answer.question]
    for row in range(len(evidence)):
        share, weighted = table["frac_bar_strong"][row], table["wfrac_bar_strong"][row]
        if asked[row]:
            assert share == evidence.votes[row, answer.index] / asked[row]
            assert weighted == np.float32(share)  # everybody weighs a half
        else:
            assert np.isnan(share)
            assert np.isnan(weighted)
            assert table["n_votes_bar"][row] == 0


def test_wilson_intervals_are_those_of_astropy():
    votes, asked = np.array([0, 0, 1, 3, 20, 40, 9, 1]), np.array([0, 5, 1, 12, 40, 40, 10, 1000])
    low, high = wilson(votes, asked)
    known = asked > 0
    expected = binom_conf_interval(votes[known], asked[known], 0.95, interval="wilson")
    assert low[known] == pytest.approx(expected[0], abs=1e-12)
    assert high[known] == pytest.approx(expected[1], abs=1e-12)
    assert np.isnan(low[0])
    assert np.isnan(high[0])


@given(st.integers(1, 10_000_000), st.data())
def test_an_interval_always_holds_its_share(asked, data):
    votes = data.draw(st.integers(0, asked))
    low, high = (end.astype(np.float32)[0] for end in wilson(np.array([votes]), np.array([asked])))
    assert 0 <= low <= votes / asked <= high <= 1


def test_belief_is_the_posterior_of_network_and_weighted_votes():
    evidence = random_evidence()
    table = computed(evidence, COLUMNS)
    said = posterior(DECALS, evidence.weighted, evidence.weighted_asked, prior=evidence.prior)
    known = ~np.isnan(evidence.prior).all(axis=1)
    index = place("bar.weak")
    low, high = said.interval(0.9)
    assert table["post_bar_weak"][known] == pytest.approx(said.mean[known, index], abs=1e-6)
    assert table["post_bar_weak_lo"][known] == pytest.approx(low[known, index], abs=1e-3)
    assert table["post_bar_weak_hi"][known] == pytest.approx(high[known, index], abs=1e-3)
    bar = DECALS.question("bar").index
    assert table["asked_bar"][known] == pytest.approx(said.reached()[known, bar], abs=1e-6)


def test_where_nobody_says_anything_nothing_is_believed():
    evidence = random_evidence(6)
    silent = dataclasses.replace(
        evidence,
        votes=0 * evidence.votes,
        asked=0 * evidence.asked,
        weighted=0 * evidence.weighted,
        weighted_asked=0 * evidence.weighted_asked,
        prior=np.full_like(evidence.prior, np.nan),
    )
    table = computed(silent, COLUMNS)
    for column in COLUMNS:
        if column.kind.is_float and column.group != "galaxy":
            assert np.isnan(table[column.name]).all(), column.name
    assert set(table["lead_bar"]) == {""}
    assert set(table["agree_bar"]) == {-1}


def test_a_network_alone_leads_and_agrees_with_nobody():
    evidence = random_evidence(2)
    prior = np.ones_like(evidence.prior)
    prior[:, place("bar.strong")] = 9
    alone = dataclasses.replace(
        evidence,
        votes=0 * evidence.votes,
        asked=0 * evidence.asked,
        weighted=0 * evidence.weighted,
        weighted_asked=0 * evidence.weighted_asked,
        prior=prior,
    )
    table = computed(alone, COLUMNS)
    assert set(table["lead_bar"]) == {"strong"}
    assert set(table["lead_rare_features"]) == {""}  # a multiple choice that few give
    assert set(table["agree_bar"]) == {-1}
    n = len(DECALS.question("bar").answers)
    assert table["p_bar_strong_ml"] == pytest.approx(9 / (8 + n))


def test_people_and_network_agree_where_the_same_answer_leads():
    evidence = random_evidence(2)
    votes, asked = 0 * evidence.votes, 0 * evidence.asked
    votes[0, place("bar.strong")] = votes[1, place("bar.no")] = 3
    asked[:, DECALS.question("bar").index] = 3
    prior = np.ones_like(evidence.prior)
    prior[:, place("bar.strong")] = 9
    table = computed(dataclasses.replace(evidence, votes=votes, asked=asked, prior=prior), COLUMNS)
    assert table["agree_bar"].tolist() == [1, 0]


def test_positions_give_names_that_are_cut_off():
    ra = np.array([172.4745, 0.0, 359.9999999999, 359.99999999999994, np.nan])
    dec = np.array([-0.07428, 0.0, -89.99999, 90.0, 1.0])
    table = computed(random_evidence(5, ra=ra, dec=dec), COLUMNS)
    assert table["iau_name"].tolist() == [
        "J112953.88-000427.4",
        "J000000.00+000000.0",
        "J235959.99-895959.9",
        "J000000.00+900000.0",
        "",
    ]


def test_instants_are_texts_with_microseconds():
    retired = np.array(["2026-11-26T10:00:00.000001", "NaT"], "datetime64[us]")
    table = computed(random_evidence(2, retired_at=retired), COLUMNS)
    assert table["retired_at"].tolist() == ["2026-11-26T10:00:00.000001Z", ""]


def test_quality_says_what_should_be_known_before_a_row_is_used():
    evidence = random_evidence(
        8,
        ra=np.array([np.nan] + [1.0] * 7),
        dec=np.array([np.nan] + [1.0] * 7),
        n_flags=np.array([0, 1, 0, 0, 0, 0, 0, 0]),
        filled_share=np.array([0, 0, 0.2, 0, 0, 0, 0, 0]),
        retired_reason=np.array(["", "", "", "artifact", "withdrawn", "", "", ""], object),
        n_classifications=np.array([1, 1, 1, 1, 1, 0, 1, 1]),
        is_gold=np.array([False] * 7 + [True]),
        prior=np.array([[1.0] * DECALS.n_answers] * 6 + [[np.nan] * DECALS.n_answers] * 2),
    )
    assert computed(evidence, COLUMNS)["quality"].tolist() == [1, 2, 4, 8, 16, 32, 64, 128 + 64]


def test_metadata_come_by_their_own_names_without_blanks_around():
    metadata = {"z": np.array([0.1, np.nan]), "Note!": np.array([" seen  twice ", ""], object)}
    columns = catalog_columns(DECALS, {"z": Kind.FLOAT64, "Note!": Kind.TEXT})
    table = computed(random_evidence(2, metadata=metadata), columns)
    assert table["meta_z"].tolist() == pytest.approx([0.1, np.nan], nan_ok=True)
    assert table["meta_note"].tolist() == ["seen  twice", ""]


def test_debiased_shares_are_unknown_without_a_correction():
    columns = catalog_columns(DECALS, debiased=True)
    evidence = random_evidence(3)
    assert np.isnan(computed(evidence, columns)["debiased_bar_no"]).all()
    given_ = np.full(evidence.votes.shape, 0.25, np.float32)
    assert set(computed(evidence, columns, debiased=given_)["debiased_bar_no"]) == {0.25}


@given(tree_values(), st.integers(0, 1000))
@settings(max_examples=30)
def test_tables_of_any_tree_are_consistent_and_unasked_shares_unknown(values, seed):
    tree = Tree.parse(values)
    evidence = random_evidence(8, tree, seed, walks=8)
    columns = catalog_columns(tree)
    table = computed(evidence, columns)
    check(table, columns)
    for column in columns:
        if column.family == "frac":
            nobody = evidence.asked[:, column.question] == 0
            assert (np.isnan(table[column.name]) == nobody).all()


def test_a_part_of_the_galaxies_has_the_same_values():
    evidence = random_evidence(30)
    whole, part = computed(evidence, COLUMNS), computed(evidence.part(slice(7, 19)), COLUMNS)
    for name, values in part.items():
        np.testing.assert_array_equal(values, whole[name][7:19])


def test_galaxies_that_no_network_has_seen_are_no_obstacle():
    tree = load_built_in("three-class")
    evidence = random_evidence(5, tree)
    unseen = dataclasses.replace(evidence, prior=np.full_like(evidence.prior, np.nan))
    check(computed(unseen, catalog_columns(tree)), catalog_columns(tree))
