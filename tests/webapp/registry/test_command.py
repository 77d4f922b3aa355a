"""`manage.py register_model`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests import make
from tests.inference.models import tiny_model
from webapp.registry import queries
from webapp.registry.models import ModelVersion, Source
from webapp.workflows.models import Workflow

pytestmark = [pytest.mark.django_db, pytest.mark.processes]


@pytest.fixture(autouse=True)
def _folder(tmp_path, settings):
    settings.MODELS_ROOT = tmp_path / "models"


def run(*arguments: object) -> str:
    said = StringIO()
    call_command("register_model", *map(str, arguments), stdout=said, stderr=said)
    return said.getvalue()


def test_a_file_is_registered_for_all_campaigns(tmp_path):
    assert "MB, answers" in run(tiny_model(tmp_path))
    model = ModelVersion.objects.get()
    assert (model.is_shared, model.source) == (True, Source.FILE)


def test_a_file_is_registered_for_a_campaign_and_promoted_there(tmp_path):
    workflow = make.workflow()
    said = run(
        tiny_model(tmp_path), "--workflow", workflow.slug, "--promote", "--why", "The first."
    )
    assert f"{workflow.name} uses it from now on." in said
    model = queries.active_model(workflow)
    assert model == ModelVersion.objects.get()
    assert not model.is_shared


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--promote"], "--promote needs --workflow SLUG"),
        (["--promote", "--workflow", "deep"], "--promote needs --workflow SLUG"),
        (["--workflow", "nowhere"], "There is no campaign 'nowhere'; there are: deep."),
        ([], "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(tmp_path, arguments, words):
    make.workflow()
    Workflow.objects.update(slug="deep")
    with pytest.raises(CommandError) as caught:
        run(tmp_path / "none.onnx", *arguments)
    assert words in str(caught.value)
    assert not ModelVersion.objects.exists()


def test_a_missing_limit_is_said(tmp_path):
    path = tiny_model(tmp_path)
    run(path)
    ModelVersion.objects.update(check_limits={"memory": True, "no network": False})
    assert "Beware: this machine has no such limit" in run(path)
    assert "no network" in run(path)
