"""Gold: entered by hand or by a manifest, never half; it never retires and counts nowhere."""

import json

import numpy as np
import pytest

from inference.formats.tree import Tree, load_built_in
from tests import make
from webapp.accounts.models import Role
from webapp.classifications import gold, gold_csv, recount
from webapp.classifications.expert import GoldUnusable
from webapp.classifications.models import Gold
from webapp.common.models import AuditEntry
from webapp.consensus.measuring import measure_progress
from webapp.consensus.models import Consensus, Progress, Queue
from webapp.subjects.models import Subject
from webapp.subjects.rows import SourceRefused
from webapp.workflows import gold_rate, services
from webapp.workflows.models import Status

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return make.user("alice", Role.SCIENTIST)


@pytest.fixture
def campaign(alice):
    return make.owned(alice, n_subjects=4, rule={"format": 1, "votes": 2, "artifact": None})


def galaxies(workflow) -> list[Subject]:
    return list(workflow.subject_sets.order_by("pk")[0].subjects.order_by("pk"))


def streams(workflow, subject) -> list[str]:
    rows = Queue.objects.filter(workflow=workflow, subject=subject)
    return sorted(rows.values_list("stream", flat=True))


# By hand


def test_the_first_gold_starts_the_rate_and_both_are_in_the_log(campaign, alice):
    galaxy = galaxies(campaign)[0]
    gold.put_gold(workflow=campaign, subject=galaxy, by=alice, path=[1], words=" Smooth. ")

    row = Gold.objects.get()
    assert (row.subject, row.fractions, row.words) == (galaxy, [0, 1, 0, 0], "Smooth.")
    campaign.refresh_from_db()
    assert campaign.gold_rate == gold_rate.DEFAULT
    assert streams(campaign, galaxy) == ["gain", "gold", "random"]
    rate, put = AuditEntry.objects.order_by("pk")
    assert (rate.action, rate.old, rate.new) == ("change_gold_rate", [], gold_rate.DEFAULT)
    assert (put.action, put.old, put.actor_id) == ("put_gold", None, alice.pk)
    assert put.new == {
        "galaxy": galaxy.survey_id,
        "answers": {"shape.elliptical": 1.0},
        "words": "Smooth.",
    }


def test_a_rate_that_somebody_set_stays(campaign, alice):
    gold_rate.change_gold_rate(workflow=campaign, steps=[[0, 0.1]], by=alice)
    gold.put_gold(workflow=campaign, subject=galaxies(campaign)[0], by=alice, path=[1])
    campaign.refresh_from_db()
    assert campaign.gold_rate == [[0, 0.1]]


def test_putting_gold_again_replaces_it_and_the_log_keeps_what_was(campaign, alice):
    galaxy = galaxies(campaign)[0]
    gold.put_gold(workflow=campaign, subject=galaxy, by=alice, path=[1])
    gold.put_gold(workflow=campaign, subject=galaxy, by=alice, shares={0: 0.7, 2: 0.3})
    assert Gold.objects.get().fractions == [pytest.approx(v) for v in (0.7, 0, 0.3, 0)]
    entry = AuditEntry.objects.latest("pk")
    assert entry.old == {"answers": {"shape.elliptical": 1.0}, "words": ""}


def test_gold_never_retires_and_counts_toward_nothing(campaign, alice):
    first, second = galaxies(campaign)[:2]
    gold.put_gold(workflow=campaign, subject=first, by=alice, path=[0])
    for _ in range(5):
        make.classification(make.visitor(), campaign, first, [0])
        make.classification(make.visitor(), campaign, second, [0])

    tally = Consensus.objects.get(subject=first)
    assert tally.n_classifications == 5
    assert tally.retired_at is None
    assert streams(campaign, first) == ["gain", "gold", "random"]
    assert Consensus.objects.get(subject=second).retired_at
    measure_progress(campaign, is_rationed=False)
    progress = Progress.objects.get()
    assert (progress.n_subjects, progress.n_retired, progress.n_counted) == (3, 1, 2)
    assert list(recount.differences(campaign)) == []


def test_a_retired_galaxy_that_becomes_gold_opens_and_retires_again_without(campaign, alice):
    galaxy = galaxies(campaign)[0]
    for _ in range(2):
        make.classification(make.visitor(), campaign, galaxy, [0])
    assert streams(campaign, galaxy) == []

    gold.put_gold(workflow=campaign, subject=galaxy, by=alice, path=[0])
    assert streams(campaign, galaxy) == ["gain", "gold", "random"]

    assert gold.remove_gold(workflow=campaign, subject=galaxy, by=alice)
    assert streams(campaign, galaxy) == []
    assert not Gold.objects.exists()
    entry = AuditEntry.objects.latest("pk")
    assert entry.action == "remove_gold"
    assert entry.old["answers"] == {"shape.spiral": 1.0}
    assert not gold.remove_gold(workflow=campaign, subject=galaxy, by=alice)


@pytest.mark.parametrize("given", [{"path": [0, 1]}, {"path": []}, {"shares": {0: 0.4}}, {}])
def test_answers_that_are_none_store_nothing(campaign, alice, given):
    with pytest.raises(GoldUnusable):
        gold.put_gold(workflow=campaign, subject=galaxies(campaign)[0], by=alice, **given)
    assert not Gold.objects.exists()
    assert not AuditEntry.objects.exists()
    assert not Consensus.objects.filter(is_gold=True).exists()


def test_a_galaxy_of_elsewhere_is_refused(campaign, alice):
    (stranger,) = make.subjects(1)
    with pytest.raises(GoldUnusable, match="is no galaxy of this campaign"):
        gold.put_gold(workflow=campaign, subject=stranger, by=alice, path=[0])


def test_a_finished_campaigns_gold_stays_as_it_is(alice):
    workflow = make.owned(alice, n_subjects=1, status=Status.FINISHED)
    (galaxy,) = galaxies(workflow)
    with pytest.raises(services.WrongStatus, match="Its gold changes no more"):
        gold.put_gold(workflow=workflow, subject=galaxy, by=alice, path=[0])
    with pytest.raises(services.WrongStatus, match="Its gold changes no more"):
        gold.remove_gold(workflow=workflow, subject=galaxy, by=alice)


def test_a_rate_that_is_none_is_refused_and_stays(campaign, alice):
    with pytest.raises(gold_rate.GoldRateUnusable, match="Let it begin at 0"):
        gold_rate.change_gold_rate(workflow=campaign, steps=[[5, 0.5]], by=alice)
    gold_rate.change_gold_rate(workflow=campaign, steps=[], by=alice)
    assert not AuditEntry.objects.exists()


def test_a_question_whose_answers_changed_is_one_that_experts_were_not_asked(campaign, alice):
    galaxy = galaxies(campaign)[0]
    row = gold.put_gold(workflow=campaign, subject=galaxy, by=alice, shares={0: 0.6, 1: 0.4})
    document = json.loads(load_built_in("three-class").to_json())
    answers = document["questions"][0]["answers"]
    assert np.allclose(gold.on_axis(row, load_built_in("three-class")), [0.6, 0.4, 0, 0])

    document["questions"][0]["answers"] = [answers[0] | {"key": "ring"}, *answers]
    assert np.isnan(gold.on_axis(row, Tree.parse(document))).all()
    document["questions"][0]["answers"] = answers[1:]
    assert np.isnan(gold.on_axis(row, Tree.parse(document))).all()
    document["questions"][0]["answers"] = answers[:3]
    assert np.allclose(gold.on_axis(row, Tree.parse(document)), [0.6, 0.4, 0])


# By a manifest


@pytest.fixture
def read(campaign, tmp_path):
    """Write a manifest of this text, whose %0 and so on are the campaign's galaxies."""

    def write(text: str, encoding: str = "utf-8"):
        for number, galaxy in enumerate(galaxies(campaign)):
            text = text.replace(f"%{number}", galaxy.survey_id)
        path = tmp_path / "gold.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


WALKS = "survey_id,answers,words\n%0,shape.spiral,Arms\n%1,shape.elliptical,\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (WALKS, "utf-8"),
        (WALKS, "utf-8-sig"),
        (WALKS, "utf-16"),
        (WALKS.replace(",", ";").replace("\n", "\r\n"), "utf-8"),
        ("Survey_ID,Answers,WORDS\n\n" + WALKS.partition("\n")[2], "utf-8"),
        ("words,shape_spiral,shape.elliptical,survey_id\nArms,1,,%0\n,0,1.0,%1\n", "utf-8"),
    ],
)
def test_a_manifest_is_stored_whoever_wrote_it(campaign, alice, read, text, encoding):
    done = gold_csv.import_gold(workflow=campaign, path=read(text, encoding), by=alice)

    assert (done.n_galaxies, done.n_replaced) == (2, 0)
    found = list(Gold.objects.order_by("subject_id").values_list("fractions", "words"))
    assert found == [([1, 0, 0, 0], "Arms"), ([0, 1, 0, 0], "")]
    assert Consensus.objects.filter(is_gold=True).count() == 2
    assert Queue.objects.filter(stream="gold").count() == 2
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.old, entry.new["galaxies"]) == ("import_gold", None, 2)


def test_importing_again_says_what_was_replaced(campaign, alice, read):
    gold_csv.import_gold(workflow=campaign, path=read(WALKS), by=alice)
    done = gold_csv.import_gold(
        workflow=campaign, path=read("survey_id,answers\n%0,shape.irregular\n"), by=alice
    )
    assert (done.n_galaxies, done.n_replaced) == (1, 1)
    old = AuditEntry.objects.latest("pk").old
    assert old == {
        galaxies(campaign)[0].survey_id: {"answers": {"shape.spiral": 1.0}, "words": "Arms"}
    }


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("Nowhere,shape.spiral,", "The campaign has no galaxy 'Nowhere'. Check the spelling"),
        (",shape.spiral,", "The row has no survey id: fill it in."),
        ("%2,,", "The row has no answers"),
        ("%2,shape.square,", "The tree has no answer 'shape.square'"),
        ("%2,shape.spiral;shape.irregular,", "Question"),
        ("%2,shape.spiral", "The row has 2 cells and the header 3"),
        ("%0,shape.spiral,", "stands in row 2 already: remove one of them."),
        (f"%2,shape.spiral,{'a' * 501}", "501 characters, and at most 500"),
        ("%2\0,shape.spiral,", "NUL character"),
    ],
)
def test_one_bad_row_keeps_all_out(campaign, alice, read, row, words):
    path = read(WALKS + row + "\n")
    with pytest.raises(gold_csv.GoldRefused) as refused:
        gold_csv.import_gold(workflow=campaign, path=path, by=alice)
    assert words in str(refused.value)
    assert str(refused.value).startswith("Row 4: ")
    assert [problem.row for problem in refused.value.problems] == [4]
    assert not Gold.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("0.5,0.4", "The shares of “shape” sum to 0.9"),
        ("-0.1,1.1", "-0.1 is no share of experts for shape.spiral"),
        ("nan,1", "nan is no share"),
        ("inf,0", "inf is no share"),
        ("half,half", "'half' is no share of experts for shape.spiral. Write 0 to 1"),
        (",", "The first question, “shape”, has no shares"),
    ],
)
def test_shares_of_a_row_that_cannot_be_are_named(campaign, read, cells, words):
    path = read(f"survey_id,shape.spiral,shape.elliptical\n%1,1,0\n%0,{cells}\n")
    (problem,) = gold_csv.check(campaign, path).problems
    assert problem.row == 3
    assert words in problem.reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("survey_id,answer\n%0,x\n", "The column 'answer' is neither survey_id, set, answers"),
        ("survey_id,shape.square\n%0,1\n", "The column 'shape.square' is neither"),
        ("galaxy,answers\n%0,x\n", "The column 'galaxy' is neither"),
        ("answers\nshape.spiral\n", "has no column survey_id"),
        ("survey_id\n%0\n", "has no answers. Add a column answers"),
        ("survey_id,answers,shape.spiral\n%0,x,1\n", "Keep one kind"),
        ("survey_id,answers,Answers\n%0,x,x\n", "Two columns say the same"),
        ("survey_id,shape.spiral,shape_spiral\n%0,1,1\n", "Two columns say the same"),
        ("survey_id,answers\n", "no rows below its header"),
    ],
)
def test_a_manifest_with_other_columns_is_refused_as_a_whole(campaign, read, text, words):
    with pytest.raises(GoldUnusable) as refused:
        gold_csv.check(campaign, read(text))
    assert words in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xe0 no text", b"PK\3\4\0\0\0\0"])
def test_what_is_no_csv_is_refused(campaign, tmp_path, content):
    path = tmp_path / "gold.csv"
    path.write_bytes(content)
    with pytest.raises((SourceRefused, GoldUnusable)):
        gold_csv.check(campaign, path)


def test_too_many_rows_are_refused(campaign, read, monkeypatch):
    monkeypatch.setattr(gold_csv, "MAX_ROWS", 1)
    with pytest.raises(GoldUnusable, match="more than 1 rows"):
        gold_csv.check(campaign, read(WALKS))


def test_a_name_in_two_sets_needs_its_set(campaign, alice, read):
    galaxy = galaxies(campaign)[0]
    (twin,) = make.subjects(1)
    Subject.objects.filter(pk=twin.pk).update(survey_id=galaxy.survey_id)
    make.link(campaign, twin.subject_set)

    (problem,) = gold_csv.check(campaign, read("survey_id,answers\n%0,shape.spiral\n")).problems
    assert "Several sets have a galaxy" in problem.reason
    assert twin.subject_set.slug in problem.reason

    text = f"survey_id,set,answers\n%0,{twin.subject_set.slug},shape.spiral\n"
    gold_csv.import_gold(workflow=campaign, path=read(text), by=alice)
    assert Gold.objects.get().subject_id == twin.pk
    (problem,) = gold_csv.check(campaign, read(text.replace("set-", "no-"))).problems
    assert "has no galaxy" in problem.reason


def test_down_a_whole_tree_a_row_of_shares_is_read_by_column(alice, tmp_path):
    tree = load_built_in("galaxy-zoo-2")
    workflow = make.owned(alice, tree=tree, n_subjects=1)
    (galaxy,) = galaxies(workflow)
    path = next(iter(tree.paths()))
    cells = {tree.column(tree.answers[index]): "1" for index in path}
    header, row = ",".join(["survey_id", *cells]), ",".join([galaxy.survey_id, *cells.values()])
    manifest = tmp_path / "gold.csv"
    manifest.write_text(f"{header}\n{row}\n")
    gold_csv.import_gold(workflow=workflow, path=manifest, by=alice)
    stored = Gold.objects.get().fractions
    assert [index for index, value in enumerate(stored) if value] == sorted(path)
