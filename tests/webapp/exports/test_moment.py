"""A file is of one moment, whatever is voted while it is made."""

import random
import threading
import time

import pandas as pd
import pytest
from django.db import connection

from inference.formats.tree import load_built_in
from tests import make
from tests.webapp.exports.test_recomputed import EXACT, released
from webapp.accounts.models import Role
from webapp.classifications.models import Classification
from webapp.common import work
from webapp.exports import services, snapshot
from webapp.exports.columns import catalog_columns
from webapp.exports.tasks import run_exports

pytestmark = pytest.mark.django_db(transaction=True)
N_PEOPLE = 3  # who vote at once
PER_CHUNK = 50  # votes that arrive while a chunk is written
MOST_CHUNKS = 10


@pytest.fixture
def campaign():
    return make.workflow(
        n_subjects=12, tree=load_built_in("galaxy-zoo-2"),
        rule={"format": 1, "votes": 10_000, "artifact": None},
    )  # fmt: skip


@pytest.fixture
def crowd(campaign, monkeypatch):
    """People who vote as fast as they can, and a worker that waits for them after every chunk."""
    stop = threading.Event()
    paths = [list(path) for path, _ in zip(campaign.tree.tree.paths(), range(2000), strict=False)]
    galaxies = list(campaign.subject_sets.get().subjects.all())
    waited: list[int] = []

    def vote(number):
        chance = random.Random(number)
        while not stop.is_set():
            galaxy, path = chance.choice(galaxies), chance.choice(paths)
            make.classification(make.visitor(), campaign, galaxy, path=path)
        connection.close()

    def rest(holder):
        assert len(waited) < MOST_CHUNKS, "what is read grows with the votes"
        before, until_s = Classification.objects.count(), time.monotonic() + 120
        while Classification.objects.count() < before + PER_CHUNK:
            assert time.monotonic() < until_s, "nobody votes"
            time.sleep(0.01)
        waited.append(PER_CHUNK)
        real(holder)

    real = work.rest
    monkeypatch.setattr(work, "rest", rest)
    monkeypatch.setattr(snapshot, "CHUNK", 4)
    people = [threading.Thread(target=vote, args=[number]) for number in range(N_PEOPLE)]
    for one in people:
        one.start()
    while Classification.objects.count() < 20:
        time.sleep(0.01)
    yield waited
    stop.set()
    for one in people:
        one.join()


def test_a_release_agrees_with_itself_while_people_vote(campaign, crowd):
    """The catalog is read of the tallies and the votes of the answers: two tables, one moment."""
    alice = make.user("alice", Role.SCIENTIST)
    release, catalog, found = released(campaign, alice)
    assert sum(crowd) >= 4 * PER_CHUNK  # three chunks of galaxies and one of votes
    for column in catalog_columns(campaign.tree.tree):
        if column.family in EXACT - {"agree", "lead"}:
            place = (column.question if column.answer is None else column.answer) or 0
            assert catalog[column.name].tolist() == found.said[column.family, place], column.name
    votes = pd.read_parquet(release.folder / "votes.parquet")
    n_at_that_moment = catalog.n_classifications.sum()
    assert votes.classification.nunique() == n_at_that_moment
    assert 20 <= n_at_that_moment <= Classification.objects.count() - sum(crowd)


def test_a_file_is_of_the_moment_that_it_says(campaign, crowd):
    alice = make.user("alice", Role.SCIENTIST)
    export = services.request_export(workflow=campaign, asked_by=alice, format="parquet")
    run_exports()
    export.refresh_from_db()
    assert export.status == "done", export.error
    n_there = int(pd.read_parquet(export.path).n_classifications.sum())
    received = Classification.objects.order_by("pk").values_list("received_at", flat=True)
    # A vote is received before it is stored, so each of those who vote may have one under way; and
    # the moment is of the beginning of the transaction, just before its first look.
    n_before = sum(at <= export.snapshot_at for at in received)
    assert abs(n_there - n_before) <= 2 * N_PEOPLE
    assert n_there <= len(received) - sum(crowd)
