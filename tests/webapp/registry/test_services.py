"""Registering model files: what is kept, what is refused, and what happens twice."""

import hashlib
import pickle
import resource
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from inference.formats.tree import load_built_in
from inference.vision.check import check_content
from inference.vision.session import Session
from tests import make
from tests.inference.models import tiny_model
from tests.inference.vision.strangers import node, numbers, put_before, replace_weights
from webapp.accounts.models import Role
from webapp.common.models import AuditEntry
from webapp.dashboard.demo import STARTER
from webapp.registry import files, services
from webapp.registry.models import ModelVersion, Source, Status
from webapp.workflows.models import TreeVersion

pytestmark = [pytest.mark.django_db, pytest.mark.processes]
LIMITS = {"memory", "cpu time", "no network", "empty folder", "no new files", "no new processes"}


@pytest.fixture(autouse=True)
def folder(tmp_path, settings):
    settings.MODELS_ROOT = tmp_path / "models"
    return settings.MODELS_ROOT


def register(path: Path, **given: Any) -> ModelVersion:
    return services.register_file(path=path, source=Source.FILE, **given)


def refusal(path: Path, error: type = services.ModelUnusable) -> str:
    with pytest.raises(error) as caught:
        register(path)
    sentence = str(caught.value)
    assert sentence.isprintable()
    return sentence


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# What is kept


def test_the_starter_is_kept_with_what_its_card_says(folder):
    model = register(STARTER)

    content = STARTER.read_bytes()
    assert model.sha256 == hashlib.sha256(content).hexdigest()
    assert model.size_bytes == len(content)
    assert model.tree.tree == load_built_in("galaxy-zoo-2")
    assert (model.name, model.contract, model.status) == (
        "galaxy-zoo-2-starter", "1", Status.CANDIDATE,
    )  # fmt: skip
    assert model.metrics["full"]["n_galaxies"] > 0
    assert model.card["calibration"]["n_subjects"] > 0
    assert set(model.check_limits) == LIMITS
    assert kept(folder) == [f"{model.sha256}.onnx"]
    assert services.model_path(model).read_bytes() == content
    assert Session.open(services.model_path(model), gpu="off", warm=False).sha256 == model.sha256


def test_the_file_is_private_and_never_written_again(tmp_path):
    path = services.model_path(register(tiny_model(tmp_path)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o440


def test_the_same_bytes_again_are_the_same_row(tmp_path):
    path = tiny_model(tmp_path)
    first = register(path)
    n_entries = AuditEntry.objects.count()
    path = path.rename(tmp_path / "another name.onnx")
    assert register(path) == first
    assert ModelVersion.objects.count() == 1
    assert AuditEntry.objects.count() == n_entries


def test_registering_again_brings_a_lost_or_damaged_file_back(tmp_path):
    path = tiny_model(tmp_path)
    stored = services.model_path(register(path))
    for harm in (stored.unlink, lambda: stored.write_bytes(b"x")):
        stored.chmod(0o640) if stored.exists() else None
        harm()
        register(path)
        assert stored.read_bytes() == path.read_bytes()


def test_a_parent_is_found_whichever_came_first(tmp_path):
    parent = tiny_model(tmp_path, name="parent.onnx")
    sha256 = hashlib.sha256(parent.read_bytes()).hexdigest()
    card = {"lineage": {"parent_sha256": sha256}}
    early = register(tiny_model(tmp_path, name="a.onnx", seed=1, card=card))
    assert early.parent is None
    registered = register(parent)
    late = register(tiny_model(tmp_path, name="b.onnx", seed=2, card=card))
    early.refresh_from_db()
    assert (early.parent, late.parent) == (registered, registered)


def test_its_tree_is_published_once(tmp_path):
    tree = make.tree_version()
    assert register(tiny_model(tmp_path)).tree == tree
    register(tiny_model(tmp_path, tree="galaxy-zoo-decals"))
    assert TreeVersion.objects.filter(key="galaxy-zoo-decals").count() == 1


def test_who_registered_it_and_for_whom_is_in_the_log(tmp_path):
    alice = make.user("alice", Role.SCIENTIST)
    workflow = make.owned(alice)
    upload = SimpleUploadedFile("../../evil.onnx", tiny_model(tmp_path).read_bytes())
    model = services.register_upload(upload=upload, workflow=workflow, by=alice)
    assert (model.source, model.registered_by, model.is_shared) == (Source.UPLOAD, alice, False)
    assert list(model.workflows.all()) == [workflow]
    lines = AuditEntry.objects.filter(target="model", target_id=str(model.pk), actor_id=alice.pk)
    assert [line.action for line in lines.order_by("pk")] == ["register_model", "show_model"]


def test_a_campaign_that_registers_it_too_knows_of_it(tmp_path):
    path = tiny_model(tmp_path)
    first, second = make.workflow(), make.workflow()
    model = register(path, workflow=first)
    assert register(path, workflow=second) == model
    assert ModelVersion.objects.seen_by(second).get() == model
    assert not ModelVersion.objects.seen_by(make.workflow()).exists()
    register(path)
    assert ModelVersion.objects.seen_by(make.workflow()).get() == model


# What is refused


def endless(model):
    """A loop of a trillion turns, without a body: what is refused is the operator."""
    put_before("alpha", node("Loop", "raw raw raw", "alpha"))(model)


def giant(model):
    put_before(
        "alpha",
        node("ConstantOfShape", "giant", "zeros"),
        node("ReduceMax", "zeros", "zero", keepdims=0),
        node("Add", "raw zero", "alpha"),
        weights=[numbers("giant", np.array([160_000, 100_000]))],
    )(model)


def outside(model):
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = tensor.EXTERNAL
    tensor.external_data.add(key="location", value="secret-key")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (endless, "Loop"),
        (giant, "16,000,000,000 numbers"),
        (outside, "another file"),
        (
            put_before("alpha", node("Gelu", "raw", "alpha", domain="com.microsoft")),
            "operators of the domain 'com.microsoft'",
        ),
        (replace_weights("head", np.nan), "no finite"),
        (replace_weights("bias", 5), "something else of its golden pictures"),
        (lambda model: model.graph.output.pop(1), "alpha_mc"),
    ],
)
def test_a_hostile_or_unsound_file_is_refused_and_nothing_changes(tmp_path, folder, change, words):
    assert words in refusal(tiny_model(tmp_path, change=change))
    assert not ModelVersion.objects.exists()
    assert not AuditEntry.objects.exists()
    assert kept(folder) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has 0 bytes"),
        (pickle.dumps({"weights": list(range(1000))}), "pickle"),
        (b"not a model at all" * 100, "no ONNX model"),
        (b"<html><script>alert(1)</script></html>", "x.onnx"),
    ],
)
def test_what_is_no_model_is_refused_by_its_content(tmp_path, folder, content, words):
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(services.ModelUnusable, match=words):
        services.register_model(
            content=content, name="x.onnx", source=Source.FILE, workflow=None, by=None
        )
    assert "x.onnx" in refusal(path)
    assert kept(folder) == []


def test_a_starter_cut_off_or_with_flipped_bytes_is_refused(tmp_path, folder):
    content = STARTER.read_bytes()
    place = len(content) // 2
    flipped = bytes(byte ^ 0xFF for byte in content[place : place + 4096])
    path = tmp_path / "starter.onnx"
    for damaged, words in [
        (content[:place], "starter.onnx is no ONNX model, or a damaged one"),
        (
            content[:place] + flipped + content[place + 4096 :],
            "says something else of its golden pictures than its card does",
        ),
    ]:
        path.write_bytes(damaged)
        assert words in refusal(path)
    assert not ModelVersion.objects.exists()
    assert kept(folder) == []


def test_a_file_over_the_limit_is_refused_unread(tmp_path, settings):
    settings.MAX_MODEL_BYTES = 1000
    path = tiny_model(tmp_path)
    assert "at most 1,000 are accepted" in refusal(path)
    with pytest.raises(services.ModelUnusable, match="1 to 1,000 are accepted"):
        services.register_model(
            content=path.read_bytes(), name="a", source=Source.UPLOAD, workflow=None, by=None
        )


@pytest.mark.parametrize("character", ["\0", "\ud800"])
def test_a_card_that_postgresql_cannot_store_is_refused(tmp_path, folder, character):
    path = tiny_model(tmp_path, card={"lineage": {"note": f"a{character}b"}})
    assert "cannot be stored" in refusal(path)
    assert not ModelVersion.objects.exists()
    assert kept(folder) == []


def test_a_full_disk_says_so_and_keeps_nothing(tmp_path, settings):
    settings.MODELS_ROOT = Path("/dev/full")  # no folder can be made there
    assert "could not be written" in refusal(tiny_model(tmp_path), services.NotStored)
    assert not ModelVersion.objects.exists()


def test_without_the_package_onnx_nothing_is_checked_and_nothing_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "cannot be checked" in refusal(tiny_model(tmp_path), services.NotChecked)


# Two at once


@pytest.mark.django_db(transaction=True)
def test_two_registrations_of_one_file_at_once_make_one_row(tmp_path, folder, monkeypatch):
    path = tiny_model(tmp_path)
    both = threading.Barrier(2)

    def together(*given, **options):
        checked = check_content(*given, **options)
        both.wait(60)
        return checked

    monkeypatch.setattr(services, "check_content", together)

    def one(_):
        try:
            return register(path).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(one, range(2))
    assert first == second
    assert ModelVersion.objects.count() == 1
    assert AuditEntry.objects.filter(action="register_model").count() == 1
    assert len(kept(folder)) == 1


@pytest.mark.django_db(transaction=True)
def test_uploads_are_checked_one_at_a_time(tmp_path, monkeypatch):
    alice = make.user("alice", Role.SCIENTIST)
    workflow = make.owned(alice)
    content = tiny_model(tmp_path).read_bytes()

    def send():
        upload = SimpleUploadedFile("model.onnx", content)
        return services.register_upload(upload=upload, workflow=workflow, by=alice)

    def elsewhere():
        try:
            send()
        except services.NotChecked as error:
            return str(error)
        finally:
            connection.close()

    heard = []

    def meanwhile(*given, **options):
        with ThreadPoolExecutor(1) as pool:
            heard.append(pool.submit(elsewhere).result(60))
        return check_content(*given, **options)

    monkeypatch.setattr(services, "check_content", meanwhile)
    send()
    assert "Another model file is being checked" in heard[0]
    monkeypatch.setattr(services, "check_content", check_content)
    with ThreadPoolExecutor(1) as pool:  # and the way is free again
        assert pool.submit(elsewhere).result(60) is None


# Archiving


def test_a_model_is_put_away_and_brought_back():
    alice = make.user("alice", Role.SCIENTIST)
    model = make.model(workflow=make.owned(alice))
    for change, status in [
        (services.archive_model, Status.ARCHIVED),
        (services.archive_model, Status.ARCHIVED),
        (services.restore_model, Status.CANDIDATE),
    ]:
        assert change(model=model, by=alice).status == status
    assert AuditEntry.objects.filter(target="model").count() == 2


def test_a_model_that_others_may_use_is_put_away_by_administrators_only():
    alice, vera = make.user("alice", Role.SCIENTIST), make.user("vera", Role.ADMIN)
    shared, lent = make.model(), make.model(workflow=make.owned(alice))
    lent.workflows.add(make.workflow())
    for model in (shared, lent):
        with pytest.raises(services.NotYours, match="Ask an administrator"):
            services.archive_model(model=model, by=alice)
        assert services.archive_model(model=model, by=vera).is_archived


def test_names_of_files_are_hashes_only():
    for name in ("../" + "a" * 61, "A" * 64, "", "a" * 63, "a" * 64 + "\n"):
        with pytest.raises(ValueError, match="no SHA-256"):
            files.path_of(name)


def test_a_disk_that_fills_while_a_file_is_written_keeps_nothing_of_it(
    tmp_path, folder, monkeypatch
):
    path, store = tiny_model(tmp_path), files.store

    def with_little_room(content):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            return store(content)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    monkeypatch.setattr(files, "store", with_little_room)
    assert "could not be written (File too large)" in refusal(path, services.NotStored)
    assert not ModelVersion.objects.exists()
    assert kept(folder) == []
    monkeypatch.undo()
    register(path)


def test_what_a_killed_process_left_half_written_goes_with_the_next_try(tmp_path, folder):
    path = tiny_model(tmp_path)
    folder.mkdir()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / f".{sha256}.onnx.1234").write_bytes(b"half")
    register(path)
    assert kept(folder) == [f"{sha256}.onnx"]
