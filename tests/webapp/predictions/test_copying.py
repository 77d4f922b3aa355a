"""COPY's binary format: what goes in comes out."""

import numpy as np
import pytest

from tests import make
from webapp.predictions import fields, services
from webapp.predictions.models import Prediction
from webapp.predictions.said import Said

pytestmark = pytest.mark.django_db


def test_rows_come_out_as_they_went_in():
    rng = np.random.default_rng(1)
    galaxies, model = make.subjects(5), make.model()
    concentrations = rng.gamma(2, 5, (5, 37)).astype(np.float32)
    ignorance = rng.random(5).astype(np.float32)
    embedding = rng.normal(size=(5, 128)).astype(np.float16)
    said = Said(concentrations, ignorance, embedding, (None,) * 5)
    ids = [galaxy.pk for galaxy in galaxies]
    services.store_predictions(model=model, subject_ids=ids, said=said)
    rows = list(Prediction.objects.order_by("subject"))
    assert np.array_equal(
        np.array([row.concentrations for row in rows], np.float32), concentrations
    )
    assert np.array_equal(np.array([row.ignorance for row in rows], np.float32), ignorance)
    assert np.allclose([row.embedding for row in rows], embedding.astype(np.float32), rtol=1e-6)


def test_what_was_said_before_stays():
    (galaxy,), model = make.subjects(1), make.model()

    def say(value):
        array = np.full((1, 3), value, np.float32)
        vector = np.full((1, 128), value, np.float16)
        said = Said(array, array[:, 0], vector, (None,))
        services.store_predictions(model=model, subject_ids=[galaxy.pk], said=said)

    say(1)
    say(2)
    row = Prediction.objects.get()
    assert row.concentrations == [1, 1, 1]
    assert row.embedding[0] == 1


def test_a_vector_is_read_as_it_was_written():
    vector = np.array([0.5, -1.25, 3], np.float32)
    assert np.array_equal(fields.parsed(fields.as_text(vector)), vector)
