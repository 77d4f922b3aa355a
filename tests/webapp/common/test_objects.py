"""Pictures, models, files and releases in an object store: moto's server, over HTTP, as S3's.

Nothing is kept in the folders of the machine but copies, so that another machine has all of it.
"""

import shutil
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.urls import reverse
from moto.server import ThreadedMotoServer

from tests import make
from webapp.accounts.models import Role
from webapp.backups import drilling
from webapp.backups.folder import open_backup
from webapp.backups.making import make_backup
from webapp.backups.places import places
from webapp.backups.restoring import _write_files
from webapp.exports import services as exports
from webapp.exports.models import Export, Release
from webapp.exports.tasks import run_exports
from webapp.registry import files
from webapp.registry.services import model_path
from webapp.subjects import media
from webapp.subjects.models import Subject
from webapp.subjects.tasks import run_ingest_batches

pytestmark = pytest.mark.xdist_group("objects")
BUCKET, KEY, SECRET = "galaxies", "AKIDEXAMPLE", "a secret of the test"


@pytest.fixture(scope="module")
def store():
    """An object store that answers on a port of this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(store, settings, tmp_path):
    """An empty bucket that the site uses, and folders of its own for everything else."""
    from webapp import settings as site  # noqa: PLC0415

    given = {
        "MEDIA_S3_BUCKET": BUCKET, "MEDIA_S3_ENDPOINT": store, "MEDIA_S3_REGION": "us-east-1",
        "MEDIA_S3_ACCESS_KEY": KEY, "MEDIA_S3_SECRET_KEY": SECRET,
    }  # fmt: skip
    client = boto3.client(
        "s3", endpoint_url=store, region_name="us-east-1", aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )  # fmt: skip
    client.create_bucket(Bucket=BUCKET)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setattr(site, name, value)
        settings.STORAGES = settings.STORAGES | {
            "default": site._objects("public"), "originals": site._objects("originals"),
        } | {part: site._objects(part) for part in ("models", "exports", "releases")}  # fmt: skip
    for name in ("MEDIA_ROOT", "ORIGINALS_ROOT", "MODELS_ROOT", "EXPORTS_ROOT", "RELEASES_ROOT"):
        setattr(settings, name, tmp_path / "machine" / name.lower())
    settings.RUNS_DIR = tmp_path / "runs"
    yield client
    for key in keys(client):
        client.delete_object(Bucket=BUCKET, Key=key)
    client.delete_bucket(Bucket=BUCKET)


def keys(client) -> set[str]:
    return {found["Key"] for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


def another_machine(settings) -> None:
    """What this machine had is not there: all comes from the store."""
    shutil.rmtree(Path(settings.MODELS_ROOT).parent, ignore_errors=True)


def taken_in(tmp_path, count=3):
    batch = make.batch(make.picture_folder(tmp_path / "pictures", count))
    run_ingest_batches()
    batch.refresh_from_db()
    assert batch.status == "done", batch.error
    return list(batch.subject_set.subjects.order_by("pk"))


def test_the_settings_name_a_bucket_by_the_environment(tmp_path):
    from tests.webapp.test_settings import SERVER, ask  # noqa: PLC0415

    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    given = {"MEDIA_S3_BUCKET": BUCKET, "MEDIA_S3_SECRET_KEY_FILE": str(secret)}
    what = "settings.STORAGES['models']['OPTIONS']['secret_key'], sorted(settings.STORAGES)"
    assert ask(tmp_path, what, **SERVER | given) == (
        f"{SECRET} ['default', 'exports', 'models', 'originals', 'releases', 'staticfiles']"
    )
    assert ask(tmp_path, "sorted(settings.STORAGES)") == "['default', 'originals', 'staticfiles']"


@pytest.mark.django_db(transaction=True)
def test_pictures_are_taken_in_and_shown(bucket, settings, tmp_path, client):
    galaxies = taken_in(tmp_path)
    assert len(keys(bucket)) == 4 * len(galaxies)
    assert not Path(settings.MEDIA_ROOT).exists()
    answer = client.get(galaxies[0].display_url)
    content = b"".join(answer.streaming_content)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/jpeg")
    assert content.startswith(b"\xff\xd8")
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "immutable" in answer.headers["Cache-Control"]
    assert client.get(galaxies[0].display_url[:-5] + "0.jpg").status_code == 404
    original = galaxies[0].original_sha256
    assert client.get(f"/media/originals/{original[:2]}/{original}.png").status_code == 404


def test_a_server_shows_them_too(bucket, settings, rf):
    settings.LOCAL_MODE = False
    sha256 = media.store_public("display", b"\xff\xd8 a picture")
    serve = media.serve(lambda _: pytest.fail("nobody answers it"))
    answer = cast("Any", serve(rf.get(media.url("display", sha256))))
    assert b"".join(answer.streaming_content) == b"\xff\xd8 a picture"
    answer.close()


@pytest.mark.django_db(transaction=True)
def test_a_network_looks_at_them(bucket, tmp_path):
    from webapp.predictions.tasks import score_unscored  # noqa: PLC0415

    galaxies = taken_in(tmp_path)
    workflow = make.workflow()
    make.link(workflow, galaxies[0].subject_set)
    make.promoted(workflow)
    score_unscored()
    from webapp.predictions.models import Prediction  # noqa: PLC0415

    assert Prediction.objects.count() == len(galaxies)


@pytest.mark.django_db
def test_a_model_is_fetched_once_by_a_machine_that_needs_it(bucket, settings):
    content = b"a network"
    assert files.store(content)
    assert not files.store(content)
    model = make.model()
    another_machine(settings)
    path = model_path(model)
    assert files.is_whole(model.sha256)
    before = path.stat().st_ino
    assert model_path(model).stat().st_ino == before
    another_machine(settings)
    files.remove(model.sha256)
    assert not files.is_whole(model.sha256)
    assert len(keys(bucket)) == 1  # the other model's


@pytest.mark.django_db(transaction=True)
def test_files_and_releases_come_from_any_machine(bucket, settings, tmp_path, client):
    vera = make.user("vera", Role.SCIENTIST)
    client.force_login(vera)
    galaxies = taken_in(tmp_path)
    workflow = make.owned(vera)
    make.link(workflow, galaxies[0].subject_set)
    export = exports.request_export(workflow=workflow, format="csv", asked_by=vera)
    release = exports.make_release(
        workflow=workflow, title="Spirals", authors=["Vera"], description="", license="CC0-1.0",
        doi="", address="https://example.org/", by=vera,
    )  # fmt: skip
    run_exports()
    another_machine(settings)
    answer = client.get(reverse("exports:download", args=[export.pk]))
    assert b"".join(answer.streaming_content).count(b"\n") > len(galaxies)
    release = Release.objects.get(pk=release.pk)
    assert release.is_published, release.error
    name = release.files[0]["name"]
    address = reverse("exports:release_file", args=[workflow.slug, release.number, name])
    assert b"".join(client.get(address).streaming_content)
    Export.objects.update(finished_at="2020-01-01T00:00:00Z")
    exports.forget_old_exports()
    assert not any(key.startswith("exports/") for key in keys(bucket))


@pytest.mark.django_db(transaction=True)
def test_a_backup_holds_what_the_store_holds_and_brings_it_back(bucket, settings, tmp_path):
    galaxies = taken_in(tmp_path)
    make.model()
    made = make_backup(tmp_path / "backups")
    assert (made.n_files, made.missing) == (4 * len(galaxies) + 1, [])
    drill = drilling.try_backup(made.path)
    assert drill.is_good, drill.words
    before = keys(bucket)
    assert not places()["media"].is_empty()
    for key in before:
        bucket.delete_object(Bucket=BUCKET, Key=key)
    assert places()["media"].is_empty()
    _write_files(open_backup(made.path, ""))
    assert keys(bucket) == before
    picture = media.name("display", galaxies[0].display_sha256)
    with storages["default"].open(picture) as file:
        assert file.read().startswith(b"\xff\xd8")


@pytest.mark.django_db(transaction=True)
def test_a_store_that_is_away_is_told_as_a_full_disk_is(bucket, settings, tmp_path, monkeypatch):
    batch = make.batch(make.picture_folder(tmp_path / "pictures", 2))
    bucket.delete_bucket(Bucket=BUCKET)
    try:
        run_ingest_batches()
        batch.refresh_from_db()
        assert batch.status == "pending"  # it is tried again later
        assert "object store says" in batch.error
        assert not Subject.objects.exists()
        with pytest.raises(OSError, match="The object store says"):
            storages["default"].save("display/x", ContentFile(b"x"))
    finally:
        bucket.create_bucket(Bucket=BUCKET)
