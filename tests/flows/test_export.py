"""The path of a file: asked for on a page, made by a worker that is killed, downloaded, read."""

import hashlib
import io
import signal
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from django.urls import reverse

from tests import make
from tests.webapp.common.processes import wait_until, worker
from webapp.accounts.models import Role
from webapp.common.models import WorkStatus
from webapp.exports.models import Export, Release

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
SCRIPT = Path(__file__).parents[1] / "webapp" / "exports" / "worker.py"
GALAXIES = 30


@pytest.fixture
def campaign(settings):
    """Thirty galaxies, some of them answered; files lie where the worker's settings have them."""
    vera = make.user("vera", Role.SCIENTIST)
    workflow = make.owned(vera, n_subjects=GALAXIES)
    for number, galaxy in enumerate(workflow.subject_sets.get().subjects.order_by("pk")):
        for _ in range(number % 4):
            make.classification(make.visitor(), workflow, galaxy)
    return workflow


def files_of(export: Export) -> list[str]:
    """What lies in the folder of this file, half-written ones too."""
    folder = export.path.parent
    return [path.name for path in folder.glob("*")] + [path.name for path in folder.glob(".*")]


def test_a_file_survives_the_worker_that_makes_it(campaign, client):
    client.force_login(campaign.owners.get())
    sent = {"format": "parquet", "query": "n_classifications=2.."}
    page = client.post(reverse("exports:request", args=[campaign.slug]), sent).headers["Location"]
    export = Export.objects.get()
    download = reverse("exports:download", args=[export.pk])

    def done() -> int:
        return Export.objects.get(pk=export.pk).n_done

    with worker("5", "0.3", script=SCRIPT) as first:
        wait_until(lambda: done() > 0, within_s=30)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert client.get(download).status_code == 404
    assert "rows" in client.get(page).content.decode()
    with worker("5", "0", script=SCRIPT):
        wait_until(lambda: Export.objects.get(pk=export.pk).status == WorkStatus.DONE, within_s=60)
    export.refresh_from_db()
    assert export.token == 2
    content = b"".join(client.get(download).streaming_content)
    assert hashlib.sha256(content).hexdigest() == export.sha256
    rows = pd.read_parquet(io.BytesIO(content))
    assert len(rows) == export.n_rows == sum(number % 4 >= 2 for number in range(GALAXIES))
    assert [name for name in files_of(export) if name.startswith(f".{export.path.name}")] == []
    export.path.unlink()


def test_a_release_survives_the_worker_that_makes_it(campaign, client):
    client.force_login(campaign.owners.get())
    sent = {"title": "Shapes", "authors": "Rubin, Vera", "license": "CC-BY-4.0"}
    page = client.post(reverse("exports:make_release", args=[campaign.slug]), sent)
    release = Release.objects.get()
    with worker("5", "0.3", script=SCRIPT) as first:
        wait_until(lambda: Release.objects.get().n_done > 0, within_s=30)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert not release.folder.exists()
    with worker("5", "0", script=SCRIPT):
        wait_until(lambda: Release.objects.get().status == WorkStatus.DONE, within_s=60)
    subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=release.folder, check=True
    )
    client.logout()
    assert "catalog.fits" in client.get(page.headers["Location"]).content.decode()
