"""Every number of the catalog comes out of the single votes of the same release."""

import json

import numpy as np
import pandas as pd
import pytest

from inference.formats.tree import load_built_in
from tests import make
from tests.webapp.exports.recomputed import Recomputed
from webapp.accounts.models import Role
from webapp.classifications import recount
from webapp.classifications.models import Standing
from webapp.consensus.models import Consensus
from webapp.exports import services
from webapp.exports.columns import catalog_columns
from webapp.exports.models import Release
from webapp.exports.tasks import run_exports

pytestmark = pytest.mark.django_db
# What is not of votes: where and what a galaxy is, what the network alone says, its state.
OTHERS = {
    "source_id", "survey_id", "iau_name", "ra", "dec", "survey", "ml", "ml_model", "tree",
    "retired_at", "retired_reason", "n_flags", "data_release", "quality",
}  # fmt: skip
SLACK = {"post_lo": 1e-3, "post_hi": 1e-3}  # as docs/catalog.md says
EXACT = {"n_classifications", "n_votes", "votes", "lead", "agree"}


@pytest.fixture
def answered():
    """Eight galaxies along the tree of DECaLS: people of all weights, networks for some."""
    chance = np.random.default_rng(4)
    workflow = make.workflow(n_subjects=8, tree=load_built_in("galaxy-zoo-decals"),
                             rule={"format": 1, "votes": 50, "artifact": None})  # fmt: skip
    tree, galaxies = workflow.tree.tree, list(workflow.subject_sets.get().subjects.order_by("pk"))
    people = [make.visitor() for _ in range(6)]
    for number, galaxy in enumerate(galaxies):
        for person in people[: min(number, 6)]:
            walk = tree.walk([])
            while walk.open:
                span = list(walk.open.span)
                n = 1 if walk.open.is_single else int(chance.integers(1, 4))
                chosen = sorted(int(one) for one in chance.choice(span, n, replace=False))
                walk = tree.step(walk, chosen)
            make.classification(person, workflow, galaxy, path=list(walk.path))
    for number, one in enumerate(Standing.objects.order_by("pk")):
        state = "excluded" if number % 7 == 3 else "counted"
        Standing.objects.filter(pk=one.pk).update(weight=0.125 * (number % 9), state=state)
    model = make.model(workflow=workflow)
    for galaxy in galaxies[1::2]:
        prior = chance.gamma(2.0, 2.0, tree.n_answers).astype(np.float32)
        Consensus.objects.filter(subject=galaxy).update(prior=prior.tolist(), prior_model=model)
    recount.repair_subjects(workflow, [galaxy.pk for galaxy in galaxies])
    return workflow


def released(workflow, by) -> tuple[Release, pd.DataFrame, Recomputed]:
    """Return a release, its catalog, and the same from its votes and its tree alone."""
    release = services.make_release(workflow=workflow, by=by, title="T", authors=["A"],
                                    license="CC0-1.0")  # fmt: skip
    run_exports()
    release.refresh_from_db()
    assert release.status == "done", release.error + release.traceback
    folder, rows = release.folder, Consensus.objects.filter(workflow=workflow)
    catalog = pd.read_parquet(folder / "catalog.parquet")
    votes = pd.read_parquet(folder / "votes.parquet")
    (document,) = (folder / "trees").iterdir()
    priors = {row.subject_id: row.prior for row in rows if row.prior}
    found = Recomputed(json.loads(document.read_text()), votes, catalog.source_id.tolist(), priors)
    return release, catalog, found


def test_the_catalogs_numbers_come_out_of_the_votes(answered):
    _, catalog, found = released(answered, make.user("alice", Role.SCIENTIST))
    n_compared = 0
    for column in catalog_columns(answered.tree.tree):
        if column.family in OTHERS or column.family == "agree":
            continue
        place = (column.question if column.answer is None else column.answer) or 0
        values, expected = catalog[column.name].tolist(), found.said[column.family, place]
        if column.family in EXACT:
            assert values == expected, column.name
        else:
            slack = SLACK.get(column.family, 1e-6)
            np.testing.assert_allclose(values, expected, rtol=0, atol=slack, err_msg=column.name)
        n_compared += len(values)
    assert n_compared == 8 * (1 + 3 * 11 + 41 * 8)


def test_people_and_network_agree_where_both_lead_to_the_same(answered):
    _, catalog, found = released(answered, make.user("alice", Role.SCIENTIST))
    columns = catalog_columns(answered.tree.tree)
    seen = set()
    for column in (one for one in columns if one.family == "agree"):
        own = [one for one in columns if one.family == "ml" and one.question == column.question]
        keys = [answered.tree.tree.answers[one.answer].key for one in own]
        is_single = answered.tree.tree.questions[column.question].is_single
        people = found.said["people's lead", column.question]
        for row, said in enumerate(catalog[column.name]):
            shares = [catalog[one.name][row] for one in own]
            leads = not np.isnan(shares[0]) and (is_single or max(shares) > 0.5)
            network = keys[int(np.argmax(shares))] if leads else ""
            both = people[row] and network
            assert said == (int(people[row] == network) if both else -1), column.name
            seen.add(said)
    assert seen == {-1, 0, 1}
