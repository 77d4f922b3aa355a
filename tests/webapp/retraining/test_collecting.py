"""What a trainer has made comes in checked and judged; what serves stays."""

import numpy as np
import pytest

from inference.formats import catalog as catalogs
from inference.formats.run import DONE, Result, now
from inference.formats.split import TEST
from tests import make
from tests.inference.models import tiny_model
from tests.webapp.retraining.trained import finish
from webapp.common import work
from webapp.common.models import AuditEntry
from webapp.registry import queries as registry
from webapp.registry import services as models
from webapp.registry.models import ActiveModel, ModelVersion, Source
from webapp.registry.promotion import promote_model
from webapp.retraining import collecting, judging, tasks
from webapp.retraining.models import Comparison, Plan, TrainingRun

pytestmark = [pytest.mark.django_db, pytest.mark.processes]


def collected(run) -> TrainingRun:
    """What beat and a worker do with a run whose result is there."""
    tasks.watch_runs()
    tasks.work_on_runs()
    return TrainingRun.objects.select_related("model").get(pk=run.pk)


def in_use(campaign, tmp_path, **about) -> ModelVersion:
    """A model that the campaign uses."""
    path = tiny_model(tmp_path, name="champion.onnx", seed=5, **about)
    model = models.register_file(path=path, source=Source.FILE, workflow=campaign)
    promote_model(workflow=campaign, model=model, why="The first.", by=None)
    return model


def test_a_model_comes_in_as_a_candidate_with_its_lineage(training, folder, tmp_path, alice):
    sha256 = finish(folder, tmp_path)
    run = collected(training)
    assert run.status == "done", run.error or run.traceback
    model = run.model
    assert (model.sha256, model.status, model.source) == (sha256, "candidate", Source.RUN)
    assert model.registered_by == alice
    assert list(model.workflows.all()) == [run.workflow]
    assert model.lineage["catalog_sha256"] == run.catalog_sha256
    assert run.comparison.champion is None
    assert run.comparison.words == collecting.NO_CHAMPION
    assert run.comparison.figures["challenger"]["n"] == run.parts[TEST]
    assert not ActiveModel.objects.exists()


def test_both_are_judged_on_the_same_galaxies(training, folder, campaign, tmp_path):
    champion = in_use(campaign, tmp_path, size_px=64)  # another size: its pictures are made anew
    finish(folder, tmp_path)
    run = collected(training)
    assert run.status == "done", run.error or run.traceback
    figures = run.comparison.figures
    assert run.comparison.champion == champion
    assert figures["champion"]["n"] == figures["challenger"]["n"] == run.parts[TEST]
    assert figures["champion"]["nll"]["value"] != figures["challenger"]["nll"]["value"]
    difference = figures["challenger"]["nll"]["value"] - figures["champion"]["nll"]["value"]
    assert figures["nll"]["value"] == pytest.approx(difference, abs=1e-5)
    assert registry.active_model(campaign) == champion


def test_collecting_twice_is_as_once(training, folder, campaign, tmp_path):
    in_use(campaign, tmp_path)
    finish(folder, tmp_path)
    run = collected(training)
    first = Comparison.objects.values().get()
    entries = AuditEntry.objects.count()
    TrainingRun.objects.update(status="pending", phase="collect")
    run = collected(run)
    assert run.status == "done"
    assert ModelVersion.objects.count() == 2
    again = Comparison.objects.values().get()
    assert again == first
    assert AuditEntry.objects.count() == entries


def test_a_worker_that_was_overtaken_stores_nothing(training, folder, tmp_path):
    finish(folder, tmp_path)
    tasks.watch_runs()
    slow = work.claim(TrainingRun.objects.get())
    TrainingRun.objects.update(token=slow.token + 1)
    with pytest.raises(work.LeaseLost):
        collecting.collect_run(slow)
    assert not Comparison.objects.exists()
    assert TrainingRun.objects.get().model is None


def test_a_flipped_byte_is_refused_and_what_serves_stays(training, folder, campaign, tmp_path):
    champion = in_use(campaign, tmp_path)
    finish(folder, tmp_path)
    content = bytearray(folder.model_path.read_bytes())
    content[len(content) // 2] ^= 1
    folder.model_path.write_bytes(content)
    run = collected(training)
    assert run.status == "failed"
    assert "the result names" in run.error
    assert "do not use it, and train again" in run.error
    assert ModelVersion.objects.count() == 1
    assert registry.active_model(campaign) == champion


def test_a_file_that_is_no_model_is_refused(training, folder):
    assert folder.claim("trainer")
    folder.model_path.write_bytes(b"no model at all")
    from inference.formats.atomic import file_sha256  # noqa: PLC0415

    folder.write_result(Result(DONE, now(), model_sha256=file_sha256(folder.model_path)))
    run = collected(training)
    assert run.status == "failed"
    assert "model.onnx" in run.error
    assert not ModelVersion.objects.exists()


def test_a_damaged_result_is_refused(training, folder):
    folder.result_path.write_text('{"format": 1, "status": "splendid"}')
    run = collected(training)
    assert run.status == "failed"
    assert "result" in run.error


def test_votes_that_were_replaced_are_refused(training, folder, tmp_path):
    finish(folder, tmp_path)
    catalog = folder.read_catalog()
    votes = np.roll(catalog.votes, 1, axis=1)
    folder.catalog_path.unlink()
    from dataclasses import replace  # noqa: PLC0415

    catalogs.write_catalog(replace(catalog, votes=votes), folder.catalog_path)
    run = collected(training)
    assert run.status == "failed"
    assert "catalog.parquet" in run.error
    assert not Comparison.objects.exists()


def test_votes_that_were_replaced_with_their_request_are_refused(training, folder, tmp_path):
    """The directory is whole in itself, and is not the one that this site has written."""
    finish(folder, tmp_path)
    TrainingRun.objects.update(catalog_sha256="0" * 64)
    run = collected(training)
    assert run.status == "failed"
    assert "this site wrote 000000000000: somebody has replaced them" in run.error
    assert not ModelVersion.objects.exists()


def test_a_model_of_other_votes_is_refused(training, folder, tmp_path):
    finish(folder, tmp_path, lineage={"catalog_sha256": "0" * 64})
    run = collected(training)
    assert run.status == "failed"
    assert "learned from other votes than this site wrote" in run.error
    assert run.model is None


def test_a_better_model_is_promoted_by_the_plan_alone(training, folder, champion, judge, tmp_path):
    campaign = training.workflow
    Plan.objects.update(promotes_itself=True)
    judge(is_better=True)
    finish(folder, tmp_path)
    run = collected(training)
    assert run.comparison.is_promoted
    pointer = registry.active(campaign)
    assert (pointer.model, pointer.promoted_by) == (run.model, None)
    assert pointer.why == run.comparison.words
    assert registry.model_before(campaign) == champion


@pytest.mark.parametrize(
    "rule",
    [
        {"promotes_itself": False, "is_better": True, "is_repeatable": True},
        {"promotes_itself": True, "is_better": False, "is_repeatable": True},
        {"promotes_itself": True, "is_better": True, "is_repeatable": False},
    ],
)
def test_otherwise_a_person_promotes(rule, finished, champion, judge, monkeypatch):
    Plan.objects.update(promotes_itself=rule["promotes_itself"])
    judge(is_better=rule["is_better"])
    monkeypatch.setattr(judging, "is_repeatable", lambda _: rule["is_repeatable"])
    run = collected(finished)
    assert run.status == "done", run.error or run.traceback
    assert not run.comparison.is_promoted
    assert registry.active_model(run.workflow) == champion
    assert (collecting.NOT_ALIKE in run.comparison.words) == (not rule["is_repeatable"])


def test_nothing_is_promoted_over_a_model_that_it_was_not_compared_with(
    finished, champion, judge, monkeypatch
):
    Plan.objects.update(promotes_itself=True)
    judge(is_better=True)
    campaign = finished.workflow
    other = make.model(workflow=campaign)

    def meanwhile(_model):
        promote_model(workflow=campaign, model=other, why="Meanwhile.", by=None)
        return True

    monkeypatch.setattr(judging, "is_repeatable", meanwhile)
    run = collected(finished)
    assert run.status == "done", run.error or run.traceback
    assert run.comparison.champion == champion
    assert not run.comparison.is_promoted
    assert registry.active_model(campaign) == other


def test_a_model_says_the_same_of_100_pictures_twice(campaign, tmp_path):
    model = in_use(campaign, tmp_path)
    assert judging.is_repeatable(model)
    said = judging._said_of_golden(model)
    assert len(said) * 4 == judging.N_REPEATED


def test_at_most_5000_galaxies_judge_and_always_the_same(folder, monkeypatch):
    catalog = folder.read_catalog()
    everything = judging.held_out(catalog)
    assert (catalog.splits()[everything] == TEST).all()
    monkeypatch.setattr(judging, "MOST_JUDGED", 3)
    few = judging.held_out(catalog)
    assert len(few) == 3
    turned = catalog.take(np.arange(len(catalog))[::-1].copy())
    again = judging.held_out(turned)
    names = {catalog.subject_ids[place] for place in few}
    assert {turned.subject_ids[place] for place in again} == names


@pytest.fixture
def champion(campaign, tmp_path):
    """A model that the campaign uses."""
    return in_use(campaign, tmp_path)


@pytest.fixture
def finished(training, folder, tmp_path):
    """A run whose result is there."""
    finish(folder, tmp_path)
    return training


@pytest.fixture
def judge(monkeypatch):
    """Set what the rule says of the comparison; the comparison itself is real."""
    from inference.belief import compare  # noqa: PLC0415

    def says(*, is_better):
        words = "Better." if is_better else "Not better."
        monkeypatch.setattr(
            compare, "verdict", lambda _: compare.Verdict(is_better=is_better, words=words)
        )

    return says
