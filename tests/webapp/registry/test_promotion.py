"""Which model a campaign uses: promoting, refusing, going back, and what the log says."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from inference.formats.tree import Tree, load_built_in
from tests import make
from webapp.accounts.models import Role
from webapp.common.models import AuditEntry
from webapp.registry import queries, services
from webapp.registry.models import ActiveModel
from webapp.registry.promotion import (
    ROLLED_BACK,
    FileLost,
    IsArchived,
    NoReason,
    NothingBefore,
    OtherTree,
    promote_model,
    roll_back,
)
from webapp.workflows.models import Workflow

pytestmark = pytest.mark.django_db


def promote(workflow, model, why="Better.", by=None):
    return promote_model(workflow=workflow, model=model, why=why, by=by)


def reordered() -> Tree:
    """The three-class tree with its answers in another order and other words."""
    document = json.loads(load_built_in("three-class").to_json())
    document["title"] = "Another title"
    document["questions"][0]["answers"].reverse()
    return Tree.parse(document)


def test_promoting_moves_the_pointer_and_nothing_else():
    alice = make.user("alice", Role.SCIENTIST)
    workflow = make.owned(alice)
    first, second = make.model(workflow=workflow), make.model(workflow=workflow)
    assert queries.active_model(workflow) is None

    before = promote(workflow, first, by=alice)
    now = promote(workflow, second, why=" Fewer nats. ", by=alice)

    assert queries.active_model(workflow) == second
    assert (now.pk, before.version, now.version) == (before.pk, 1, 2)
    assert (now.why, now.promoted_by) == ("Fewer nats.", alice)
    assert now.since_at > before.since_at
    line = AuditEntry.objects.order_by("-pk")[0]
    assert (line.action, line.target_id, line.reason) == (
        "promote_model", str(workflow.pk), "Fewer nats.",
    )  # fmt: skip
    assert (line.old["sha256"], line.new["sha256"]) == (first.sha256, second.sha256)


def test_promoting_what_is_active_changes_nothing():
    workflow = make.workflow()
    model = make.model(workflow=workflow)
    first = promote(workflow, model)
    again = promote(workflow, model, why="Once more.")
    assert (again.version, again.why) == (first.version, "Better.")
    assert AuditEntry.objects.count() == 1


def test_a_model_of_another_tree_is_refused_with_one_sentence():
    workflow = make.workflow()
    model = make.model(tree=make.tree_version(load_built_in("galaxy-zoo-2")))
    with pytest.raises(OtherTree) as caught:
        promote(workflow, model)
    sentence = str(caught.value)
    assert f"answers another tree than “{workflow.name}” asks (it lacks " in sentence
    assert " more" in sentence  # not all of them
    assert len(sentence) < 600
    assert not ActiveModel.objects.exists()
    assert not AuditEntry.objects.exists()


def test_answers_are_found_by_key_in_whatever_order():
    workflow = make.workflow()
    model = make.model(tree=make.tree_version(reordered()))
    promote(workflow, model)
    assert queries.active_model(workflow) == model


def test_what_is_archived_lost_or_unexplained_is_refused():
    workflow = make.workflow()
    model = make.model(workflow=workflow)
    with pytest.raises(NoReason, match="Say in a few words why"):
        promote(workflow, model, why="  ")
    away = make.model(workflow=workflow, status="archived")
    with pytest.raises(IsArchived, match="Bring it back first"):
        promote(workflow, away)
    path = services.model_path(model)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FileLost, match="register the same file again"):
        promote(workflow, model)
    assert not ActiveModel.objects.exists()


def test_after_a_change_of_the_tree_the_model_serves_no_more():
    workflow = make.workflow()
    promote(workflow, make.model(workflow=workflow))
    tree = make.tree_version(load_built_in("galaxy-zoo-2"))
    Workflow.objects.filter(pk=workflow.pk).update(tree=tree)
    workflow = Workflow.objects.get(pk=workflow.pk)
    assert queries.active(workflow) is not None
    assert queries.active_model(workflow) is None


def test_rolling_back_leads_to_the_one_before_and_forth_again():
    workflow = make.workflow()
    first, second = make.model(workflow=workflow), make.model(workflow=workflow)
    with pytest.raises(NothingBefore):
        roll_back(workflow=workflow, by=None)
    promote(workflow, first)
    with pytest.raises(NothingBefore):
        roll_back(workflow=workflow, by=None)
    promote(workflow, second)

    started = time.monotonic()
    assert roll_back(workflow=workflow, by=None).model == first
    assert time.monotonic() - started < 5
    assert queries.active(workflow).why == ROLLED_BACK
    assert roll_back(workflow=workflow, by=None, why="It was fine.").model == second
    assert [line.model for line in queries.promotions(workflow)] == [second, first, second, first]


def test_rolling_back_passes_over_what_was_archived():
    vera = make.user("vera", Role.ADMIN)
    workflow = make.workflow()
    first, second, third = (make.model(workflow=workflow) for _ in range(3))
    for model in (first, second, third):
        promote(workflow, model)
    services.archive_model(model=second, by=vera)
    assert roll_back(workflow=workflow, by=vera).model == first


def test_an_active_model_is_not_archived():
    vera = make.user("vera", Role.ADMIN)
    workflow = make.workflow()
    model = make.model(workflow=workflow)
    promote(workflow, model)
    with pytest.raises(services.InUse, match=f"is active in “{workflow.name}”"):
        services.archive_model(model=model, by=vera)


def test_models_of_others_are_neither_listed_nor_named():
    mine, other = make.workflow(), make.workflow()
    model, foreign, shared = make.model(workflow=mine), make.model(workflow=other), make.model()
    elsewhere = make.model(tree=make.tree_version(load_built_in("galaxy-zoo-2")))
    assert list(queries.models_of(mine)) == [shared, model]
    assert foreign not in queries.models_of(mine)
    assert elsewhere not in queries.models_of(mine)
    assert list(queries.models_of(mine, archived=True)) == []


def test_the_history_says_who():
    alice = make.user("alice", Role.SCIENTIST)
    workflow = make.owned(alice)
    model = make.model(workflow=workflow)
    promote(workflow, model, by=alice)
    promote(workflow, make.model(workflow=workflow))
    actors = [line.actor for line in queries.promotions(workflow)]
    assert actors == ["the site itself", "alice"]
    number = alice.pk
    alice.delete()
    assert queries.promotions(workflow)[1].actor == f"deleted account {number}"


@pytest.mark.django_db(transaction=True)
def test_two_promotions_at_once_are_both_in_the_log_and_one_is_last():
    workflow = make.workflow()
    models = [make.model(workflow=workflow) for _ in range(6)]

    def one(model):
        try:
            promote(workflow, model)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, models))
    pointer = ActiveModel.objects.get()
    assert pointer.version == 6
    entries = list(AuditEntry.objects.order_by("pk"))
    assert [entry.old and entry.old["sha256"] for entry in entries[1:]] == [
        entry.new["sha256"] for entry in entries[:-1]
    ]
    assert entries[-1].new["sha256"] == pointer.model.sha256
