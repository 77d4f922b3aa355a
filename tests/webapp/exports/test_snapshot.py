"""What is read of a campaign's galaxies is what is stored of them."""

import numpy as np
import pytest

from tests import make
from webapp.consensus.models import Consensus, Flag
from webapp.exports import snapshot
from webapp.exports.columns import Kind
from webapp.subjects.models import Subject


@pytest.fixture
def campaign(db):
    """Five galaxies: one with votes and a network's word, one retired and flagged, three bare."""
    workflow = make.workflow(n_subjects=5, rule={"format": 1, "votes": 2, "artifact": None})
    galaxies = list(Subject.objects.filter(consensus__workflow=workflow).order_by("pk"))
    for number, galaxy in enumerate(galaxies):
        galaxy.metadata = {"#z": "0.5" if number else "", "!class": f"S{number}"}
        galaxy.save()
    galaxies[0].ra_deg, galaxies[0].dec_deg, galaxies[0].healpix = 10.0, -5.0, 1
    galaxies[0].save()
    make.classification(make.visitor(), workflow, galaxies[0], [1])
    for _ in range(2):
        make.classification(make.visitor(), workflow, galaxies[1], [0])
    Flag.objects.create(workflow=workflow, subject=galaxies[1], words="satellite")
    prior = [1.5, 2.0, 0.25, 8.0]
    rows = Consensus.objects.filter(subject=galaxies[0])
    rows.update(prior=prior, prior_model=make.model(workflow=workflow))
    return workflow


@pytest.mark.parametrize("chunk", [2, 20_000])
def test_every_row_is_read_as_it_is_stored(campaign, chunk):
    parts = list(snapshot.evidence(campaign, chunk=chunk))
    rows = Consensus.objects.filter(workflow=campaign).order_by("subject_id")
    assert np.concatenate([part.subject_id for part in parts]).tolist() == [
        row.subject_id for row in rows
    ]
    for name in ("votes", "asked", "weighted", "weighted_asked"):
        stored = np.array([getattr(row, name) for row in rows])
        read = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(read, stored, err_msg=name)
    first = parts[0]
    assert first.prior[0].tolist() == [1.5, 2.0, 0.25, 8.0]
    assert np.isnan(first.prior[1]).all()
    assert first.model[0] == campaign.models.get().sha256[:8]
    assert first.model[1] == ""
    assert (first.ra[0], first.dec[0]) == (10.0, -5.0)
    assert np.isnan(first.ra[1])
    assert first.retired_reason[:2].tolist() == ["", "count"]
    assert np.isnat(first.retired_at[0])
    retired_at = rows[1].retired_at
    assert first.retired_at[1].astype(object) == retired_at.replace(tzinfo=None)
    assert first.n_flags[:2].tolist() == [0, 1]


def test_what_surveys_say_is_a_number_where_all_of_it_is(campaign):
    assert snapshot.metadata_kinds(campaign) == {"class": Kind.TEXT, "z": Kind.FLOAT64}
    (part,) = snapshot.evidence(campaign)
    assert part.metadata["class"].tolist() == ["S0", "S1", "S2", "S3", "S4"]
    np.testing.assert_array_equal(part.metadata["z"], [np.nan, 0.5, 0.5, 0.5, 0.5])


def test_a_campaign_without_galaxies_has_no_rows(db):
    assert list(snapshot.evidence(make.workflow())) == []
