"""A file that somebody asked for: whole, of one moment, with exactly the rows of its filters."""

import hashlib
import random
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.db import connection

from tests import make
from webapp.classifications.models import Classification
from webapp.common import work
from webapp.common.models import AuditEntry, WorkStatus
from webapp.consensus.models import Consensus
from webapp.exports import contents, services, snapshot
from webapp.exports.columns import catalog_columns, computed
from webapp.exports.models import Export
from webapp.exports.selection import NotAFilter, Selection
from webapp.exports.tasks import run_exports
from webapp.exports.writers import FORMATS

pytestmark = pytest.mark.django_db


def made(campaign, alice, **options) -> Export:
    options = {"format": "parquet"} | options
    export = services.request_export(workflow=campaign, asked_by=alice, **options)
    run_exports()
    export.refresh_from_db()
    return export


def test_a_file_has_every_galaxy_and_says_what_it_is(campaign, alice):
    export = made(campaign, alice)
    assert (export.status, export.n_rows, export.n_done) == (WorkStatus.DONE, 7, 7), export.error
    content = export.path.read_bytes()
    assert export.sha256 == hashlib.sha256(content).hexdigest()
    assert export.size_bytes == len(content)
    rows = pd.read_parquet(export.path)
    stored = Consensus.objects.order_by("subject_id")
    assert rows.source_id.tolist() == [row.subject_id for row in stored]
    assert rows.n_classifications.tolist() == [0, 1, 2, 3, 3, 3, 3]
    assert AuditEntry.objects.filter(action="request_export").count() == 1


@pytest.mark.parametrize("format_", sorted(FORMATS))
def test_every_format_is_made(campaign, alice, format_):
    export = made(campaign, alice, format=format_)
    assert export.status == WorkStatus.DONE, export.error
    assert export.path.stat().st_size > 0
    assert [path.name for path in export.path.parent.iterdir()] == [export.path.name]


def queries(columns):
    """Fifty selections of columns that a small campaign has values in."""
    chance = random.Random(7)
    numbers = [one for one in columns if not one.kind.is_text and one.low is not None]
    for _ in range(50):
        one = chance.choice(numbers)
        high = 12.0 if one.high is None else one.high
        low, high = sorted(chance.uniform(one.low, high) for _ in range(2))
        yield f"{one.name}={low:.3f}..{high:.3f}"


def test_the_rows_are_those_of_the_filters(campaign, alice):
    columns = catalog_columns(campaign.tree.tree)
    (part,) = snapshot.evidence(campaign)
    table = computed(part, columns)
    sizes = set()
    for query in queries(columns):
        with snapshot.one_moment() as moment:
            catalog = contents.Catalog(moment, campaign, query)
            n_rows = catalog.count()
            parts = list(catalog.parts())
        found: Any = np.concatenate([rows["source_id"] for rows in parts]) if parts else []
        kept = table["source_id"][Selection.parse(query, columns).mask(table)]
        assert list(found) == list(kept), query
        assert n_rows == len(kept)
        sizes.add(n_rows)
    assert len(sizes) > 3  # the filters tell galaxies apart


def test_a_filtered_file_has_those_rows_only(campaign, alice):
    export = made(campaign, alice, query="cone=12,-5,3&n_classifications=2..2")
    assert export.query == "n_classifications=2&cone=12,-5,3"
    assert pd.read_parquet(export.path).n_classifications.tolist() == [2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "xlsx"}, "'xlsx'"),
        ({"table": "people"}, "'people'"),
        ({"query": "frac_nothing=0..1"}, "'frac_nothing'"),
        ({"query": "n_classifications=many"}, "'many'"),
        ({"table": "votes", "query": "n_classifications=1.."}, "single votes"),
        ({"is_debiased": True}, "redshift"),
    ],
)
def test_what_cannot_be_made_is_refused_and_changes_nothing(campaign, alice, options, words):
    given = {"workflow": campaign, "asked_by": alice, "format": "fits"} | options
    with pytest.raises((services.ExportRefused, NotAFilter), match=words):
        services.request_export(**given)
    assert not Export.objects.exists()
    assert not AuditEntry.objects.filter(action="request_export").exists()


def test_one_file_of_a_format_is_made_for_a_person_at_a_time(campaign, alice):
    first = services.request_export(workflow=campaign, asked_by=alice, format="fits")
    services.request_export(workflow=campaign, asked_by=alice, format="csv")
    services.request_export(workflow=campaign, asked_by=make.user("bob"), format="fits")
    with pytest.raises(services.AlreadyRunning, match="FITS file is being made"):
        services.request_export(workflow=campaign, asked_by=alice, format="fits")
    services.cancel_export(export=first, by=alice)
    services.request_export(workflow=campaign, asked_by=alice, format="fits")


def test_a_cancelled_file_leaves_nothing(campaign, alice, monkeypatch):
    export = services.request_export(workflow=campaign, asked_by=alice, format="parquet")

    def cancelled(*args, **options):
        services.cancel_export(export=export, by=alice)
        return real(*args, **options)

    real = contents.Catalog.parts
    monkeypatch.setattr(contents.Catalog, "parts", cancelled)
    run_exports()
    export.refresh_from_db()
    assert export.status == WorkStatus.CANCELLED
    assert list(export.path.parent.iterdir()) == []
    with pytest.raises(services.HasEnded):
        services.cancel_export(export=export, by=alice)


def test_a_row_that_contradicts_itself_stops_it_and_is_named(campaign, alice):
    row = Consensus.objects.filter(n_classifications=3).first()
    Consensus.objects.filter(pk=row.pk).update(votes=[9, 0, 0, 0])
    export = made(campaign, alice)
    assert export.status == WorkStatus.FAILED
    assert str(row.subject_id) in export.error
    assert list(export.path.parent.iterdir()) == []


def test_what_a_killed_worker_has_left_is_removed(campaign, alice, settings):
    export = services.request_export(workflow=campaign, asked_by=alice, format="parquet")
    export.path.parent.mkdir()
    left = export.path.with_name(f".{export.path.name}.half")
    left.write_text("half")
    run_exports()
    assert not left.exists()
    assert export.path.exists()


def test_old_files_are_forgotten_and_their_rows_stay(campaign, alice, settings):
    export = made(campaign, alice)
    assert services.forget_old_exports() == 0
    settings.EXPORTS_KEPT_DAYS = 0
    assert services.forget_old_exports() == 1
    export.refresh_from_db()
    assert not export.path.exists()
    assert not export.has_file
    assert services.forget_old_exports() == 0


@pytest.mark.django_db(transaction=True)
def test_votes_that_arrive_meanwhile_are_not_in_it(campaign, alice, monkeypatch):
    """What a recount gives at the moment of the file is what the file says."""
    before = list(Consensus.objects.order_by("subject_id").values_list("votes", flat=True))
    monkeypatch.setattr(snapshot, "CHUNK", 2)
    stop = threading.Event()
    galaxies = list(campaign.subject_sets.get().subjects.all())

    def vote():
        while not stop.is_set():
            make.classification(make.visitor(), campaign, random.choice(galaxies))
        connection.close()

    export = services.request_export(workflow=campaign, asked_by=alice, format="parquet")
    with snapshot.one_moment() as moment:
        contents.instant_of(moment)  # the moment begins
        thread = threading.Thread(target=vote)
        thread.start()
        while Classification.objects.count() < 30:
            stop.wait(0.01)
        catalog = contents.Catalog(moment, campaign)
        rows = [part["votes_shape_spiral"] for part in catalog.parts()]
    assert len(rows) == 4  # of seven galaxies, two a time
    stop.set()
    thread.join()
    assert np.concatenate(rows).tolist() == [votes[0] for votes in before]
    assert work.claim(export) is not None
