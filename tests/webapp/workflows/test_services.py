"""Writing trees and campaigns."""

import json

import pytest

from inference.belief.retirement import Rule
from inference.formats.tree import Tree, load_built_in
from tests import make
from webapp.accounts.models import Role
from webapp.common.models import AuditEntry
from webapp.workflows import services
from webapp.workflows.models import Status, TreeVersion, Workflow
from webapp.workflows.readiness import Line

pytestmark = pytest.mark.django_db
PASSED = Line(is_passed=True, words="Fine.")
FAILED = Line(is_passed=False, words="No galaxies.", remedy="Link a set.")
RULE = {
    "format": 2,
    "votes": 5,
    "certainty": None,
    "artifact": None,
    "artifact_of_set": {},
    "gold": "never",
}


@pytest.fixture
def alice():
    return make.user("alice", Role.SCIENTIST)


def edited(change) -> Tree:
    """The three-class tree after a change of its document."""
    document = json.loads(load_built_in("three-class").to_json())
    change(document)
    return Tree.parse(document)


def with_typo(document):
    document["questions"][0]["text"] = "Which kind of galaxy is this?"


def with_ring(document):
    answer = document["questions"][0]["answers"][0]
    document["questions"][0]["answers"].insert(0, answer | {"key": "ring", "label": "Ring"})


def with_other_artifact(document):
    document["questions"][0]["answers"][3]["key"] = "broken"


def without_artifact(document):
    del document["questions"][0]["answers"][3]


def entries(action: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=action))


def test_a_tree_is_stored_once_however_it_is_written(alice):
    tree = load_built_in("three-class")
    pretty = json.dumps(json.loads(tree.to_json()), indent=8)

    first = services.publish_tree(document=tree.to_json(), by=alice)
    again = services.publish_tree(document=pretty.encode(), by=alice)

    assert first == again
    assert TreeVersion.objects.get().sha256 == tree.sha256
    assert [entry.actor_id for entry in entries("publish_tree")] == [alice.pk]


def test_a_tree_with_a_dangling_next_is_refused_by_its_question(alice):
    document = json.loads(load_built_in("three-class").to_json())
    document["questions"][0]["answers"][0]["next"] = "bar"

    with pytest.raises(services.TreeUnusable, match="shape"):
        services.publish_tree(document=json.dumps(document), by=alice)
    assert not TreeVersion.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_new_campaign_is_a_draft_with_the_usual_rule(alice):
    workflow = services.create_workflow(
        name="Spirals & bars", tree=make.tree_version(), owner=alice
    )

    assert workflow.slug == "spirals-bars"
    assert workflow.status == Status.DRAFT
    assert list(workflow.owners.all()) == [alice]
    artifact = {"answers": ["shape.artifact"], "votes": 3, "then": "flag"}
    assert workflow.rule == RULE | {"votes": 40, "artifact": artifact}
    (entry,) = entries("create_workflow")
    assert entry.target_id == str(workflow.pk)
    assert entry.actor_id == alice.pk


def test_campaigns_of_one_name_have_addresses_of_their_own(alice):
    tree = make.tree_version()
    names = ["Disks", "Disks", "disks!", "星系", "星系"]

    slugs = [services.create_workflow(name=n, tree=tree, owner=alice).slug for n in names]

    assert slugs == ["disks", "disks-2", "disks-3", "campaign", "campaign-2"]


def test_a_volunteer_may_not_own_a_campaign():
    bob = make.user("bob")
    with pytest.raises(services.NoSuchScientist, match="bob is no scientist"):
        services.create_workflow(name="Mine", tree=make.tree_version(), owner=bob)
    assert not Workflow.objects.exists()


def test_a_duplicate_has_tree_rule_and_texts_but_no_votes_sets_or_owners_of_the_old(alice):
    bob = make.user("bob", Role.SCIENTIST)
    workflow = make.owned(bob, n_subjects=1, text="Words.", summary="A line.")
    make.classification(make.visitor(), workflow, workflow.subject_sets.get().subjects.get())

    copy = services.duplicate_workflow(workflow=workflow, by=alice)

    assert (copy.tree, copy.rule, copy.text, copy.summary) == (
        workflow.tree, workflow.rule, "Words.", "A line.",
    )  # fmt: skip
    assert copy.slug != workflow.slug
    assert copy.status == Status.DRAFT
    assert not copy.classifications.exists()
    assert not copy.links.exists()
    assert list(copy.owners.all()) == [alice]
    assert entries("duplicate_workflow")[0].new["copied_from"] == workflow.slug


def test_only_the_texts_that_changed_are_in_the_audit_log(alice):
    workflow = make.workflow(text="Old words.")

    services.edit_texts(
        workflow=workflow, name=workflow.name, summary="", text="New words.", by=alice
    )
    services.edit_texts(
        workflow=workflow, name=workflow.name, summary="", text="New words.", by=alice
    )

    workflow.refresh_from_db()
    assert workflow.text == "New words."
    (entry,) = entries("edit_texts")
    assert (entry.old, entry.new) == ({"text": "Old words."}, {"text": "New words."})


def test_a_change_of_the_rule_is_logged_and_asks_for_judgement(alice):
    workflow = make.workflow()
    old = workflow.rule

    services.change_rule(workflow=workflow, rule=RULE, by=alice)

    workflow.refresh_from_db()
    assert workflow.rule == RULE
    assert (workflow.rule_version, workflow.judged_rule_version) == (2, 1)
    (entry,) = entries("change_rule")
    assert (entry.actor_id, entry.old, entry.new) == (alice.pk, old, RULE)


def test_the_same_rule_again_changes_nothing(alice):
    workflow = make.workflow(rule=RULE)
    services.change_rule(workflow=workflow, rule=dict(RULE), by=alice)

    workflow.refresh_from_db()
    assert workflow.rule_version == 1
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (RULE | {"votes": 0}, "1 to 10,000"),
        (RULE | {"votes": 10**40}, "1 to 10,000"),
        (RULE | {"artifact": {"answers": ["a.b"], "votes": 1, "then": "flag"}}, "does not have"),
    ],
)
def test_a_rule_that_cannot_be_followed_changes_nothing(alice, rule, words):
    workflow = make.workflow(rule=RULE)
    with pytest.raises(services.RuleUnusable, match=words):
        services.change_rule(workflow=workflow, rule=rule, by=alice)

    workflow.refresh_from_db()
    assert (workflow.rule, workflow.rule_version) == (RULE, 1)
    assert not AuditEntry.objects.exists()


def test_a_typo_is_mended_live_as_a_minor_version(alice):
    workflow = make.workflow()
    was, tree = workflow.tree.sha256, make.tree_version(edited(with_typo))

    services.change_tree(workflow=workflow, tree=tree, by=alice)

    workflow.refresh_from_db()
    assert (workflow.tree, workflow.version, workflow.is_tallied) == (tree, "1.1", False)
    (entry,) = entries("change_tree")
    assert entry.old == {"version": "1.0", "tree": was}
    assert entry.new == {"version": "1.1", "tree": tree.sha256}


def test_another_structure_asks_first_and_says_what_changes(alice):
    workflow = make.workflow()
    was, tree = workflow.tree, make.tree_version(edited(with_ring))

    with pytest.raises(services.NeedsConfirmation) as needed:
        services.change_tree(workflow=workflow, tree=tree, by=alice)

    workflow.refresh_from_db()
    assert needed.value.changes == ['Question "shape": answer "ring" is new.']
    assert (workflow.tree, workflow.version) == (was, "1.0")
    assert not entries("change_tree")


def test_a_confirmed_structure_is_a_major_version(alice):
    workflow = make.workflow(minor=3)
    tree = make.tree_version(edited(with_ring))

    services.change_tree(workflow=workflow, tree=tree, by=alice, confirmed=workflow.tree)

    workflow.refresh_from_db()
    assert (workflow.tree, workflow.version) == (tree, "2.0")


def test_a_confirmation_of_a_tree_that_is_gone_by_now_asks_again(alice):
    workflow = make.workflow()
    seen = workflow.tree
    services.change_tree(workflow=workflow, tree=make.tree_version(edited(with_typo)), by=alice)

    with pytest.raises(services.NeedsConfirmation):
        services.change_tree(
            workflow=workflow, tree=make.tree_version(edited(with_ring)), by=alice, confirmed=seen
        )


@pytest.mark.parametrize(
    ("change", "artifact"),
    [
        (with_other_artifact, {"answers": ["shape.broken"], "votes": 2, "then": "retire"}),
        (without_artifact, None),
    ],
)
def test_the_rule_follows_the_answers_for_a_bad_image(alice, change, artifact):
    rule = RULE | {"artifact": {"answers": ["shape.artifact"], "votes": 2, "then": "retire"}}
    workflow = make.workflow(rule=rule)

    services.change_tree(
        workflow=workflow, tree=make.tree_version(edited(change)), by=alice,
        confirmed=workflow.tree,
    )  # fmt: skip

    workflow.refresh_from_db()
    assert workflow.rule == RULE | {"artifact": artifact}
    assert workflow.rule_version == 2
    assert [entry.old for entry in entries("change_rule")] == [rule]


def test_a_rule_that_names_answers_of_its_own_keeps_them(alice):
    own = {"answers": ["shape.irregular"], "votes": 2, "then": "flag"}
    workflow = make.workflow(rule=RULE | {"artifact": own})

    services.change_tree(
        workflow=workflow, tree=make.tree_version(edited(with_other_artifact)), by=alice,
        confirmed=workflow.tree,
    )  # fmt: skip

    workflow.refresh_from_db()
    assert workflow.rule["artifact"] == own
    assert workflow.rule_version == 1


def test_a_failing_line_keeps_a_draft_from_its_launch(alice):
    workflow = make.workflow(status=Status.DRAFT)
    with pytest.raises(services.NotReady, match=r"No galaxies\. Link a set\."):
        services.launch_workflow(workflow=workflow, lines=[PASSED, FAILED], by=alice)

    workflow.refresh_from_db()
    assert workflow.status == Status.DRAFT
    assert not AuditEntry.objects.exists()


def test_a_campaign_goes_through_its_life_with_a_line_for_each_step(alice):
    workflow = make.workflow(status=Status.DRAFT)

    services.launch_workflow(workflow=workflow, lines=[PASSED], by=alice)
    services.pause_workflow(workflow=workflow, by=alice)
    services.resume_workflow(workflow=workflow, by=alice)
    services.finish_workflow(workflow=workflow, by=alice)

    workflow.refresh_from_db()
    assert workflow.status == Status.FINISHED
    assert workflow.launched_at
    assert workflow.finished_at
    steps = AuditEntry.objects.order_by("pk").values_list("action", "old__status", "new__status")
    assert list(steps) == [
        ("launch", "draft", "live"),
        ("pause", "live", "paused"),
        ("resume", "paused", "live"),
        ("finish", "live", "finished"),
    ]


@pytest.mark.parametrize(
    ("status", "service", "words"),
    [
        (Status.LIVE, "launch_workflow", "is live, so it cannot be launched"),
        (Status.DRAFT, "pause_workflow", "is draft, so it cannot be paused"),
        (Status.LIVE, "resume_workflow", "is live, so it cannot be resumed"),
        (Status.DRAFT, "finish_workflow", "is draft, so it cannot be finished"),
        (Status.FINISHED, "finish_workflow", "is finished, so it cannot be finished"),
    ],
)
def test_a_step_out_of_turn_is_refused(alice, status, service, words):
    workflow = make.workflow(status=status)
    lines = {"lines": [PASSED]} if service == "launch_workflow" else {}
    with pytest.raises(services.WrongStatus, match=words):
        getattr(services, service)(workflow=workflow, by=alice, **lines)
    workflow.refresh_from_db()
    assert workflow.status == status
    assert not AuditEntry.objects.exists()


def test_rule_and_tree_of_a_finished_campaign_change_no_more(alice):
    workflow = make.workflow(status=Status.FINISHED)
    with pytest.raises(services.WrongStatus, match="Its rule changes no more"):
        services.change_rule(workflow=workflow, rule=RULE, by=alice)
    with pytest.raises(services.WrongStatus, match="Its tree changes no more"):
        services.change_tree(workflow=workflow, tree=make.tree_version(edited(with_typo)), by=alice)


def test_owners_come_and_go_but_the_last_stays(alice):
    bob = make.user("bob", Role.SCIENTIST)
    workflow = make.owned(alice)

    services.add_owner(workflow=workflow, username="BOB", by=alice)
    services.add_owner(workflow=workflow, username="bob", by=alice)
    assert set(workflow.owners.all()) == {alice, bob}
    services.remove_owner(workflow=workflow, owner=alice, by=bob)

    with pytest.raises(services.LastOwner, match="bob is the only owner"):
        services.remove_owner(workflow=workflow, owner=bob, by=bob)
    assert list(workflow.owners.all()) == [bob]
    assert [entry.new for entry in entries("add_owner")] == [bob.pk]
    assert [entry.old for entry in entries("remove_owner")] == [alice.pk]


@pytest.mark.parametrize("username", ["charlie", "nobody"])
def test_who_is_no_scientist_becomes_no_owner_and_whether_they_exist_is_not_said(alice, username):
    make.user("charlie")
    workflow = make.owned(alice)
    with pytest.raises(services.NoSuchScientist, match=f"No scientist here is called “{username}”"):
        services.add_owner(workflow=workflow, username=username, by=alice)
    assert list(workflow.owners.all()) == [alice]


def test_a_rule_of_the_first_format_that_says_the_same_changes_nothing(alice):
    workflow = make.workflow(rule={"format": 1, "votes": 5, "artifact": None})
    services.change_rule(workflow=workflow, rule=RULE, by=alice)
    workflow.refresh_from_db()
    assert workflow.rule_version == 1


def test_certainty_follows_the_questions_that_another_tree_still_asks():
    was = load_built_in("galaxy-zoo-2")
    now = load_built_in("galaxy-zoo-decals")
    part = {"probability": 0.9, "votes": 3, "questions": ["bar", "something-odd"]}
    followed = services.rule_on(RULE | {"certainty": part}, was, now)["certainty"]
    assert followed["questions"] == ["bar"]
    Rule.parse(RULE | {"certainty": followed}, now)
    gone = services.rule_on(RULE | {"certainty": part | {"questions": ["something-odd"]}}, was, now)
    assert gone["certainty"] is None
    everything = services.rule_on(RULE | {"certainty": part | {"questions": "all"}}, was, now)
    assert everything["certainty"]["questions"] == "all"
