"""Streams that a network ranks, and what an answer keeps of why its galaxy was shown."""

import numpy as np
import pytest

from tests import make
from webapp.classifications import queries, services
from webapp.classifications.models import Classification, Handout
from webapp.classifications.shown import Shown
from webapp.consensus.models import Queue, Stream
from webapp.consensus.priors import put_keys
from webapp.registry.promotion import promote_model

pytestmark = pytest.mark.django_db


def ranked(workflow, stream):
    """Ten galaxies of which the last has the highest key in a stream."""
    subject_ids = np.array(sorted(Queue.objects.values_list("subject", flat=True).distinct()))
    keys = np.arange(len(subject_ids), dtype=float)
    put_keys(workflow=workflow, stream=stream, subject_ids=subject_ids, keys=keys)
    return subject_ids


@pytest.mark.parametrize("stream", [Stream.IGNORANCE, Stream.UNUSUAL])
def test_the_head_of_a_ranked_stream_is_shown_with_its_key(stream, monkeypatch):
    workflow = make.workflow(n_subjects=10, mixture={"random": 0.1, str(stream): 0.9})
    subject_ids = ranked(workflow, stream)
    monkeypatch.setattr(queries, "_stream", lambda *_: stream)
    monkeypatch.setattr(queries, "_BEST", queries._BEST.replace("LIMIT 64", "LIMIT 1"))
    pick = queries.next_subject(workflow=workflow, identity=make.visitor())
    assert (pick.subject_id, pick.stream, pick.score) == (subject_ids[-1], stream, 9.0)


def test_an_empty_stream_shows_a_galaxy_at_random(monkeypatch):
    workflow = make.workflow(n_subjects=3)
    monkeypatch.setattr(queries, "_stream", lambda *_: Stream.UNUSUAL)
    assert queries.next_subject(workflow=workflow, identity=make.visitor()).stream == "random"


def test_shares_are_drawn_as_often_as_they_say():
    workflow = make.workflow(n_subjects=10, mixture={"random": 0.2, "gain": 0.5, "ignorance": 0.3})
    ranked(workflow, Stream.IGNORANCE)
    drawn = [queries._stream(workflow, []) for _ in range(2000)]
    for stream, share in workflow.shares.items():
        assert abs(drawn.count(Stream(stream)) / 2000 - share) < 0.05


def test_an_answer_keeps_the_model_of_the_moment_it_was_shown():
    workflow, person = make.workflow(n_subjects=2), make.visitor()
    first, second = (make.model(workflow=workflow) for _ in range(2))
    promote_model(workflow=workflow, model=first, why="a test", by=None)
    shown = make.shown(person, workflow)
    assert Handout.objects.get().model == first
    promote_model(workflow=workflow, model=second, why="meanwhile", by=None)
    services.record_classification(
        identity=person, uuid=shown.handout, shown=Shown.read(shown.sign()), path=[0],
        client_started_at=None, client_finished_at=None,
    )  # fmt: skip
    assert Classification.objects.get().model == first


def test_without_a_model_none_is_kept():
    workflow, person = make.workflow(n_subjects=1), make.visitor()
    shown = Shown.read(make.shown(person, workflow).sign())
    assert shown.model_id is None


def test_why_it_was_shown_is_masked_with_its_model():
    workflow, person = make.workflow(n_subjects=1), make.visitor()
    model = make.model(workflow=workflow)
    promote_model(workflow=workflow, model=model, why="a test", by=None)
    shown = make.shown(person, workflow)
    longest = Shown(**vars(shown) | {"stream": "ignorance", "score": -1.2345678901234567e-300,
                                     "model_id": 2**63 - 1})  # fmt: skip
    plain = Shown(**vars(shown) | {"model_id": None, "score": None})
    assert Shown.read(longest.sign()) == longest
    assert len(longest.sign()) == len(plain.sign())
