"""The pages of models: what they show, upload, promotion with and without htmx, download."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from inference.formats.tree import load_built_in
from tests import make
from tests.inference.models import tiny_model
from webapp.accounts.models import Role
from webapp.common.models import AuditEntry
from webapp.dashboard import networks
from webapp.dashboard.demo import STARTER, load_starter
from webapp.registry import queries, services
from webapp.registry.models import ActiveModel, ModelVersion, Source
from webapp.registry.promotion import promote_model
from webapp.workflows.models import Workflow

pytestmark = pytest.mark.django_db
STARTER_TREE = load_built_in("galaxy-zoo-2")
XSS = "<script>alert(1)</script><img src=x onerror=alert(2)><b hx-get=/x>\"'"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _folder(tmp_path, settings):
    settings.MODELS_ROOT = tmp_path / "models"


@pytest.fixture
def alice(client):
    user = make.user("alice", Role.SCIENTIST)
    client.force_login(user)
    return user


@pytest.fixture
def workflow(alice):
    return make.owned(alice)


def address(name: str, workflow: Workflow, *rest: object) -> str:
    return reverse(f"dashboard:{name}", args=[workflow.slug, *rest])


def text_of(answer) -> str:
    return str(answer.content.decode())


def sent(content: bytes, name: str = "model.onnx") -> dict[str, SimpleUploadedFile]:
    return {"file": SimpleUploadedFile(name, content)}


def promote(workflow: Workflow, model: ModelVersion, why: str = "Better.") -> ActiveModel:
    return promote_model(workflow=workflow, model=model, why=why, by=None)


# Looking


def test_a_campaign_without_models_says_how_to_get_one(client, workflow):
    html = text_of(client.get(address("models", workflow)))
    assert "None: this campaign has people's answers only." in html.replace("&#x27;", "'")
    assert "No models yet" in html
    assert address("register_model", workflow) in html


@pytest.mark.processes
def test_the_starter_has_a_page_with_everything_its_card_says(client, alice):
    workflow = make.owned(alice, tree=STARTER_TREE)
    model = services.register_file(path=STARTER, source=Source.DEMO)

    html = text_of(client.get(address("model", workflow, model.pk)))

    for words in (
        "galaxy-zoo-2-starter", model.sha256, "nats a galaxy", "Leading right", "Observed",
        "Willett et al. 2013", "fitted on 959 galaxies", "softplus, float32",
        "four golden pictures gave what its card says, on CPUExecutionProvider",
        "The file has not changed since.", "learning rate", "no network",
    ):  # fmt: skip
        assert words in html, words
    listed = text_of(client.get(address("models", workflow)))
    assert "galaxy-zoo-2-starter" in listed
    assert "as tried at the last check on" in listed


def test_which_was_used_when_is_listed_with_why(client, workflow):
    first, second = make.model(workflow=workflow), make.model(workflow=workflow)
    promote(workflow, first, "The first of all.")
    promote(workflow, second, "Fewer nats.")
    html = text_of(client.get(address("models", workflow)))
    assert html.index("Fewer nats.") < html.index("The first of all.")
    assert f"Roll back to {first.name}" in html
    history = text_of(client.get(address("history", workflow)))
    assert "promote_model" in history
    assert "Fewer nats." in history


def test_the_page_warns_of_a_lost_file_and_the_download_leads_back(client, workflow):
    model = make.model(workflow=workflow)
    services.model_path(model).unlink()
    page = address("model", workflow, model.pk)
    assert "missing or damaged" in text_of(client.get(page))
    answer = client.get(address("model_file", workflow, model.pk))
    assert (answer.status_code, answer.headers["Location"]) == (302, page)


def test_nothing_of_a_strangers_card_runs(client, workflow):
    card = make.CARD | {"training_data": XSS, "alpha_form": XSS, "aux_names": [XSS]}
    model = make.model(
        workflow=workflow, name=XSS, card=card, check_limits={XSS: False},
        metrics={XSS: {"nll": 1, "question": XSS}},
        lineage={XSS: XSS, "config": {XSS: [XSS]}, "many": dict.fromkeys(map(str, range(9999)))},
    )  # fmt: skip
    promote(workflow, model, XSS)
    make.model(workflow=workflow, name=XSS, parent=model)
    for page in (address("models", workflow), address("model", workflow, model.pk)):
        html = text_of(client.get(page))
        assert "&lt;script&gt;" in html
        assert not re.search(r"<script(?![^>]*\ssrc=)|<[^>]*\son[a-z]+=|<b hx-get", html)
        assert len(html) < 200_000


def test_models_of_other_campaigns_are_not_found(client, workflow):
    foreign = make.model(workflow=make.workflow())
    child = make.model(workflow=workflow, parent=foreign)
    for name in ("model", "model_file"):
        assert client.get(address(name, workflow, foreign.pk)).status_code == 404
    for name in ("promote", "archive_model", "restore_model"):
        answer = client.post(address(name, workflow, foreign.pk), {"why": "Mine."})
        assert answer.status_code == 404
    html = text_of(client.get(address("model", workflow, child.pk)))
    assert foreign.name not in html
    assert not ActiveModel.objects.exists()


def test_archived_models_are_listed_apart(client, workflow):
    kept, away = make.model(workflow=workflow), make.model(workflow=workflow, status="archived")
    page = address("models", workflow)
    assert kept.name in text_of(client.get(page))
    assert away.name not in text_of(client.get(page))
    assert away.name in text_of(client.get(f"{page}?archived"))


def test_looking_costs_no_more_with_more_models(client, workflow, django_assert_max_num_queries):
    for _ in range(30):
        promote(workflow, make.model(workflow=workflow))
    with django_assert_max_num_queries(25):
        client.get(address("models", workflow))


# Registering


@pytest.mark.processes
def test_an_upload_is_registered_and_promoted_and_downloaded(client, workflow, tmp_path):
    content = tiny_model(tmp_path).read_bytes()
    answer = client.post(address("register_model", workflow), sent(content))
    model = ModelVersion.objects.get()
    page = address("model", workflow, model.pk)
    assert (answer.status_code, answer.headers["Location"]) == (302, page)

    answer = client.post(address("promote", workflow, model.pk), {"why": "The first."}, follow=True)
    assert answer.redirect_chain == [(page, 302)]
    assert "The first." in text_of(answer)
    assert queries.active_model(workflow) == model

    answer = client.get(address("model_file", workflow, model.pk))
    assert b"".join(answer.streaming_content) == content
    assert answer.headers["Content-Type"] == "application/octet-stream"
    disposition = f'attachment; filename="tiny-0-{model.sha256[:8]}.onnx"'
    assert answer.headers["Content-Disposition"] == disposition
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.processes
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "model.onnx has 0 bytes"),
        (b"\x80\x04\x95pickle" + b"." * 99, "model.onnx"),
        (STARTER.read_bytes()[:100_000], "model.onnx is no ONNX model"),
    ],
)
def test_a_refused_upload_answers_422_with_one_sentence(client, workflow, content, words):
    answer = client.post(address("register_model", workflow), sent(content))
    html = text_of(answer)
    assert answer.status_code == 422
    assert html.count('class="errorlist"') == 1
    assert words in html
    assert not ModelVersion.objects.exists()
    assert not AuditEntry.objects.exists()


def test_too_large_an_upload_is_refused_before_it_is_read(client, workflow, settings):
    settings.MAX_MODEL_BYTES = 1000
    place = address("register_model", workflow)
    answer = client.post(place, sent(b"a" * 1001))
    assert answer.status_code == 422
    assert "at most 1,000 are accepted" in text_of(answer)
    answer = client.post(place, sent(b"a" * (networks.FORM_BYTES + 1001)))
    assert answer.status_code == 413
    assert "a model file may have 1,000" in text_of(answer)


# Promoting


def test_htmx_gets_the_part_and_a_refusal_says_why(client, workflow):
    model = make.model(workflow=workflow)
    place = address("promote", workflow, model.pk)

    refused = client.post(place, {"why": " "}, headers=HTMX)
    assert refused.status_code == 422
    assert text_of(refused).lstrip().startswith('<section class="stack" id="standing"')
    assert "This field is required." in text_of(refused)

    services.model_path(model).unlink()
    lost = client.post(place, {"why": "Better."}, headers=HTMX)
    assert lost.status_code == 422
    assert 'role="alert"' in text_of(lost)
    assert "register the same file again" in text_of(lost)
    assert 'value="Better."' in text_of(lost)  # what was written is not lost
    assert "HX-Request" in lost.headers["Vary"]
    assert not ActiveModel.objects.exists()


def test_htmx_promotes_and_rolls_back_in_place(client, workflow):
    first, second = make.model(workflow=workflow), make.model(workflow=workflow)
    promote(workflow, first)
    part = client.post(
        address("promote", workflow, second.pk), {"why": "Fewer nats."}, headers=HTMX
    )
    assert part.status_code == 200
    assert "<html" not in text_of(part)
    assert "Promoted" in text_of(part)
    assert "Fewer nats." in text_of(part)

    part = client.post(address("roll_back", workflow), headers=HTMX)
    assert part.status_code == 200
    assert 'id="active"' in text_of(part)
    assert first.name in text_of(part)
    assert queries.active_model(workflow) == first


def test_without_htmx_a_rollback_leads_back_or_says_why_not(client, workflow):
    answer = client.post(address("roll_back", workflow))
    assert answer.status_code == 422
    assert "had no other model before" in text_of(answer)
    for _ in range(2):
        promote(workflow, make.model(workflow=workflow))
    answer = client.post(address("roll_back", workflow))
    assert (answer.status_code, answer.headers["Location"]) == (302, address("models", workflow))


def test_the_reason_is_asked_for_and_both_are_shown_side_by_side(client, workflow):
    metrics = {"nll": {"value": 12.5, "lower": 12, "upper": 13}, "n_galaxies": 40}
    promote(workflow, make.model(workflow=workflow, metrics=metrics | {"nll": {"value": 13.25}}))
    model = make.model(workflow=workflow, metrics=metrics)
    html = text_of(client.get(address("model", workflow, model.pk)))
    assert "Beside the model in use" in html
    assert "12.50" in html
    assert "13.25" in html
    answer = client.post(address("promote", workflow, model.pk), {"why": ""})
    assert answer.status_code == 422
    assert "<html" in text_of(answer)


def test_a_model_of_another_tree_cannot_be_promoted_here(client, workflow):
    model = make.model(workflow=workflow, tree=make.tree_version(STARTER_TREE))
    html = text_of(client.get(address("model", workflow, model.pk)))
    assert "It cannot be promoted here" in html
    assert address("promote", workflow, model.pk) not in html
    answer = client.post(address("promote", workflow, model.pk), {"why": "Still."})
    assert answer.status_code == 422
    assert "answers another tree than" in text_of(answer)


def test_a_shared_model_is_not_put_away_by_one_owner(client, workflow):
    model = make.model(tree=workflow.tree)
    answer = client.post(address("archive_model", workflow, model.pk))
    assert answer.status_code == 422
    assert "Ask an administrator" in text_of(answer)
    own = make.model(workflow=workflow)
    for name, is_archived in [("archive_model", True), ("restore_model", False)]:
        part = client.post(address(name, workflow, own.pk), headers=HTMX)
        assert part.status_code == 200
        own.refresh_from_db()
        assert own.is_archived == is_archived


# The demo


@pytest.mark.processes
def test_the_demo_uses_the_starter_once(client):
    assert load_starter() == load_starter()
    pointer = ActiveModel.objects.get()
    assert pointer.model.name == "galaxy-zoo-2-starter"
    assert pointer.model.is_shared
    assert pointer.version == 1
    assert queries.active_model(pointer.workflow) == pointer.model


def test_a_demo_that_uses_another_model_keeps_it(monkeypatch):
    monkeypatch.setattr("webapp.dashboard.demo.STARTER", STARTER.with_name("none.onnx"))
    assert "The demo has no network of its own: none.onnx cannot be read" in load_starter()
    workflow = Workflow.objects.get()
    model = make.model(tree=workflow.tree)
    promote(workflow, model)
    monkeypatch.undo()
    monkeypatch.setattr("webapp.registry.services.register_file", lambda **_: make.model())
    load_starter()
    assert queries.active_model(workflow) == model
