"""Lists of galaxies worth a look: unlike the others, and disputed."""

import pytest

from tests.webapp.predictions.test_spaces import FOREVER, embedded
from webapp.consensus.models import Consensus
from webapp.predictions import listing, spaces
from webapp.predictions.models import Listed, ListKind, Lists

pytestmark = pytest.mark.django_db


def listed(workflow, kind):
    rows = Listed.objects.filter(workflow=workflow, kind=kind).order_by("place")
    return list(rows.values_list("subject", flat=True))


def test_the_most_unusual_come_first():
    workflow, model, ids, _ = embedded(30)
    spaces.refresh_spaces(deadline_s=FOREVER)
    assert listing.list_galaxies(workflow, model)
    found = listed(workflow, ListKind.UNUSUAL)
    assert found[0] == ids[-1]
    assert sorted(found) == ids


def test_a_galaxy_that_people_see_differently_is_disputed():
    workflow, model, ids, _ = embedded(6)
    rows = list(Consensus.objects.filter(workflow=workflow).order_by("subject"))
    for row in rows:
        row.prior, row.asked, row.n_classifications = [50.0, 1.0, 1.0, 1.0], [10], 10
        row.votes = [10, 0, 0, 0]
    rows[2].votes, rows[4].votes = [0, 10, 0, 0], [5, 5, 0, 0]
    Consensus.objects.bulk_update(rows, ["prior", "asked", "n_classifications", "votes"])
    listing.list_galaxies(workflow, model)
    assert listed(workflow, ListKind.DISPUTED) == [ids[2], ids[4]]


def test_lists_are_made_anew_but_not_all_the_time():
    workflow, model, _, _ = embedded(5)
    spaces.refresh_spaces(deadline_s=FOREVER)
    assert listing.list_galaxies(workflow, model)
    assert not listing.list_galaxies(workflow, model)
    assert listing.list_galaxies(workflow, model, is_rationed=False)
    assert Listed.objects.filter(kind=ListKind.UNUSUAL).count() == 5
    Lists.objects.update(made_at="2020-01-01T00:00Z", took_s=1e12)
    assert not listing.list_galaxies(workflow, model)


def test_the_first_are_kept(monkeypatch):
    monkeypatch.setattr(listing, "LENGTH", 3)
    workflow, model, _, _ = embedded(8)
    spaces.refresh_spaces(deadline_s=FOREVER)
    listing.list_galaxies(workflow, model)
    rows = Listed.objects.filter(kind=ListKind.UNUSUAL).order_by("place")
    values = list(rows.values_list("value", flat=True))
    assert len(values) == 3
    assert values == sorted(values, reverse=True)
