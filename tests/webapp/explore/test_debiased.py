"""A campaign may show fractions corrected for redshift: on its pages, in files and in releases."""

import re
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from django.urls import reverse
from django.utils import timezone

from tests import make
from webapp.accounts.models import Role
from webapp.common.models import AuditEntry
from webapp.consensus.models import Consensus
from webapp.explore import editions, shelf
from webapp.explore.models import Edition
from webapp.exports import services
from webapp.exports.tasks import run_exports
from webapp.subjects.models import Subject

pytestmark = pytest.mark.django_db
N, PEOPLE = 240, 40


@pytest.fixture(autouse=True)
def nothing_remembered(tmp_path, settings):
    settings.EXPORTS_ROOT, settings.RELEASES_ROOT = tmp_path / "e", tmp_path / "r"
    shelf.forget()
    yield
    shelf.forget()


@pytest.fixture
def owner(client):
    user = make.user("owner", Role.SCIENTIST)
    client.force_login(user)
    return user


@pytest.fixture
def campaign(owner):
    """Galaxies of like magnitude and size, half of them far away, where fewer spirals are seen."""
    chance = np.random.default_rng(3)
    workflow = make.owned(owner, n_subjects=N, status="live")
    far = np.arange(N) % 2
    rows = Consensus.objects.filter(workflow=workflow).order_by("subject_id")
    for row, is_far in zip(rows, far, strict=True):
        metadata = {
            "redshift": 0.02 + 0.06 * is_far + chance.uniform(0, 0.009),
            "absmag_r": chance.uniform(-22.5, -22),
            "size_kpc": chance.uniform(4, 5),
        }
        Subject.objects.filter(pk=row.subject_id).update(
            metadata={name: f"{value:.6f}" for name, value in metadata.items()}
        )
        spirals = int(chance.binomial(PEOPLE, chance.beta(2, 2) * (0.5 if is_far else 1)))
        votes = [spirals, PEOPLE - spirals, *[0] * (len(row.votes) - 2)]
        Consensus.objects.filter(pk=row.pk).update(
            votes=votes, weighted=votes, asked=[PEOPLE], weighted_asked=[PEOPLE],
            n_classifications=PEOPLE,
        )  # fmt: skip
    return workflow


def refreshed(workflow):
    Edition.objects.update(took_s=0, finished_at=timezone.now() - timedelta(days=1))
    editions.refresh_editions(deadline_s=float("inf"))
    shelf.forget()
    return shelf.catalog_of(workflow.pk)


def asked_for(client, workflow, **fields):
    return client.post(reverse("dashboard:catalog", args=[workflow.slug]), fields)


def test_an_owner_switches_it_on_for_pages_files_and_releases(client, owner, campaign):
    assert (
        "redshift too"
        in client.get(reverse("dashboard:catalog", args=[campaign.slug])).content.decode()
    )
    column = "debiased_shape_spiral"
    page = reverse("explore:catalog", args=[campaign.slug])
    assert column not in refreshed(campaign)
    assert client.get(f"{page}?{column}=0.5..").status_code == 422
    assert asked_for(client, campaign, hides_votes="on", is_debiased="on").status_code == 302
    assert AuditEntry.objects.get(action="change_debiasing").new is True
    campaign.refresh_from_db()
    catalog = refreshed(campaign)
    corrected, raw = catalog.array(column), catalog.array("frac_shape_spiral")
    far = catalog.array("meta_redshift") > 0.05
    assert np.isfinite(corrected).all()
    assert np.array_equal(corrected[~far], raw[~far].astype(np.float32))
    lost, left = (raw[~far].mean() - values[far].mean() for values in (raw, corrected))
    assert lost > 0.15
    assert abs(left) < 0.05
    answer = client.get(f"{page}?{column}=0.5..&view=table&columns=source_id,{column}")
    assert (
        int(re.search(r"<strong>(\d+) galaxies", answer.content.decode())[1])
        == (corrected >= 0.5).sum()
    )
    rows = exported(campaign, owner, query=f"{column}=0.5..")
    assert rows[column].tolist() == corrected[corrected >= 0.5].tolist()
    release = services.make_release(
        workflow=campaign, by=owner, title="T", authors=["A"], license="CC0-1.0"
    )
    run_exports()
    release.refresh_from_db()
    assert release.status == "done", release.error
    whole = pd.read_parquet(release.folder / "catalog.parquet")
    assert whole[column].tolist() == corrected.tolist()
    asked_for(client, campaign, hides_votes="on")
    campaign.refresh_from_db()
    assert column not in refreshed(campaign)
    assert column not in exported(campaign, owner)


def exported(workflow, owner, **options):
    export = services.request_export(workflow=workflow, asked_by=owner, format="parquet", **options)
    run_exports()
    export.refresh_from_db()
    assert export.status == "done", export.error
    return pd.read_parquet(export.path)


def test_a_survey_without_redshifts_has_no_such_switch(client, owner):
    workflow = make.owned(owner, n_subjects=2, status="live", is_debiased=True)
    page = client.get(reverse("dashboard:catalog", args=[workflow.slug])).content.decode()
    assert "redshift too" not in page
    assert "once the survey" in page
    assert not [name for name in refreshed(workflow) if name.startswith("debiased")]
    assert not Edition.objects.get().is_debiased
    assert asked_for(client, workflow, hides_votes="on").status_code == 302
    workflow.refresh_from_db()
    assert workflow.is_debiased  # for the surveys that it has one day
    assert "debiased_shape_spiral" not in exported(workflow, owner)
