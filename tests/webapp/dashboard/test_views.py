"""The owners' pages: forms, refusals, and nothing that runs in them."""

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from inference.formats.tree import load_built_in
from tests import make
from webapp.accounts.models import Role
from webapp.classifications.models import Classification, Standing
from webapp.common.models import AuditEntry
from webapp.consensus.measuring import measure_progress
from webapp.consensus.services import flag_subject
from webapp.subjects.models import SetLink, Subject
from webapp.workflows.models import Status, TreeVersion, Workflow

pytestmark = pytest.mark.django_db
PAGES = (
    "campaign",
    "sets",
    "tree",
    "rule",
    "texts",
    "owners",
    "insight",
    "gold",
    "gold_file",
    "gold_rate",
    "people",
    "retired",
    "flagged",
    "history",
)
XSS = "<script>alert(1)</script><img src=x onerror=alert(2)><b hx-get=/x>\"'"


@pytest.fixture
def alice(client):
    user = make.user("alice", Role.SCIENTIST)
    client.force_login(user)
    return user


def address(name: str, workflow: Workflow, *rest: object) -> str:
    return reverse(f"dashboard:{name}", args=[workflow.slug, *rest])


def document(**changes: object) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(load_built_in("three-class").to_json())
    return known | changes


def upload(tree: object) -> SimpleUploadedFile:
    content = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return SimpleUploadedFile("tree.json", content)


def assert_nothing_runs(html: str) -> None:
    assert not re.search(r"<script(?![^>]*\ssrc=)", html)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", html)


# Making one


def test_a_campaign_is_made_from_a_built_in_tree(client, alice):
    answer = client.post(
        reverse("dashboard:create"), {"name": "Deep", "choice": "galaxy-zoo-2"}, follow=True
    )
    workflow = Workflow.objects.get()
    assert answer.redirect_chain == [(address("campaign", workflow), 302)]
    assert workflow.tree.key == "galaxy-zoo-2"
    assert list(workflow.owners.all()) == [alice]
    assert "A draft. Link a set of galaxies next." in answer.content.decode()


def test_a_campaign_is_made_from_an_uploaded_tree(client, alice):
    tree = upload(document(title="My own"))
    client.post(reverse("dashboard:create"), {"name": "Deep", "choice": "upload", "file": tree})
    assert Workflow.objects.get().tree.title == "My own"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": "", "choice": "three-class"}, "This field is required."),
        ({"name": "A\0B", "choice": "three-class"}, "Null characters are not allowed."),
        ({"name": "A", "choice": "mine"}, "Select a valid choice."),
        ({"name": "A", "choice": "upload"}, "No file was sent."),
        ({"name": "A", "choice": "upload", "file": b""}, "Line 1, column 1 is not JSON"),
        ({"name": "A", "choice": "upload", "file": b"\xff"}, "Byte 0 of the file is not UTF-8."),
        ({"name": "A", "choice": "upload", "file": b" " * 1_000_001}, "larger than 1 MB"),
        (
            {"name": "A", "choice": "upload", "file": document(questions=[])},
            "has no questions. Write a list with at least one.",
        ),
    ],
)
def test_what_cannot_be_made_answers_422_with_the_form_and_stores_nothing(
    client, alice, sent, words
):
    if "file" in sent:
        sent = sent | {"file": upload(sent["file"])}
    answer = client.post(reverse("dashboard:create"), sent)

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Workflow.objects.exists()
    assert not TreeVersion.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_tree_with_a_loop_is_refused_by_its_question(client, alice):
    tree = json.loads(load_built_in("galaxy-zoo-2").to_json())
    question = tree["questions"][1]
    question["answers"][0]["next"] = tree["questions"][0]["key"]

    answer = client.post(
        reverse("dashboard:create"), {"name": "A", "choice": "upload", "file": upload(tree)}
    )

    assert answer.status_code == 422
    assert question["key"] in answer.content.decode()
    assert not TreeVersion.objects.exists()


# Launching, and what follows


def test_the_launch_names_the_failing_line(client, alice):
    workflow = make.launchable(alice, summary="")
    answer = client.post(address("launch", workflow))
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "Not launched: The summary for volunteers is empty." in html
    assert html.index('role="alert">Not launched') < html.index('id="checklist"')


def test_a_draft_is_launched_with_its_test_votes_kept(client, alice):
    workflow = make.launchable(alice)
    make.classification(make.visitor(), workflow, Subject.objects.first())

    assert client.post(address("launch", workflow)).status_code == 422
    answer = client.post(address("launch", workflow), {"keeps_test_votes": "1"}, follow=True)

    assert "Launched" in answer.content.decode()
    workflow.refresh_from_db()
    assert workflow.status == Status.LIVE
    entry = AuditEntry.objects.get(action="launch")
    assert entry.new == {"status": "live", "test_votes_kept": 1}
    assert Standing.objects.get().state == Standing.State.TEST


def test_one_button_clears_the_test_votes_and_they_stay_in_the_log(client, alice):
    workflow = make.launchable(alice)
    visitor = make.visitor()
    make.classification(visitor, workflow, Subject.objects.first())

    page = client.get(address("test_votes", workflow)).content.decode()
    assert "1 vote was given before the launch." in page
    answer = client.post(address("test_votes", workflow), follow=True)

    assert "1 test vote cleared." in answer.content.decode()
    assert Standing.objects.get().state == Standing.State.CLEARED
    assert Classification.objects.count() == 1
    assert AuditEntry.objects.get(action="clear_test_votes").new == {"cleared": 1}


def test_finishing_asks_first(client, alice):
    workflow = make.owned(alice)
    assert "cannot be taken back" in client.get(address("finish", workflow)).content.decode()
    workflow.refresh_from_db()
    assert workflow.status == Status.LIVE

    client.post(address("finish", workflow))
    workflow.refresh_from_db()
    assert workflow.status == Status.FINISHED


def test_a_duplicate_opens_as_a_draft(client, alice):
    workflow = make.owned(alice)
    answer = client.post(address("duplicate", workflow), follow=True)
    copy = Workflow.objects.exclude(pk=workflow.pk).get()
    assert answer.redirect_chain == [(address("campaign", copy), 302)]
    assert f"{workflow.name} (copy)" in answer.content.decode()


def test_the_two_bars_are_votes_that_count_and_galaxies_retired(client, alice):
    workflow = make.owned(alice, n_subjects=2)  # three votes each
    subject = workflow.subject_sets.get().subjects.first()
    for _ in range(3):
        make.classification(make.visitor(), workflow, subject)
    measure_progress(workflow, is_rationed=False)

    html = client.get(address("campaign", workflow)).content.decode()
    assert "3 of 6, 50 %" in html
    assert "1 of 2, 50 %" in html


# Sets


def test_a_set_is_linked_and_unlinked(client, alice):
    workflow, subject_set = make.owned(alice), make.subjects(1)[0].subject_set
    subject_set.owners.add(alice)

    client.post(address("sets", workflow), {"subject_set": subject_set.slug})
    assert SetLink.objects.get().is_linked

    page = client.get(address("unlink", workflow, subject_set.slug)).content.decode()
    assert f"Unlink “{subject_set.name}”?" in page
    client.post(address("unlink", workflow, subject_set.slug))
    assert not SetLink.objects.get().is_linked


@pytest.mark.parametrize("slug", ["no-such-set", "", "a\0b", "foreign"])
def test_a_set_that_is_not_mine_is_not_linked(client, alice, slug):
    workflow, foreign = make.owned(alice), make.subjects(1)[0].subject_set
    sent = foreign.slug if slug == "foreign" else slug
    answer = client.post(address("sets", workflow), {"subject_set": sent})
    assert answer.status_code == 422
    assert "No set was chosen." in answer.content.decode()
    assert foreign.name not in answer.content.decode()
    assert not SetLink.objects.exists()


# Rule, texts, tree, owners


@pytest.mark.parametrize(
    ("sent", "artifact"),
    [
        ({"then": ""}, None),
        ({"then": "flag", "artifact_votes": "2"}, (2, "flag")),
        ({"then": "retire", "artifact_votes": "1"}, (1, "retire")),
    ],
)
def test_the_rule_is_saved(client, alice, sent, artifact):
    workflow = make.owned(alice)
    answer = client.post(address("rule", workflow), {"votes": "7"} | sent)
    assert answer.status_code == 302
    workflow.refresh_from_db()
    assert workflow.rule["votes"] == 7
    stored = workflow.rule["artifact"]
    assert (stored and (stored["votes"], stored["then"])) == artifact


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"votes": "0"}, "Write a whole number from 1 to 10,000."),
        ({"votes": "1" + "0" * 40}, "Write a whole number from 1 to 10,000."),
        ({"votes": "1" + "0" * 5000}, "is no whole number. Write one, such as 40."),
        ({"votes": "1e3"}, "“1e3” is no whole number. Write one, such as 40."),
        ({"votes": "5", "then": "flag", "artifact_votes": "6"}, "Write a number up to 5."),
        ({"votes": "5", "then": "flag"}, "has the votes None"),
        ({"votes": "5", "then": "burn"}, "Select a valid choice."),
    ],
)
def test_a_rule_that_cannot_be_followed_answers_422_and_changes_nothing(client, alice, sent, words):
    workflow = make.owned(alice)
    answer = client.post(address("rule", workflow), sent)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert workflow.rule == Workflow.objects.get().rule
    assert not AuditEntry.objects.exists()


def test_a_tree_without_a_bad_picture_has_a_rule_without_it(client, alice):
    tree = document()
    del tree["questions"][0]["answers"][3]
    client.post(
        reverse("dashboard:create"), {"name": "A", "choice": "upload", "file": upload(tree)}
    )
    workflow = Workflow.objects.get()
    assert "artifact_votes" not in client.get(address("rule", workflow)).content.decode()
    assert client.post(address("rule", workflow), {"votes": "5"}).status_code == 302


def test_a_preview_shows_the_markdown_and_saves_nothing(client, alice):
    workflow = make.owned(alice, text="Old.")
    sent = {"name": "New name", "summary": "", "text": "Look for **arms**. " + XSS}

    html = client.post(address("texts", workflow), sent | {"preview": "1"}).content.decode()

    assert "<strong>arms</strong>" in html
    assert_nothing_runs(html.replace("onerror=alert(2)&gt;", ""))
    workflow.refresh_from_db()
    assert (workflow.name != "New name", workflow.text) == (True, "Old.")

    client.post(address("texts", workflow), sent)
    workflow.refresh_from_db()
    assert workflow.name == "New name"


def test_a_typo_is_taken_at_once(client, alice):
    workflow = make.owned(alice)
    tree = document()
    tree["questions"][0]["text"] = "Which kind?"

    client.post(address("tree", workflow), {"choice": "upload", "file": upload(tree)})

    workflow.refresh_from_db()
    assert workflow.version == "1.1"


def test_another_structure_is_shown_in_words_then_confirmed(client, alice):
    workflow = make.owned(alice)
    old = workflow.tree.sha256

    asked = client.post(address("tree", workflow), {"choice": "galaxy-zoo-2"})
    html = asked.content.decode()
    assert asked.status_code == 200
    assert "Question &quot;shape&quot; is gone." in html
    workflow.refresh_from_db()
    assert workflow.tree.sha256 == old

    sent = dict(re.findall(r'name="(tree|instead_of)" value="([^"]*)"', html))
    client.post(address("confirm_tree", workflow), sent)
    workflow.refresh_from_db()
    assert (workflow.version, workflow.tree.key) == ("2.0", "galaxy-zoo-2")


def test_an_owner_is_added_and_removed(client, alice):
    workflow, bob = make.owned(alice), make.user("bob", Role.SCIENTIST)

    client.post(address("owners", workflow), {"username": "bob"})
    assert bob in workflow.owners.all()
    answer = client.post(address("remove_owner", workflow, alice.pk))
    assert answer.headers["Location"] == reverse("dashboard:campaigns")
    assert list(workflow.owners.all()) == [bob]


def test_nobody_of_that_name_is_refused_in_the_form(client, alice):
    answer = client.post(address("owners", make.owned(alice)), {"username": "nobody"})
    assert answer.status_code == 422
    assert "No scientist here is called “nobody”." in answer.content.decode()


# What others wrote


@pytest.mark.parametrize("status", Status.values)
@pytest.mark.parametrize("name", PAGES)
def test_what_others_wrote_runs_nowhere(client, alice, name, status):
    tree = document(title=XSS[:100])
    question = tree["questions"][0]
    question["text"] = question["answers"][0]["label"] = XSS[:100]
    workflow = make.owned(
        alice, tree=type(load_built_in("three-class")).parse(tree), n_subjects=1,
        summary=XSS[:100], text=XSS, status=Status(status),
        rule={"format": 1, "votes": 1, "artifact": None},
    )  # fmt: skip
    Workflow.objects.update(name=XSS[:100])
    Subject.objects.update(survey_id=XSS)
    workflow.subject_sets.update(name=XSS)
    make.classification(make.visitor(), workflow, Subject.objects.get())
    flag_subject(workflow_id=workflow.pk, subject_id=Subject.objects.get().pk, words=XSS)
    AuditEntry.objects.create(
        action="look", target="workflow", target_id=str(workflow.pk), old=XSS, new={XSS: XSS}
    )

    html = client.get(address(name, workflow)).content.decode()

    assert "&lt;script&gt;" in html
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "<b hx-get" not in html
    assert_nothing_runs(re.sub(r"onerror=alert\(2\)&gt;", "", html))


@pytest.mark.parametrize("tree", ["galaxy-zoo-2", "galaxy-zoo-decals"])
def test_the_tree_is_drawn_with_a_table_of_the_same(client, alice, tree):
    workflow = make.owned(alice, tree=load_built_in(tree))
    html = client.get(address("tree", workflow)).content.decode()
    assert html.count('<g class="node node-') >= 1
    assert html.count('scope="rowgroup"') == workflow.tree.n_questions
    assert "classification ends there" in html


def test_the_list_shows_own_campaigns_only_and_an_administrator_all(client, alice):
    own, foreign = make.owned(alice), make.workflow()
    html = client.get(reverse("dashboard:campaigns")).content.decode()
    assert own.name in html
    assert foreign.name not in html

    client.force_login(make.user("admin", Role.ADMIN))
    html = client.get(reverse("dashboard:campaigns")).content.decode()
    assert own.name in html
    assert foreign.name in html


@pytest.mark.parametrize(
    "name", ["workflows_workflow", "workflows_treeversion", "subjects_subject",
             "subjects_subjectset", "consensus_consensus", "consensus_flag"],
)  # fmt: skip
def test_the_admin_site_is_for_looking(client, name):
    make.workflow(n_subjects=1)
    client.force_login(make.user("admin", Role.ADMIN))
    assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200
    assert client.get(reverse(f"admin:{name}_add")).status_code == 403
