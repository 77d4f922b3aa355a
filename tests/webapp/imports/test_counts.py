"""Tables of votes count into what is known, and no recount loses them."""

import pytest

from inference.formats.tree import load_built_in
from tests import make
from tests.webapp.imports.test_import import campaign, counts, files, read, table
from webapp.classifications import recount
from webapp.consensus.models import Consensus, ImportedTally
from webapp.imports.counts import MOST_CHARACTERS, source_of
from webapp.subjects.models import SubjectSet

pytestmark = pytest.mark.django_db
__all__ = ["campaign", "files"]
HEADER = ["iauname", "ra", "dec", "smooth-or-featured_smooth", "smooth-or-featured_artifact"]


def test_the_votes_of_decals_come_in_and_stay(campaign, shared):
    file = shared / "data/decals_votes/votes_full_tree.csv"
    assert counts(read("tallies", file, campaign)) == (1117, 0, 0)
    assert counts(read("tallies", file, campaign)) == (0, 1117, 0)
    tally = Consensus.objects.get(subject__survey_id="20242697")
    assert tally.votes[campaign.tree.tree.answer("smooth-or-featured.featured-or-disk").index] == 1
    assert list(recount.differences(campaign)) == []
    recount.repair_subjects(campaign, [tally.subject_id])
    assert Consensus.objects.get(pk=tally.pk).votes == tally.votes


def test_the_votes_of_galaxy_zoo_2_come_in(shared):
    made = make.workflow(tree=load_built_in("galaxy-zoo-2"))
    make.link(made, SubjectSet.objects.create(slug="s", name="S"))
    assert counts(read("tallies", shared / "data/gz2_stripe82/votes_imaged.csv", made)) == (
        269,
        0,
        0,
    )
    first = Consensus.objects.get(subject__survey_id="8647474692505993348")
    assert (first.n_classifications, first.votes[:3], first.asked[0]) == (20, [15, 1, 4], 20)


def test_counts_and_single_votes_add_up(campaign, tmp_path):
    (galaxy,) = make.subjects(1, campaign.subject_sets.get())
    make.link_again(campaign)
    make.classification(make.visitor(), campaign, galaxy, [2])
    file = table(tmp_path / "a.csv", HEADER, [galaxy.survey_id, "", "", "7.0", "1"])
    assert counts(read("tallies", file, campaign)) == (1, 0, 0)
    tally = Consensus.objects.get()
    assert (tally.n_classifications, tally.votes[0], tally.votes[2], tally.asked[0]) == (9, 7, 2, 9)
    assert tally.weighted[:3] == [7.0, 0.0, 2.0]
    changed = table(tmp_path / "a.csv", HEADER, [galaxy.survey_id, "", "", "3", "1"])
    assert counts(read("tallies", changed, campaign)) == (1, 0, 0)
    assert Consensus.objects.get().votes[0] == 3
    assert ImportedTally.objects.count() == 1


@pytest.mark.parametrize("bad", ["-1", "0.5", "many", "1e99"])
def test_what_is_no_count_is_refused(campaign, tmp_path, bad):
    file = table(tmp_path / "a.csv", HEADER, ["J1", "1", "2", bad, "1"], ["", "1", "2", "1", "1"])
    assert counts(read("tallies", file, campaign)) == (0, 0, 2)


def test_a_table_of_another_tree_is_refused_whole(campaign, tmp_path):
    batch = read("tallies", table(tmp_path / "a.csv", ["iauname", "x"], ["J1", "1"]), campaign)
    assert batch.status == "failed"
    assert "No column is an answer" in batch.error


def test_tables_with_long_names_do_not_take_each_others_place():
    names = ["votes.csv", "a" * 100, "a" * 101 + "1", "a" * 101 + "2"]
    kept = [source_of(name) for name in names]
    assert kept[:2] == names[:2]
    assert len(set(kept)) == 4
    assert max(map(len, kept)) <= MOST_CHARACTERS


NAMED = ["subject_id", "iauname", "ra", "dec", "smooth-or-featured_smooth"]


def test_a_galaxy_is_the_one_that_the_set_has_under_any_of_its_names(campaign, tmp_path):
    (galaxy,) = make.subjects(1, campaign.subject_sets.get())
    make.link_again(campaign)
    file = table(
        tmp_path / "a.csv", NAMED,
        ["77", galaxy.survey_id, "", "", "3"], ["78", "J2", "", "", "4"], ["", "J3", "", "", "5"],
    )  # fmt: skip
    assert counts(read("tallies", file, campaign)) == (3, 0, 0)
    assert counts(read("tallies", file, campaign)) == (0, 3, 0)
    found = {row.subject.survey_id: row.votes[0] for row in Consensus.objects.all()}
    assert found == {galaxy.survey_id: 3, "78": 4, "J3": 5}  # a new one has the first name


def test_names_of_different_galaxies_are_refused_with_their_columns(campaign, tmp_path):
    one, other = make.subjects(2, campaign.subject_sets.get())
    make.link_again(campaign)
    file = table(
        tmp_path / "a.csv", NAMED,
        [one.survey_id, other.survey_id, "", "", "3"], [one.survey_id, "", "", "", "1"],
    )  # fmt: skip
    batch = read("tallies", file, campaign)
    assert counts(batch) == (1, 0, 1)
    reason = batch.problems.get().reason
    assert f"subject_id '{one.survey_id}' and iauname '{other.survey_id}'" in reason
    assert ImportedTally.objects.get().subject_id == one.pk
