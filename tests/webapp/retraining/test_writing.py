"""The run directory: what is in it, and that it is there whole or not at all."""

import errno
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import storages

from inference.formats import stamps
from inference.formats.split import split_of
from tests.webapp.retraining import campaigns
from webapp.accounts.models import Volunteer
from webapp.classifications import exclusion
from webapp.common import work
from webapp.consensus.models import Consensus
from webapp.retraining import tasks, writing
from webapp.retraining.folders import folder_of
from webapp.retraining.models import Plan, TrainingRun
from webapp.retraining.services import start_run
from webapp.retraining.writing import DRAFTS
from webapp.subjects import links
from webapp.subjects.models import Subject

pytestmark = pytest.mark.django_db


def visible(run) -> list[str]:
    """What a trainer that looks into the folder finds."""
    runs = folder_of(run).path.parent
    return sorted(path.name for path in runs.iterdir() if path.name != DRAFTS)


def drafts(run):
    return folder_of(run).path.parent / DRAFTS / run.folder


def test_votes_are_counts_of_people_along_the_axis(training, folder, campaign):
    catalog = folder.read_catalog()
    rows = Consensus.objects.filter(workflow=campaign).order_by("subject_id")
    assert catalog.votes.tolist() == [row.votes for row in rows]
    assert catalog.asked.tolist() == [row.asked for row in rows]
    assert not catalog.nominal.any()
    assert (training.n_subjects, training.n_classifications) == (60, 120)
    assert training.parts == {
        part: sum(split_of(group) == part for group in catalog.groups)
        for part in {split_of(group) for group in catalog.groups}
    }


def test_galaxies_without_answers_are_left_out(campaign, alice):
    silent = Consensus.objects.filter(workflow=campaign).first()
    Consensus.objects.filter(pk=silent.pk).update(votes=[0, 0, 0], asked=[0], n_classifications=0)
    run = start_run(workflow=campaign, by=alice)
    tasks.work_on_runs()
    ids = folder_of(run).read_catalog().subject_ids
    assert len(ids) == 59
    assert silent.subject.survey_id not in {name.split("/")[1] for name in ids}


def test_excluded_people_teach_nothing(campaign, alice):
    contrary = Volunteer.objects.order_by("pk").first()
    exclusion.exclude_volunteer(workflow=campaign, volunteer=contrary, by=alice, reason="a bot")
    exclusion.apply_decisions()
    run = start_run(workflow=campaign, by=alice)
    tasks.work_on_runs()
    assert folder_of(run).read_catalog().votes.sum() == 119


def test_pictures_are_in_the_order_of_the_votes(training, folder):
    request, catalog = folder.read_request(), folder.read_catalog()
    found = folder.open_stamps(request.input, len(catalog))
    for place in (0, 17, 59):
        assert (found[place] == writing.picture(catalog, place, request.input)).all()


def test_the_parts_depend_on_the_survey_id_alone(training, folder, campaign, alice):
    before = dict(
        zip(folder.read_catalog().subject_ids, folder.read_catalog().splits(), strict=True)
    )
    work.give_up(training, writing.NotWritten("over"))
    for subject in Subject.objects.all():
        campaigns.answer(campaign, subject, 0)
    run = start_run(workflow=campaign, by=alice)
    tasks.work_on_runs()
    catalog = folder_of(run).read_catalog()
    assert dict(zip(catalog.subject_ids, catalog.splits(), strict=True)) == before


@pytest.mark.parametrize("phase", ["write", "train"])
def test_writing_twice_is_as_once(training, folder, phase):
    before = {path.name: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
    facts = TrainingRun.objects.values().get()
    work.take_back(training)  # as if the worker had died before it noted what it had done
    TrainingRun.objects.update(phase=phase)
    tasks.work_on_runs()
    tasks.work_on_runs()
    assert {path.name: path.stat().st_mtime_ns for path in folder.path.rglob("*")} == before
    changed = {"token", "attempts", "n_done", "n_total"}
    again = TrainingRun.objects.values().get()
    assert {k: v for k, v in again.items() if k not in changed} == {
        k: v for k, v in facts.items() if k not in changed
    }


def test_a_worker_that_takes_over_goes_on_with_the_same_votes(asked, campaign, monkeypatch):
    monkeypatch.setattr(writing, "BLOCK", 16)
    held = work.claim(asked)
    with monkeypatch.context() as patch:
        patch.setattr(work, "rest", _dies_after(2))
        with pytest.raises(KeyboardInterrupt):
            writing.write_run(held)
    assert visible(asked) == []
    assert len(list(drafts(asked).glob("block-*"))) == 2
    kept = {path: path.stat().st_mtime_ns for path in drafts(asked).glob("block-*")}
    for subject in Subject.objects.all():
        campaigns.answer(campaign, subject, 0)

    TrainingRun.objects.update(status="pending")
    writing.write_run(work.claim(asked))

    asked.refresh_from_db()
    assert asked.n_classifications == 120
    assert visible(asked) == [asked.folder]
    assert not drafts(asked).exists()
    assert kept  # they were not made again
    found = folder_of(asked)
    assert len(found.open_stamps(found.read_request().input, 60)) == 60


def _dies_after(n):
    calls = []

    def rest(_row):
        calls.append(1)
        if len(calls) == n:
            raise KeyboardInterrupt

    return rest


def test_a_worker_that_was_overtaken_lets_nothing_appear(asked, monkeypatch):
    slow = work.claim(asked)
    TrainingRun.objects.update(status="pending")
    quick = work.claim(asked)
    with pytest.raises(work.LeaseLost):
        writing.write_run(slow)
    assert visible(asked) == []
    writing.write_run(quick)
    assert visible(asked) == [asked.folder]


def test_a_worker_that_was_overtaken_at_the_last_moment_lets_nothing_appear(asked, monkeypatch):
    slow, write = work.claim(asked), writing._write

    def and_be_overtaken(run, drafts):
        write(run, drafts)
        TrainingRun.objects.update(token=run.token + 1)

    monkeypatch.setattr(writing, "_write", and_be_overtaken)
    with pytest.raises(work.LeaseLost):
        writing.write_run(slow)
    assert visible(asked) == []


def test_a_full_disk_is_said_and_nothing_is_left(asked, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stamps, "write_stamps", full)
    tasks.work_on_runs()
    asked.refresh_from_db()
    assert asked.status == "failed"
    assert "could not be written (No space left on device): make space in" in asked.error
    assert "press Retrain again" in asked.error
    assert visible(asked) == []
    assert not drafts(asked).exists()


def test_a_lost_picture_is_named(asked):
    subject = Subject.objects.order_by("pk")[7]
    storages["default"].delete(f"stamp/{subject.stamp_sha256[:2]}/{subject.stamp_sha256}.jpg")
    tasks.work_on_runs()
    asked.refresh_from_db()
    assert asked.status == "failed"
    assert f"/{subject.survey_id} cannot be read (No such file or directory)" in asked.error
    assert "backup" in asked.error
    assert visible(asked) == []


def test_a_damaged_picture_is_named(asked):
    subject = Subject.objects.order_by("pk")[3]
    name = f"stamp/{subject.stamp_sha256[:2]}/{subject.stamp_sha256}.jpg"
    Path(storages["default"].path(name)).write_bytes(b"\xff\xd8\xff no picture")
    tasks.work_on_runs()
    asked.refresh_from_db()
    assert asked.status == "failed"
    assert subject.survey_id in asked.error


def test_a_tree_that_changed_meanwhile_is_said(asked, campaign):
    from inference.formats.tree import load_built_in  # noqa: PLC0415
    from tests import make  # noqa: PLC0415

    campaign.tree = make.tree_version(load_built_in("galaxy-zoo-2"))
    campaign.save()
    tasks.work_on_runs()
    asked.refresh_from_db()
    assert asked.status == "failed"
    assert "tree was changed after Retrain was pressed" in asked.error


def test_votes_that_contradict_themselves_are_said(asked):
    Consensus.objects.update(asked=[1])
    tasks.work_on_runs()
    asked.refresh_from_db()
    assert asked.status == "failed"
    assert "cannot be trained on" in asked.error


def test_a_part_without_a_galaxy_is_said(alice, monkeypatch):
    workflow = campaigns.answered(24, n_each=3)
    Plan.objects.create(workflow=workflow, config_name="smoke")
    monkeypatch.setattr("inference.formats.catalog.split_of", lambda _: "train")
    run = start_run(workflow=workflow, by=alice)
    tasks.work_on_runs()
    run.refresh_from_db()
    assert run.status == "failed"
    assert "None of the 24 galaxies with answers falls into the validation part" in run.error


def test_stopping_while_it_is_written_leaves_nothing(asked, alice, monkeypatch):
    from webapp.retraining.services import cancel_run  # noqa: PLC0415

    held = work.claim(asked)
    cancel_run(run=asked, by=alice)
    work.run(held, tasks.perform)
    asked.refresh_from_db()
    assert asked.status == "cancelled"
    assert visible(asked) == [] if folder_of(asked).path.parent.exists() else True


def test_the_same_galaxy_in_two_sets_falls_into_one_part(campaign, alice):
    from tests import make  # noqa: PLC0415

    first = Subject.objects.order_by("pk").first()
    twin = make.subjects(1)[0]
    Subject.objects.filter(pk=twin.pk).update(
        survey_id=first.survey_id, stamp_sha256=first.stamp_sha256
    )
    links.link_set(workflow=campaign, subject_set=twin.subject_set, by=None)
    from webapp.consensus.admission import admit_next_chunk  # noqa: PLC0415

    while admit_next_chunk():
        pass
    campaigns.answer(campaign, twin, 1)
    run = start_run(workflow=campaign, by=alice)
    tasks.work_on_runs()
    run.refresh_from_db()
    assert run.is_training, run.error
    catalog = folder_of(run).read_catalog()
    splits = catalog.splits()[np.array(catalog.groups) == first.survey_id]
    assert len(splits) == 2
    assert len(set(splits)) == 1
