"""Upgrading a site that has votes: everybody weighed one so far, and every galaxy is ranked."""

import uuid

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from inference.formats.tree import load_built_in
from webapp.consensus import services
from webapp.workflows.models import Workflow

BEFORE = [("classifications", "0004_no_truncate"), ("consensus", "0002_room_for_updates"),
          ("workflows", "0003_tallies_follow_the_tree")]  # fmt: skip


@pytest.fixture
def before(transactional_db):
    """The models as they were, over tables as they were; afterwards all is as it is."""
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes()
    executor.migrate(BEFORE)
    yield executor.loader.project_state(BEFORE).apps
    MigrationExecutor(connection).migrate(latest)


def test_votes_given_before_weigh_one(before):
    tree = load_built_in("three-class")
    version = before.get_model("workflows", "TreeVersion").objects.create(
        key=tree.key, title=tree.title, document=tree.to_json(), sha256=tree.sha256,
        n_answers=tree.n_answers, n_questions=tree.n_questions,
    )  # fmt: skip
    workflow = before.get_model("workflows", "Workflow").objects.create(
        slug="old", name="Old", tree=version, status="live", launched_at=timezone.now(),
        rule={"format": 1, "votes": 3, "artifact": None},
    )  # fmt: skip
    subject_set = before.get_model("subjects", "SubjectSet").objects.create(slug="s", name="S")
    subject = before.get_model("subjects", "Subject").objects.create(
        subject_set=subject_set, survey_id="G1", original_name="1.png", original_sha256="0" * 64,
        original_format="png", display_sha256="0" * 64, thumbnail_sha256="0" * 64,
        stamp_sha256="0" * 64, width_px=424, height_px=424,
    )  # fmt: skip
    before.get_model("consensus", "Consensus").objects.create(
        workflow=workflow, subject=subject, tree=version, votes=[2, 0, 0, 0], asked=[2],
        n_classifications=2,
    )  # fmt: skip
    before.get_model("consensus", "Queue").objects.create(
        workflow=workflow, subject=subject, stream="random", sort_key=0.5
    )
    volunteer = before.get_model("accounts", "Volunteer").objects.create(uuid=uuid.uuid4())
    given = before.get_model("classifications", "Classification").objects.create(
        uuid=uuid.uuid4(), workflow=workflow, subject=subject, volunteer=volunteer, tree=version,
        path=[0], stream="random", shown_at=timezone.now(),
    )  # fmt: skip
    before.get_model("classifications", "Standing").objects.create(
        workflow=workflow, subject=subject, volunteer=volunteer, classification=given,
        state="counted",
    )  # fmt: skip

    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())

    from webapp.classifications.models import Standing  # noqa: PLC0415 - as it is now
    from webapp.consensus.models import Consensus, Queue  # noqa: PLC0415

    row = Consensus.objects.get()
    assert (row.weighted, row.weighted_asked, row.prior, row.is_gold) == (
        [2, 0, 0, 0], [2], None, False,
    )  # fmt: skip
    assert Standing.objects.get().weight == 1
    upgraded = Workflow.objects.with_tree().get()
    assert upgraded.judged_rule_version < upgraded.rule_version  # workers rank it
    services.judge_all(upgraded)
    assert sorted(Queue.objects.values_list("stream", flat=True)) == ["gain", "random"]
