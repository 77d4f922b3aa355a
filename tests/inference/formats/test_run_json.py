import dataclasses
import json

import pytest

from inference.formats.card import InputSpec
from inference.formats.run_json import (
    DONE,
    FAILED,
    Request,
    Result,
    RunRefused,
    read_request,
    read_result,
)

AT = "2026-01-31T12:00:00+00:00"
REQUEST = Request(
    run_id="0b9c8f0e-1",
    created_at=AT,
    config={"epochs": 3},
    input=InputSpec(16, 0.5),
    tree_sha256="ab" * 32,
    catalog_sha256="cd" * 32,
    stamps_sha256="ef" * 32,
    training_data="Votes of ours.\nCC BY.",
)
RESULT = Result(DONE, AT, model_sha256="ab" * 32, metrics={"nll": 1.5})


def test_a_request_and_a_result_come_back_from_json():
    assert read_request(json.loads(json.dumps(REQUEST.values()))) == REQUEST
    assert read_result(json.loads(json.dumps(RESULT.values()))) == RESULT


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"format": 2}, r"is of the format 2, and this software knows 1. Update the software"),
        ({"format": None}, "format None"),
        ({"run_id": "../../etc"}, "run_id '../../etc'. Use lower-case letters"),
        ({"run_id": ""}, "empty run_id"),
        ({"created_at": None}, "the created_at None"),
        ({"config": None}, "the config None. Write an object"),
        ({"input": [16, 1]}, r"the input \[16, 1\]"),
        ({"input": {"size_px": 15, "crop": 1}}, "input has the size_px 15"),
        ({"input": {"size_px": 16, "crop": 0}}, "input has the crop 0"),
        ({"input": {"size_px": 16, "crop": 10**400}}, "input has the crop 1000"),
        ({"input": {"size_px": 16, "crop": True}}, "input has the crop True"),
        ({"input": {"size_px": 16}}, "input has the crop None"),
        ({"catalog_sha256": ""}, "empty catalog_sha256"),
        ({"tree_sha256": "ab" * 33}, "66 characters. Shorten it to 64"),
        ({"stamps_sha256": "\x1b[31m"}, "the character"),
        ({"training_data": 1}, "the training_data 1"),
    ],
)
def test_a_request_with_a_wrong_field_is_refused(fields, words):
    with pytest.raises(RunRefused, match=words):
        read_request(REQUEST.values() | fields)


@pytest.mark.parametrize("field", ["run_id", "created_at", "config", "input", "tree_sha256"])
def test_a_request_without_a_field_is_refused(field):
    values = {name: value for name, value in REQUEST.values().items() if name != field}
    with pytest.raises(RunRefused, match=field):
        read_request(values)


def test_a_field_that_a_later_version_adds_is_left_alone():
    assert read_request(REQUEST.values() | {"priority": 3}) == REQUEST


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"format": 9}, "format 9"),
        ({"status": "finished"}, 'Write "done" or "failed" or "cancelled"'),
        ({"finished_at": ""}, "empty finished_at"),
        ({"metrics": [1]}, r"the metrics \[1\]. Write an object"),
        ({"error": "a" * 4_001}, "4,001 characters"),
    ],
)
def test_a_result_with_a_wrong_field_is_refused(fields, words):
    with pytest.raises(RunRefused, match=words):
        read_result(RESULT.values() | fields)


@pytest.mark.parametrize(
    "broken",
    [
        dataclasses.replace(REQUEST, config={"learning_rate": float("nan")}),
        dataclasses.replace(REQUEST, config={"widths": {1, 2}}),
        dataclasses.replace(REQUEST, training_data="a" * 20_001),
        dataclasses.replace(REQUEST, run_id="Run 1"),
        dataclasses.replace(RESULT, status="finished"),
        dataclasses.replace(RESULT, finished_at=""),
        dataclasses.replace(RESULT, metrics={"nll": float("inf")}),
    ],
)
def test_what_nobody_could_read_is_not_made(broken):
    with pytest.raises(RunRefused):
        broken.values()


def test_an_error_that_cannot_be_stored_is_kept_as_far_as_it_can_be():
    error = "\x1b[31mred\udcff\n" + "a" * 10_000
    found = read_result(Result(FAILED, AT, error=error).values()).error
    assert found.startswith("�[31mred�\naaa")
    assert len(found) == 4_000
