"""Numbers of four bytes come back as they were stored."""

import pytest

from tests import make
from webapp.consensus.models import Consensus

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("value", [1.14453125, 40 + 255 / 256, 9999 + 1 / 256, 0.0])
def test_a_sum_of_weights_is_read_back_exactly(value):
    workflow = make.workflow(n_subjects=1)
    Consensus.objects.update(weighted=[value, 0, 0, 0], prior=None)
    row = Consensus.objects.get(workflow=workflow)
    assert row.weighted[0] == value
    assert row.prior is None
    (raw,) = Consensus.objects.raw("SELECT * FROM consensus_consensus")
    assert raw.weighted[0] == value
