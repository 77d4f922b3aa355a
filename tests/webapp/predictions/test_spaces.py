"""After scoring: what is unlike the others, the index of look-alikes, and how well it finds."""

import numpy as np
import pytest
from django.db import connection

from tests import make
from webapp.consensus.models import Queue, Stream
from webapp.predictions import index, likeness, services, spaces, tasks
from webapp.predictions.fields import as_text
from webapp.predictions.models import Batch, Prediction, Space, Unusual
from webapp.predictions.said import Said
from webapp.registry.promotion import promote_model

FOREVER = float("inf")


def embedded(n, *, seed=1, workflow=None, model=None):
    """A campaign of n galaxies of which its network has said something, the last one apart."""
    workflow = workflow or make.workflow(n_subjects=n)
    model = model or make.model(workflow=workflow)
    promote_model(workflow=workflow, model=model, why="a test", by=None)
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 128)) * 0.3 + np.eye(1, 128, 0)
    vectors[-1] = -vectors[-1]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = list(workflow.consensus.order_by("subject").values_list("subject", flat=True))
    alpha = rng.gamma(2, 3, (n, 4)).astype(np.float32) + 0.1
    said = Said(alpha, np.full(n, 0.1, np.float32), vectors.astype(np.float16), (None,) * n)
    services.store_predictions(model=model, subject_ids=ids, said=said)
    tasks.score_unscored()  # the priors follow what is stored
    return workflow, model, ids, vectors


@pytest.mark.django_db
def test_the_one_apart_is_the_most_unusual_and_waits_first():
    workflow, model, ids, _ = embedded(40)
    assert spaces.refresh_spaces(deadline_s=FOREVER) == 1
    assert Unusual.objects.filter(model=model).count() == 40
    assert Unusual.objects.order_by("-distance").first().subject_id == ids[-1]
    waiting = Queue.objects.filter(workflow=workflow, stream=Stream.UNUSUAL)
    assert waiting.count() == 40
    assert waiting.order_by("-sort_key").first().subject_id == ids[-1]


@pytest.mark.django_db
def test_a_second_round_compares_only_what_is_new():
    workflow, model, _, _ = embedded(10)
    spaces.refresh_spaces(deadline_s=FOREVER)
    assert spaces.refresh_spaces(deadline_s=FOREVER) == 0
    more = make.subjects(2, workflow.subject_sets.get())
    make.link_again(workflow)
    said = Said(
        np.ones((2, 4), np.float32), np.zeros(2, np.float32), np.eye(2, 128, 5, np.float16),
        (None, None),
    )  # fmt: skip
    services.store_predictions(model=model, subject_ids=[row.pk for row in more], said=said)
    tasks.score_unscored()
    assert spaces.refresh_spaces(deadline_s=FOREVER) == 1
    assert Unusual.objects.filter(model=model).count() == 12
    assert Space.objects.get().n_reference == 10


@pytest.mark.django_db
def test_nothing_is_compared_while_galaxies_wait_to_be_scored():
    workflow, _, _, _ = embedded(10)
    make.subjects(1, workflow.subject_sets.get())
    make.link_again(workflow)
    assert spaces.refresh_spaces(deadline_s=FOREVER) == 0


@pytest.mark.django_db
def test_a_campaign_that_promotes_it_later_ranks_by_what_is_known():
    first, model, ids, _ = embedded(10)
    spaces.refresh_spaces(deadline_s=FOREVER)
    second = make.workflow()
    make.link(second, first.subject_sets.get())
    second.models.add(model)
    promote_model(workflow=second, model=model, why="too", by=None)
    tasks.score_unscored()
    assert not Batch.objects.exists()
    waiting = Queue.objects.filter(workflow=second, stream=Stream.UNUSUAL)
    assert waiting.order_by("-sort_key").first().subject_id == ids[-1]


def test_distances_are_those_to_the_nearest_others():
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(30, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.arange(30)
    found = likeness.distances(vectors, ids, vectors[:20], ids[:20])
    for row in range(30):
        others = sorted(1 - vectors[row] @ vectors[k] for k in range(20) if k != row)
        assert found[row] == pytest.approx(np.mean(others[:10]), abs=1e-5)
    assert likeness.distances(vectors[:1], ids[:1], vectors[:1], ids[:1]) == [0]


@pytest.mark.django_db
def test_look_alikes_are_the_nearest_of_the_campaign():
    workflow, model, ids, vectors = embedded(50)
    found = index.alike(model, ids[0], as_text(vectors[0]), workflow=workflow)
    cosines = vectors.astype(np.float16).astype(float) @ vectors[0]
    wanted = [ids[k] for k in np.argsort(-cosines) if k != 0][:12]
    assert [pk for pk, _ in found] == wanted
    assert found[0][1] == pytest.approx(np.sort(cosines)[-2], abs=0.01)


@pytest.mark.django_db
def test_galaxies_of_other_campaigns_are_not_shown():
    workflow, model, ids, vectors = embedded(20)
    other = make.workflow(n_subjects=400)
    embedded(400, seed=1, workflow=other, model=model)
    found = index.alike(model, ids[0], as_text(vectors[0]), workflow=workflow)
    assert len(found) == 12
    assert {pk for pk, _ in found} <= set(ids)


@pytest.mark.django_db(transaction=True)
def test_an_index_is_built_once_beside_the_work_found_whole_and_dropped(monkeypatch):
    monkeypatch.setattr(index, "INDEX_FROM", 300)
    workflow, model, ids, vectors = embedded(400)
    assert spaces.refresh_spaces(deadline_s=FOREVER) == 1
    space = Space.objects.get()
    assert space.status == "done", space.traceback
    assert space.is_indexed
    assert space.recall > 0.9
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE predictions_prediction")
        cursor.execute("SET enable_sort = off")  # so few are sorted quickly
        plan = "EXPLAIN " + index._NEAREST.format(model=model.pk)
        cursor.execute(plan, [as_text(vectors[0])] * 2 + [12])
        words = " ".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_sort")
    assert index.name_of(model.pk) in words
    index.build(model)  # there already
    index.drop_others([])
    assert not index._is_whole(index.name_of(model.pk))
    assert len(index.alike(model, ids[0], as_text(vectors[0]), workflow=workflow)) == 12
    assert Prediction.objects.count() == 400


@pytest.mark.django_db(transaction=True)
def test_an_index_that_was_left_half_built_is_built_again():
    _, model, _, _ = embedded(30)
    name = index.name_of(model.pk)
    index.build(model)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [name]
        )
    assert not index._is_whole(name)
    index.build(model)
    assert index._is_whole(name)
    index.drop_others([])
