"""The rows of a page are those that exports read."""

import numpy as np
import pytest

from tests import make
from tests.webapp.api.programs import placed
from webapp.api.rows import evidence_of
from webapp.exports import snapshot


@pytest.mark.django_db(transaction=True)
def test_a_page_is_a_part_of_what_exports_read():
    workflow = make.workflow(rule={"format": 1, "votes": 2})
    galaxies = make.subjects(6)
    placed(galaxies[:4], [(float(number), -float(number)) for number in range(4)])
    for number, galaxy in enumerate(galaxies[:3]):
        galaxy.metadata = {"!z": str(number / 8), "#field": f"F{number}", "gap": ""}
        galaxy.save()
    make.link(workflow, galaxies[0].subject_set)
    make.promoted(workflow)
    for galaxy in galaxies[:3]:
        for _ in range(2):
            make.classification(make.visitor(), workflow, galaxy)

    (whole,) = snapshot.evidence(workflow)
    kinds = snapshot.metadata_kinds(workflow)
    page = evidence_of(workflow, [galaxy.pk for galaxy in galaxies[1:5]], kinds)

    expected = whole.part(slice(1, 5))
    for name, values in vars(expected).items():
        if name not in ("tree", "metadata"):
            np.testing.assert_array_equal(getattr(page, name), values, err_msg=name)
            assert getattr(page, name).dtype == values.dtype, name
    assert page.metadata.keys() == expected.metadata.keys()
    for name, values in expected.metadata.items():
        np.testing.assert_array_equal(page.metadata[name], values, err_msg=name)
    assert page.tree == expected.tree


@pytest.mark.django_db
def test_no_galaxies_are_no_rows():
    assert len(evidence_of(make.workflow(n_subjects=1), [])) == 0
