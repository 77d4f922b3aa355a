"""What is read of galaxies is what is stored of them, at one moment."""

import threading

import numpy as np
import pytest
from django.db import connection

from inference.formats.tree import load_built_in
from tests import make
from webapp.consensus.models import Consensus, Flag
from webapp.exports import snapshot
from webapp.exports.column import Kind
from webapp.exports.evidence import Evidence
from webapp.subjects.models import Subject

pytestmark = pytest.mark.django_db


@pytest.fixture
def workflow():
    """Seven galaxies, some of them answered."""
    made = make.workflow(n_subjects=7)
    galaxies = list(made.subject_sets.get().subjects.order_by("pk"))
    for galaxy in galaxies[:4]:
        for _ in range(2):
            make.classification(make.visitor(), made, galaxy)
    return made


def whole(workflow, **options) -> list[Evidence]:
    return list(snapshot.evidence(workflow, **options))


def test_every_number_is_the_stored_one(workflow):
    first, second = Consensus.objects.order_by("subject_id")[:2]
    k = workflow.tree.n_answers
    Consensus.objects.filter(pk=first.pk).update(
        weighted=[0.5] * k, prior=[2.5] * k, prior_model=make.model(workflow=workflow), is_gold=True
    )
    Subject.objects.filter(pk=second.subject_id).update(
        ra_deg=10.5, dec_deg=-1.25, healpix=7, filled_share=0.25
    )
    Flag.objects.create(workflow=workflow, subject_id=second.subject_id, words="Bad.")
    (found,) = whole(workflow)
    rows = list(Consensus.objects.order_by("subject_id").select_related("subject__subject_set"))
    assert found.subject_id.tolist() == [row.subject_id for row in rows]
    assert found.survey_id.tolist() == [row.subject.survey_id for row in rows]
    assert found.survey.tolist() == [row.subject.subject_set.slug for row in rows]
    for name in ("votes", "asked", "weighted", "weighted_asked", "n_classifications"):
        assert getattr(found, name).tolist() == [getattr(row, name) for row in rows], name
    assert found.prior[0].tolist() == [2.5] * k
    assert np.isnan(found.prior[1:]).all()
    assert (len(found.model[0]), found.model[1]) == (8, "")
    assert found.is_gold.tolist() == [True] + [False] * 6
    assert found.n_flags.tolist() == [0, 1] + [0] * 5
    assert (found.ra[1], found.dec[1], found.filled_share[1]) == (10.5, -1.25, 0.25)
    assert np.isnan(found.ra[2])


def test_a_retirement_has_its_instant_and_its_reason():
    workflow = make.workflow(n_subjects=2)
    galaxy = workflow.subject_sets.get().subjects.first()
    for _ in range(3):
        make.classification(make.visitor(), workflow, galaxy)
    row = Consensus.objects.get(subject=galaxy)
    (found,) = whole(workflow)
    assert found.retired_at[0] == np.datetime64(row.retired_at.replace(tzinfo=None))
    assert np.isnat(found.retired_at[1])
    assert found.retired_reason.tolist() == ["count", ""]


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_chunks_are_all_of_it_in_order(workflow, chunk):
    (at_once,) = whole(workflow)
    parts = whole(workflow, chunk=chunk)
    assert max(map(len, parts)) <= chunk
    assert np.array_equal(np.concatenate([part.votes for part in parts]), at_once.votes)


def test_only_those_that_are_asked_for(workflow):
    ids = list(Consensus.objects.order_by("subject_id").values_list("subject_id", flat=True))
    (found,) = whole(workflow, subject_ids=[ids[4], ids[1], 10**12])
    assert found.subject_id.tolist() == [ids[1], ids[4]]
    assert whole(workflow, subject_ids=[]) == []


def test_other_campaigns_galaxies_are_not_there(workflow):
    make.workflow(n_subjects=3)
    assert sum(map(len, whole(workflow))) == 7


def test_metadata_are_numbers_only_where_all_are(workflow):
    galaxies = Subject.objects.filter(consensus__workflow=workflow).order_by("pk")
    for number, galaxy in enumerate(galaxies):
        galaxy.metadata = {
            "z": f" {number}.5 " if number else "", "!name": f"NGC {number}", "#secret": "1",
            "mixed": "1" if number else "one", "huge": "1e999", "%link": 7,
        }  # fmt: skip
        galaxy.save()
    kinds = snapshot.metadata_kinds(workflow)
    assert kinds == {
        "name": Kind.TEXT, "link": Kind.FLOAT64, "huge": Kind.FLOAT64, "mixed": Kind.TEXT,
        "z": Kind.FLOAT64,
    }  # fmt: skip
    (found,) = whole(workflow)
    assert np.array_equal(found.metadata["z"], [np.nan, *np.arange(1.5, 7)], equal_nan=True)
    assert found.metadata["name"][:2].tolist() == ["NGC 0", "NGC 1"]
    assert np.isnan(found.metadata["huge"]).all()
    assert found.metadata["link"].tolist() == [7.0] * 7


def test_votes_along_an_older_tree_are_waited_for(workflow):
    first = Consensus.objects.order_by("pk").first()
    Consensus.objects.filter(pk=first.pk).update(
        tree=make.tree_version(load_built_in("galaxy-zoo-2"))
    )
    with pytest.raises(snapshot.StillCounting, match="votes of 1 galaxies"):
        whole(workflow)


@pytest.mark.django_db(transaction=True)
def test_votes_that_arrive_meanwhile_are_not_in_it(workflow):
    parts = snapshot.evidence(workflow, chunk=3)
    first = next(parts)
    before = sum(Consensus.objects.values_list("n_classifications", flat=True))
    last = workflow.subject_sets.get().subjects.order_by("pk").last()

    def vote():
        make.classification(make.visitor(), workflow, last)
        connection.close()

    thread = threading.Thread(target=vote)
    thread.start()
    thread.join()
    seen = [first, *parts]
    assert sum(int(part.n_classifications.sum()) for part in seen) == before
    assert sum(int(part.n_classifications.sum()) for part in whole(workflow)) == before + 1


@pytest.mark.django_db(transaction=True)
def test_what_is_read_ahead_is_the_same_and_may_be_left_early():
    workflow = make.workflow(n_subjects=7)
    with snapshot.one_moment() as moment:
        one_by_one = list(snapshot.evidence_at(moment, workflow, chunk=2))
        parts = snapshot.evidence_at(moment, workflow, chunk=2)
        ahead = list(snapshot.read_ahead(moment, parts))
        left = snapshot.read_ahead(moment, snapshot.evidence_at(moment, workflow, chunk=2))
        next(left)
        left.close()
        moment.execute("SELECT 1")  # nothing of it is still on the line
        names = [thread.name for thread in threading.enumerate()]
    assert [one.subject_id.tolist() for one in ahead] == [
        one.subject_id.tolist() for one in one_by_one
    ]
    assert not [name for name in names if name.startswith("read-ahead")]


@pytest.mark.django_db(transaction=True)
def test_what_fails_while_it_is_read_ahead_fails_here():
    broken = (part for _ in range(3) for part in whole(1 / 0))
    with snapshot.one_moment() as moment, pytest.raises(ZeroDivisionError):
        list(snapshot.read_ahead(moment, broken))


@pytest.mark.django_db(transaction=True)
def test_a_part_is_read_while_the_one_before_it_is_worked_on():
    workflow = make.workflow(n_subjects=3)
    begun = [threading.Event() for _ in range(3)]

    def parts(moment):
        for event, part in zip(begun, snapshot.evidence_at(moment, workflow, chunk=1), strict=True):
            event.set()
            yield part

    with snapshot.one_moment() as moment:
        next(snapshot.read_ahead(moment, parts(moment)))
        assert begun[1].wait(10)
