"""The network that ships: it is whole, small, says where it comes from, and sees galaxies."""

import csv
import re

import numpy as np
import pytest

from inference.belief.dirichlet import fractions
from inference.formats.tree import load_built_in
from inference.vision.preprocess import read_stamp
from inference.vision.session import ALPHA, Session


@pytest.fixture(scope="module")
def starter(pytestconfig):
    return pytestconfig.rootpath / "inference" / "models" / "starter.onnx"


@pytest.fixture(scope="module")
def session(starter):
    return Session.open(starter, gpu="off", threads=1, warm=False)


def test_the_file_is_small_and_proves_itself(starter, session):
    assert starter.stat().st_size <= 6_000_000
    assert session.card.tree == load_built_in("galaxy-zoo-2")
    assert session.card.masks.samples == 32


def test_the_card_cites_its_sources_and_says_that_counts_are_nominal(session):
    words = session.card.training_data

    for word in ("Willett et al. 2013", "Sloan Digital Sky Survey", "nominal 40", "not as counts"):
        assert word in words
    assert set(session.card.calibration.scales) == {q.key for q in session.card.tree.questions}
    assert session.card.metrics["full"]["rmse"]["value"] <= 0.15


def test_the_card_for_people_is_of_this_file(starter, session):
    text = starter.with_name("starter-card.md").read_text()

    assert re.search(r"SHA-256 `(\w+)`", text)[1] == session.sha256
    measured = session.card.metrics["full"]["rmse"]["value"]
    assert f"| smooth-or-featured | 690 | {measured:.3f} (" in text


def test_it_sees_what_the_crowd_saw(session, shared):
    folder = shared / "data" / "gz2_stripe82"
    with (folder / "votes_imaged.csv").open() as file:
        rows = list(csv.DictReader(file))[::4]
    answers = session.card.tree.questions[0].answers
    counts = np.array([[int(row[f"{a.aliases[1]}_count"]) for a in answers] for row in rows])
    pictures = [folder / "images" / f"{row['objid']}.jpg" for row in rows]

    alpha = session.run(np.stack([read_stamp(p, session.card.input) for p in pictures]))[ALPHA]

    expected = fractions(alpha, session.card.tree)[:, :3]
    seen = counts / counts.sum(axis=1, keepdims=True)
    assert np.sqrt(((expected - seen) ** 2).mean()) < 0.2
    assert (expected.argmax(1) == seen.argmax(1)).mean() > 0.75
