import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.formats.card import Calibration, Card, CardRefused, InputSpec, Masks
from inference.formats.golden import Golden
from inference.formats.tree import Tree, load_built_in
from tests.inference.formats.trees import tree_values


def card_of(tree, **fields):
    golden = Golden(seed=1, alpha=((1.5,) * tree.n_answers,) * 4)
    defaults = {
        "model_id": "starter",
        "created_at": "2026-01-31T12:00:00+00:00",
        "tree": tree,
        "input": InputSpec(96, 0.5),
        "alpha_form": "1 + 100 sigmoid",
        "masks": Masks(32, 0.3, 7),
        "golden": golden,
        "calibration": Calibration({tree.questions[0].key: 0.8}, "ab" * 32, 400),
        "aux_names": ("mag_r",),
        "lineage": {"parent": None, "seed": 3},
        "metrics": {"nll": 1.25, "rows": [1, 2.5, None]},
        "training_data": "Votes of Galaxy Zoo 2.\nCite them.",
    }
    return Card(**defaults | fields)


@pytest.fixture
def card():
    return card_of(load_built_in("galaxy-zoo-2"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)  # fmt: skip
objects = st.dictionaries(st.text(max_size=8), json_values, max_size=3)
positive = st.floats(1e-6, 1e6)


@st.composite
def cards(draw):
    tree = Tree.parse(draw(tree_values()))
    keys = [question.key for question in tree.questions]
    row = st.tuples(*[positive] * tree.n_answers)
    calibration = st.builds(
        Calibration,
        st.dictionaries(st.sampled_from(keys), positive),
        st.just("cd" * 32),
        st.integers(0, 10**6),
    )
    return card_of(
        tree,
        input=draw(st.builds(InputSpec, st.integers(16, 1024), st.floats(0.01, 1))),
        masks=draw(
            st.builds(Masks, st.integers(1, 256), st.floats(0, 0.95), st.integers(0, 2**63 - 1))
        ),
        golden=Golden(draw(st.integers(0, 2**63 - 1)), draw(st.tuples(row, row, row, row))),
        cam_exact=draw(st.booleans()),
        calibration=draw(st.none() | calibration),
        aux_names=draw(st.sampled_from([(), ("z",), ("mag_r", "z")])),
        precision=draw(st.sampled_from(["float32", "float16"])),
        lineage=draw(objects),
        metrics=draw(objects),
    )


@given(cards())
def test_a_card_comes_back_from_metadata_as_it_was(card):
    metadata = card.to_metadata()
    assert Card.from_metadata(metadata) == card
    assert Card.from_metadata(metadata).to_metadata() == metadata


def test_metadata_are_texts_in_one_order_whatever_the_order_of_the_fields(card):
    turned = dataclasses.replace(
        card,
        metrics=dict(reversed(card.metrics.items())),
        lineage=dict(reversed(card.lineage.items())),
    )
    metadata = card.to_metadata()
    assert list(metadata.items()) == list(turned.to_metadata().items())
    assert list(metadata) == sorted(metadata)
    assert all(isinstance(text, str) for text in metadata.values())


def test_the_metadata_have_the_keys_of_the_contract(card):
    metadata = card.to_metadata()
    assert metadata["gz.contract"] == "1"
    assert metadata["gz.norm"] == "in the graph"
    assert json.loads(metadata["gz.mc"]) == {"samples": 32, "dropout": 0.3, "seed": 7}
    assert json.loads(metadata["gz.schema"])["sha256"] == card.tree.sha256
    assert json.loads(metadata["gz.input"])["size_px"] == 96


def test_further_metadata_of_a_file_are_left_alone(card):
    assert Card.from_metadata({"producer": "x", **card.to_metadata()}) == card


def test_the_scale_of_a_question_is_that_of_all_its_answers(card):
    kappa = card.kappa()
    assert kappa.shape == (37,)
    first = card.tree.questions[0].span
    assert np.array_equal(np.flatnonzero(kappa == 0.8), list(first))
    assert (np.delete(kappa, list(first)) == 1).all()
    assert (dataclasses.replace(card, calibration=None).kappa() == 1).all()


def changed(card, key, **fields):
    metadata = card.to_metadata()
    metadata[key] = json.dumps(json.loads(metadata[key]) | fields)
    return metadata


@pytest.mark.parametrize(
    ("key", "fields", "words"),
    [
        ("gz.input", {"size_px": 15}, r"gz.input has the size_px 15. Write a whole number from 16"),
        ("gz.input", {"size_px": 96.0}, "size_px 96.0"),
        ("gz.input", {"size_px": True}, "size_px True"),
        ("gz.input", {"crop": 0}, r"the crop 0. Write a number above 0"),
        ("gz.input", {"crop": 1.01}, "the crop 1.01. Write a number 0 to 1"),
        ("gz.input", {"crop": "1"}, "the crop '1'"),
        ("gz.input", {"crop": 10**400}, "the crop 1000"),
        ("gz.input", {"color": "bgr"}, "the color 'bgr'. Write \"rgb\""),
        ("gz.input", {"resampling": "nearest"}, "resampling 'nearest'"),
        ("gz.input", {"precision": "int8"}, 'precision \'int8\'. Write "float32" or "float16"'),
        ("gz.input", {"aux": ["z", "z"]}, "'z' twice among its aux"),
        ("gz.input", {"aux": "z"}, "the aux 'z'"),
        ("gz.mc", {"samples": 0}, "gz.mc has the samples 0"),
        ("gz.mc", {"samples": 257}, "samples 257"),
        ("gz.mc", {"dropout": -0.1}, "dropout -0.1"),
        ("gz.mc", {"seed": -1}, "seed -1"),
        ("gz.cam", {"exact": 1}, "gz.cam has the exact 1. Write true or false"),
        ("gz.golden", {"alpha": None}, "gz.golden has the alpha None"),
        ("gz.golden", {"alpha": [[1.0] * 37] * 3}, "not 4 rows of 37 numbers above 0"),
        ("gz.golden", {"alpha": [[1.0] * 36] * 4}, "not 4 rows of 37 numbers above 0"),
        ("gz.golden", {"alpha": [[1.0] * 36 + [0]] * 4}, "no number above 0"),
        ("gz.golden", {"alpha": [[1.0] * 36 + [True]] * 4}, "no number above 0"),
        ("gz.golden", {"alpha": [[10**400] * 37] * 4}, "no number above 0"),
        ("gz.golden", {"seed": 2**63}, "seed 9223372036854775808"),
        ("gz.calibration", {"scales": {"bar": 0}}, 'scales "bar" by 0. Write a number above 0'),
        ("gz.calibration", {"scales": {"bar": "1"}}, "scales \"bar\" by '1'"),
        ("gz.calibration", {"scales": {"nose": 1}}, "scales 'nose', which is no question"),
        ("gz.calibration", {"scales": [1]}, r"the scales \[1\]"),
        ("gz.calibration", {"n_subjects": -1}, "n_subjects -1"),
        ("gz.schema", {"sha256": "ab" * 32}, "names the tree 'abab.*but holds"),
        ("gz.schema", {"tree": [1]}, "holds no decision tree"),
        ("gz.schema", {"tree": "{}"}, "holds no decision tree"),
    ],
)
def test_a_field_that_is_wrong_is_named(card, key, fields, words):
    with pytest.raises(CardRefused, match=words):
        Card.from_metadata(changed(card, key, **fields))


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("gz.contract", "2", "follows contract '2', and this software knows 1. Update"),
        ("gz.norm", "0 to 1", "gz.norm is '0 to 1'. Put the normalization into the graph"),
        ("gz.created", "yesterday", "created_at 'yesterday'. Write a moment in UTC"),
        ("gz.created", "2026-01-31T12:00:00+02:00", "Write a moment in UTC"),
        ("gz.created", "2026-01-31T12:00:00", "Write a moment in UTC"),
        ("gz.model_id", "", "empty model_id"),
        ("gz.model_id", "a\x1b[31m", "character"),
        ("gz.model_id", "a" * 201, "201 characters"),
        ("gz.licence", "a" * 20_001, "20,001 characters"),
        ("gz.mc", "{", "The card's gz.mc cannot be read. Line 1"),
        ("gz.mc", "[]", "gz.mc cannot be read. The file holds"),
        ("gz.mc", '{"samples": 1, "samples": 2}', "stands twice"),
        ("gz.metrics", '{"nll": NaN}', "gz.metrics cannot be read. The number NaN"),
        ("gz.metrics", '{"nll": 1e999}', "gz.metrics holds a number too large"),
        ("gz.metrics", "[" * 100_000, "nested too deeply"),
        ("gz.lineage", " " * 4_000_001, "larger than 4,000,000 bytes"),
        ("gz.calibration", "", "gz.calibration cannot be read"),
    ],
)
def test_a_text_that_is_wrong_is_named(card, key, text, words):
    with pytest.raises(CardRefused, match=words):
        Card.from_metadata(card.to_metadata() | {key: text})


def test_every_key_but_the_norm_is_needed(card):
    metadata = card.to_metadata()
    for key in metadata:
        rest = {other: text for other, text in metadata.items() if other != key}
        if key == "gz.norm":
            assert Card.from_metadata(rest) == card
        else:
            with pytest.raises(CardRefused, match=f"lack {key}. Export the model"):
                Card.from_metadata(rest)


def test_metadata_of_another_program_are_no_card():
    with pytest.raises(CardRefused, match=r"lack gz.contract. Export the model with `python"):
        Card.from_metadata({"author": "somebody"})


@pytest.mark.parametrize(
    "fields",
    [
        {"metrics": {"nll": math.nan}},
        {"metrics": {"nll": np.float32(1)}},
        {"golden": Golden(1, ())},
        {"created_at": ""},
        {"precision": "int8"},
        {"aux_names": ("z", "z")},
        {"calibration": Calibration({"nose": 1.0}, "ab" * 32, 1)},
    ],
)
def test_a_card_that_nobody_could_read_is_not_written(card, fields):
    with pytest.raises(CardRefused):
        dataclasses.replace(card, **fields).to_metadata()


@pytest.mark.parametrize(
    "make",
    [
        lambda: InputSpec(15),
        lambda: InputSpec(1025),
        lambda: InputSpec(64, 0),
        lambda: InputSpec(64, 1.1),
        lambda: InputSpec(64, math.nan),
        lambda: Masks(0, 0.5, 1),
        lambda: Masks(257, 0.5, 1),
        lambda: Masks(32, 1, 1),
        lambda: Masks(32, math.nan, 1),
        lambda: Masks(32, 0.5, -1),
        lambda: Calibration({"bar": 0.0}, "", 1),
        lambda: Calibration({"bar": math.inf}, "", 1),
        lambda: Calibration({"bar": math.nan}, "", 1),
    ],
)
def test_a_part_out_of_its_range_cannot_be_made(make):
    with pytest.raises(CardRefused, match=r"Use .*\."):
        make()
