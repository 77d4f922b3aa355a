"""Editions say exactly what files say, and are made when something has changed."""

from datetime import timedelta

import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone

from tests import make
from tests.webapp.exports.evidence import DECALS, random_evidence
from webapp.common import work
from webapp.common.models import WorkStatus
from webapp.explore import editions, shelf
from webapp.explore.columns import Columns
from webapp.explore.models import Edition, EditionColumn
from webapp.explore.stored import Spool
from webapp.exports.columns import Kind, computed
from webapp.exports.selection import Coded, Selection
from webapp.subjects.models import Subject
from webapp.workflows.models import Status

KINDS = {"z": Kind.FLOAT64, "class": Kind.TEXT}


@pytest.fixture(autouse=True)
def nothing_remembered():
    shelf.forget()
    yield
    shelf.forget()


@pytest.fixture(scope="module")
def evidence():
    metadata = {
        "z": np.linspace(0, 1, 90),
        "class": np.array(["", "S", "ü|", "E"] * 22 + ["S", ""], object),
    }
    return random_evidence(90, metadata=metadata)


def unpacked(columns, evidence, folder):
    """Return what pages read of an edition, stored in two parts, without a database."""
    spool = Spool(folder, columns.stored)
    for rows in (slice(0, 37), slice(37, None)):
        spool.add(columns.stored_values(evidence.part(rows)))
    return {one.name: spool.packed(one).unpacked(one.kind) for one in columns.stored}


def read(columns, table, name):
    recipe = columns.recipes.get(name)
    if recipe is None:
        return table[name]
    return recipe.values({one: read(columns, table, one) for one in recipe.needs})


def test_every_column_is_the_one_of_the_files(evidence, tmp_path):
    columns = Columns.of(DECALS, KINDS)
    table = unpacked(columns, evidence, tmp_path)
    expected = computed(evidence, columns.catalog)
    for column in columns.catalog:
        values = read(columns, table, column.name)
        if isinstance(values, Coded):
            values = values.texts[values.codes]
        elif column.kind is Kind.INSTANT:
            values = np.array(
                ["" if np.isnat(one) else f"{one}Z" for one in values.astype("datetime64[us]")]
            )
        else:
            assert values.dtype == expected[column.name].dtype, column.name
        np.testing.assert_array_equal(values, expected[column.name], err_msg=column.name)


@pytest.mark.parametrize(
    "query",
    [
        "frac_bar_strong=0.2..0.2&n_votes_bar=1..",
        "width_bar_weak=..0.5&certainty_bar=0.3..",
        "disagreement=0.05..",
        "retired_at=2026-11-26",
        'retired_at=""&meta_class=!""',
        "meta_class=%C3%BC%5C%7C|S&meta_z=0.25..",
        "cone=0,90,90&agree_bar=0..1",
        "frac_bar_strong_lo=..0.1&frac_bar_strong_hi=0.3..",
    ],
)
def test_filters_find_the_same_rows_on_the_page_and_for_a_file(evidence, tmp_path, query):
    columns = Columns.of(DECALS, KINDS)
    table = unpacked(columns, evidence, tmp_path)
    found = Selection.parse(query, columns.catalog)
    named = {one.name: one for one in columns.catalog}
    of_a_file = found.mask(computed(evidence, [named[name] for name in found.columns]))
    names = {*found.columns, *(one.column for one in found.conditions)}
    of_the_page = found.mask({name: read(columns, table, name) for name in names})
    np.testing.assert_array_equal(of_the_page, of_a_file)


def test_an_empty_catalog_has_columns_too(evidence, tmp_path):
    columns = Columns.of(DECALS, KINDS)
    spool = Spool(tmp_path, columns.stored)
    for one in columns.stored:
        assert len(spool.packed(one).unpacked(one.kind)) == 0


def let_time_pass():
    Edition.objects.update(finished_at=timezone.now() - timedelta(days=1))


def refreshed():
    return editions.refresh_editions(deadline_s=float("inf"))


@pytest.fixture
def campaign(db):
    return make.workflow(n_subjects=3)


def galaxy(workflow):
    return Subject.objects.filter(consensus__workflow=workflow).order_by("pk").first()


def test_an_edition_is_made_again_only_when_something_has_changed(campaign):
    assert refreshed() == 1
    let_time_pass()
    assert refreshed() == 0
    make.classification(make.visitor(), campaign, galaxy(campaign))
    assert refreshed() == 1
    made = Edition.objects.get()
    assert made.number == 2
    assert set(EditionColumn.objects.values_list("number", flat=True)) == {2}
    assert shelf.catalog_of(campaign.pk).array("n_classifications").tolist() == [1, 0, 0]


def test_an_edition_that_was_dear_waits_fifty_times_as_long(campaign):
    refreshed()
    make.classification(make.visitor(), campaign, galaxy(campaign))
    Edition.objects.update(took_s=10, finished_at=timezone.now() - timedelta(seconds=400))
    assert refreshed() == 0
    Edition.objects.update(finished_at=timezone.now() - timedelta(seconds=501))
    assert refreshed() == 1


def test_a_flag_and_a_galaxy_that_comes_change_it_too(campaign):
    from webapp.consensus.models import Flag  # noqa: PLC0415

    seen = {editions.fingerprint(campaign)}
    Flag.objects.create(workflow=campaign, subject=galaxy(campaign), words="satellite")
    seen.add(editions.fingerprint(campaign))
    make.subjects(1, galaxy(campaign).subject_set)
    make.link_again(campaign)
    seen.add(editions.fingerprint(campaign))
    assert len(seen) == 3


def test_a_draft_has_no_edition(db):
    make.workflow(n_subjects=1, status=Status.DRAFT)
    assert refreshed() == 0


def test_a_worker_that_dies_half_way_leaves_the_old_edition_to_be_read(campaign, monkeypatch):
    refreshed()
    make.classification(make.visitor(), campaign, galaxy(campaign))
    let_time_pass()
    real = editions._store

    def fails_late(edition, number, packed):
        real(edition, number, packed)
        raise ConnectionError

    monkeypatch.setattr(editions, "_store", fails_late)
    refreshed()
    assert Edition.objects.get().status == WorkStatus.PENDING
    assert shelf.catalog_of(campaign.pk).array("n_classifications").tolist() == [0, 0, 0]
    monkeypatch.undo()
    row = Edition.objects.get()
    work.run(work.claim(row), editions.make_edition)
    assert shelf.catalog_of(campaign.pk).array("n_classifications").tolist() == [1, 0, 0]
    assert set(EditionColumn.objects.values_list("number", flat=True)) == {2}


def test_a_process_keeps_no_more_than_it_may(campaign, monkeypatch):
    refreshed()
    monkeypatch.setattr(shelf, "MOST_BYTES", 50)
    catalog = shelf.catalog_of(campaign.pk)
    for name in ("ra", "dec", "source_id", "survey_id", "quality"):
        assert len(catalog[name]) == 3
    assert len(shelf._shelf._kept) < 3


def test_beat_looks_for_editions():
    assert settings.WAKES["edition"] == ["webapp.explore.tasks.refresh_editions"]
