"""The pages of trainings: who sees them, what each state shows, and what the forms refuse."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from tests import make
from webapp.accounts.models import Role
from webapp.common.models import AuditEntry
from webapp.dashboard import run_state
from webapp.retraining.models import Comparison, Plan, TrainingRun

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
XSS = "<script>alert(1)</script><img src=x onerror=alert(2)>"
FIGURE = {"value": 0.25, "lower": 0.125, "upper": 0.5, "n": 40}
BETTER = {"value": -0.25, "lower": -0.375, "upper": -0.125, "n": 40}
QUESTION = {
    "n": 40, "nll": FIGURE, "rmse": FIGURE, "calibration_error": 0.0625,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _folders(tmp_path, settings):
    settings.RUNS_DIR = tmp_path / "runs"
    settings.MODELS_ROOT = tmp_path / "models"


@pytest.fixture
def alice(client):
    user = make.user("alice", Role.SCIENTIST)
    client.force_login(user)
    return user


@pytest.fixture
def workflow(alice):
    return make.owned(alice)


def address(name, workflow, *rest):
    return reverse(f"dashboard:{name}", args=[workflow.slug, *rest])


def text(page):
    return re.sub(r"\s+", " ", page.content.decode().replace("&#x27;", "'"))


def compared(run, workflow, **fields):
    """A done run with a model and its comparison."""
    run.model, champion = make.model(workflow=workflow), make.model(workflow=workflow)
    run.status = "done"
    run.save()
    (question,) = workflow.tree.tree.questions
    side = {"n": 40, "nll": FIGURE, "questions": {question.key: QUESTION}}
    figures = {
        "champion": side, "challenger": side, "nll": BETTER,
        "questions": {question.key: {"nll": BETTER, "calibration_error": FIGURE}},
    }  # fmt: skip
    given = {"champion": champion, "n_subjects": 40, "figures": figures, "is_repeatable": True,
             "is_better": True, "words": "Better by far."} | fields  # fmt: skip
    return Comparison.objects.create(run=run, **given)


# Who sees them


@pytest.mark.parametrize("name", ["runs", "plan", "retrain"])
def test_others_find_nothing(client, workflow, name):
    client.force_login(make.user("bob", Role.SCIENTIST))
    send = client.post if name == "retrain" else client.get
    assert send(address(name, workflow)).status_code == 404


@pytest.mark.parametrize("name", ["run", "run_live", "comparison", "cancel_run"])
def test_a_run_is_found_only_under_its_own_campaign(client, alice, workflow, name):
    run = make.training_run(make.owned(make.user("bob", Role.SCIENTIST)))
    compared(run, run.workflow)
    send = client.post if name == "cancel_run" else client.get
    headers = HTMX if name == "run_live" else {}
    for pk in (run.pk, 10**30):
        assert send(address(name, workflow, pk), headers=headers).status_code == 404


# The list


def test_retrain_is_refused_with_its_reason_before_it_is_pressed(client, workflow):
    page = text(client.get(address("runs", workflow)))
    assert "0 classifications count so far, and 50 are asked for: wait for 50 more" in page
    assert re.search(r"<button[^>]*disabled[^>]*>Retrain", page)
    pressed = client.post(address("retrain", workflow))
    assert pressed.status_code == 422
    assert "wait for 50 more" in text(pressed)
    assert not TrainingRun.objects.exists()


def test_a_press_while_one_goes_on_leads_to_it(client, workflow):
    run = make.training_run(workflow)
    assert client.post(address("retrain", workflow)).headers["Location"] == address(
        "run", workflow, run.pk
    )
    assert "A run is going on" in text(client.get(address("runs", workflow)))
    assert TrainingRun.objects.count() == 1


def test_runs_are_listed_with_how_they_ended(client, workflow, django_assert_max_num_queries):
    for number in range(6):
        run = make.training_run(
            workflow, folder=f"f{number}", status="failed", error="The loss became nan."
        )
        if number % 2:
            compared(run, workflow)
    with django_assert_max_num_queries(14):
        page = text(client.get(address("runs", workflow)))
    assert page.count("chip-bad") == 3
    assert page.count(">better</a>") == 3


# A run


def test_a_run_without_a_trainer_says_how_to_start_one(client, workflow, tmp_path):
    page = text(client.get(address("run", workflow, make.training_run(workflow).pk)))
    assert f"python -m training watch {tmp_path / 'runs'}" in page
    assert "hx-get" in page


def test_a_training_shows_curves_time_left_device_and_log(client, workflow):
    at = timezone.now() - timedelta(seconds=60)
    run = make.training_run(
        workflow, worker="gpu-7", beat=9, beat_changed_at=timezone.now(), taken_at=at,
        n_done=2, n_total=8, log_tail="epoch 2: loss 1.5",
        live={"epoch": 3, "step": 0, "of_steps": 4, "device": "A GPU", "energy_wh": 1234.5,
              "energy_basis": "estimated"},
        metrics=[{"epoch": 1, "loss": 2.0, "validation_loss": 2.5, "learning_rate": 1e-3},
                 {"epoch": 2, "loss": 1.5, "validation_loss": 2.25, "learning_rate": 5e-4}],
    )  # fmt: skip
    page = text(client.get(address("run", workflow, run.pk)))
    for words in ("2 of 8 epochs", "about 3 minutes left", "A GPU", "gpu-7", "1,234.500 Wh",
                  "(estimated)", "epoch 2: loss 1.5", "galaxies held out, 2: 2.25",
                  "0 of 4 in epoch 3", "Stop this run"):  # fmt: skip
        assert words in page, words


def test_a_silent_trainer_is_said(client, workflow):
    since = timezone.now() - timedelta(minutes=5)
    run = make.training_run(workflow, worker="gpu-7", beat_changed_at=since, taken_at=since)
    page = text(client.get(address("run", workflow, run.pk)))
    assert f"The trainer has been silent since {since.astimezone(UTC):%H:%M:%S} UTC" in page
    assert "left" not in re.findall(r'class="muted">about[^<]*', page)


def test_a_failed_run_shows_its_sentence_and_polls_no_more(client, workflow):
    run = make.training_run(
        workflow, status="failed", error=f"The loss became nan. {XSS}", log_tail=XSS
    )
    page = text(client.get(address("run", workflow, run.pk)))
    assert "The loss became nan." in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "hx-get" not in page.split('id="live"')[1].split(">")[0]


def test_the_live_part_alone_is_for_htmx_and_reloads_the_page_at_the_end(client, workflow):
    run = make.training_run(workflow)
    place = address("run_live", workflow, run.pk)
    assert client.get(place).headers["Location"] == address("run", workflow, run.pk)
    part = client.get(place, headers=HTMX)
    assert "<html" not in text(part)
    assert "HX-Refresh" not in part.headers
    TrainingRun.objects.update(status="failed", error="Over.")
    assert client.get(place, headers=HTMX).headers["HX-Refresh"] == "true"


def test_stopping_is_asked_for_and_written_down(client, workflow, alice):
    run = make.training_run(workflow)
    page = client.post(address("cancel_run", workflow, run.pk), follow=True)
    assert "It is being stopped." in text(page)
    run.refresh_from_db()
    assert run.cancel_requested_at
    assert AuditEntry.objects.get(action="cancel_run").actor_id == alice.pk
    TrainingRun.objects.update(status="failed")
    again = client.post(address("cancel_run", workflow, run.pk), follow=True)
    assert "The run has ended" in text(again)


# The comparison


def test_a_comparison_shows_both_with_the_difference_and_promotes_in_one_click(client, workflow):
    run = make.training_run(workflow)
    compared(run, workflow)
    page = text(client.get(address("comparison", workflow, run.pk)))
    for words in ("-0.250", "-0.375 to -0.125", "0.250", "0.063", "better", "worse",
                  "On the same 40 galaxies", 'value="Better by far."'):  # fmt: skip
        assert words in page, words
    promoted = client.post(
        address("promote", workflow, run.model.pk), {"why": "Better by far."}, follow=True
    )
    assert "Promoted" in text(promoted)
    assert "It is in use now." in text(client.get(address("comparison", workflow, run.pk)))


def test_a_first_model_is_shown_without_another(client, workflow):
    run = make.training_run(workflow)
    found = compared(run, workflow, champion=None, words="No model was in use.")
    del found.figures["champion"], found.figures["nll"], found.figures["questions"]
    found.save()
    page = text(client.get(address("comparison", workflow, run.pk)))
    assert "No model was in use." in page
    assert "In use then" not in page


def test_a_run_without_a_model_has_no_comparison(client, workflow):
    run = make.training_run(workflow)
    assert client.get(address("comparison", workflow, run.pk)).status_code == 404


# The plan

SENT = {"least_new": "7", "config_name": "smoke", "is_weekly": "on", "after_new": "100"}


def test_a_plan_is_saved_and_shown(client, workflow):
    page = client.post(address("plan", workflow), SENT, follow=True)
    assert "every week, after 100 new classifications" in text(page)
    plan = Plan.objects.get()
    assert (plan.least_new, plan.is_weekly, plan.promotes_itself) == (7, True, False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"least_new": "-1"}, "greater than or equal to 0"),
        ({"least_new": "1e400"}, "whole number"),
        ({"after_new": "6"}, "after 6 new classifications would be refused, as at least 7"),
        ({"config_name": "../x"}, "not one of the available choices"),
        ({"after_new": "9" * 40}, "less than or equal to"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_said_and_not_saved(client, workflow, change, words):
    page = client.post(address("plan", workflow), SENT | change)
    assert page.status_code == 422
    assert words in text(page)
    assert not Plan.objects.exists()


# Words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""), (0.2, "about 1 second"), (89, "about 89 seconds"), (90, "about 2 minutes"),
        (3600, "about 60 minutes"), (86400, "about 24 hours"),
    ],
)  # fmt: skip
def test_a_time_is_said_as_people_do(seconds, words):
    assert run_state.time_left(seconds) == words


def test_the_sentence_of_a_silent_trainer_has_the_time_in_utc():
    run = TrainingRun(status="running", phase="train", worker="w",
                      beat_changed_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))  # fmt: skip
    assert "since 03:04:05 UTC" in run_state.words(run)
