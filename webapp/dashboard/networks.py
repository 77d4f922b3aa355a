"""The models of a campaign: the list, one model's card, and which of them is used."""

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from webapp.common.errors import DomainError
from webapp.dashboard import queries as shown
from webapp.dashboard.access import owner_page, user_of
from webapp.dashboard.views import PER_PAGE, page_or_form, sent_to, status_of
from webapp.registry import figures, files, promotion, queries, services
from webapp.registry.forms import ModelFileForm, ReasonForm
from webapp.registry.models import ModelVersion
from webapp.retraining.queries import runs_of
from webapp.workflows.models import Workflow

MODELS, MODEL = "dashboard/models.html", "dashboard/model.html"
FORM_BYTES = 1_000_000  # of a form around its file
LARGEST_PK = 2**63 - 1
MOST_FACTS, LONGEST = 60, 1000  # of what a card says, and of one of its texts


@require_safe
@owner_page
def models(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """List the models that a campaign may use, and say which one it does."""
    return _models_page(request, workflow)


def _models_page(request: HttpRequest, workflow: Workflow, error: str = "") -> HttpResponse:
    archived = "archived" in request.GET
    listed = Paginator(queries.models_of(workflow, archived=archived), PER_PAGE)
    page = listed.get_page(request.GET.get("page"))
    context = {
        "workflow": workflow,
        "tab": "models",
        "error": error,
        "page": page,
        "rows": [_row(model, workflow) for model in page],
        "archived": archived,
        "n_archived": queries.models_of(workflow, archived=True).count(),
        "promotions": queries.promotions(workflow),
        "checked": queries.last_check(),
        **_active_context(workflow),
    }
    return render(request, MODELS, context, status=422 if error else 200)


def _row(
    model: ModelVersion, workflow: Workflow
) -> tuple[ModelVersion, figures.Judgement | None, bool]:
    """Return a model, its scores on most galaxies, and whether it fits the campaign's tree."""
    found = figures.judgements(model.metrics, model.tree.tree)
    return model, found[0] if found else None, queries.fits(model, workflow)


def _active_context(workflow: Workflow) -> dict[str, Any]:
    pointer = queries.active(workflow)
    return {
        "active": pointer,
        "misfit": queries.misfit(pointer.model, workflow) if pointer else "",
        "before": queries.model_before(workflow),
    }


@require_POST
@vary_on_headers("HX-Request")
@owner_page
def roll_back(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Go back to the model that was active before."""
    error = ""
    try:
        promotion.roll_back(workflow=workflow, by=user_of(request))
    except DomainError as refusal:
        error = str(refusal)
    said = "" if error else _("Rolled back.")
    if request.htmx:  # type: ignore[attr-defined]
        context = _active_context(workflow) | {"workflow": workflow, "said": said, "failed": error}
        return render(request, f"{MODELS}#active", context, status=422 if error else 200)
    if error:
        return _models_page(request, workflow, error=error)
    messages.success(request, said)
    return redirect("dashboard:models", workflow.slug)


@csrf_exempt  # the token lies behind the file in the body: who may not upload is refused first
@page_or_form
@owner_page
def register_model(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Take a model file, check it, and keep it."""
    n_bytes = int(request.META.get("CONTENT_LENGTH") or 0)
    if n_bytes > settings.MAX_MODEL_BYTES + FORM_BYTES:
        refusal = (
            f"The upload has {n_bytes:,} bytes, and a model file may have "
            f"{settings.MAX_MODEL_BYTES:,}: export a smaller network."
        )
        context = {"form": ModelFileForm(), "error": refusal}
        return _register_page(request, workflow, context, status=413)
    return _registered(request, workflow)


@csrf_protect
def _registered(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    form = ModelFileForm(*sent_to(request))
    if form.is_bound and form.is_valid():
        try:
            model = services.register_upload(
                upload=form.cleaned_data["file"], workflow=workflow, by=user_of(request)
            )
        except DomainError as error:
            form.add_error("file", str(error))
        else:
            messages.success(request, _("Checked and registered. Promote it to use it."))
            return redirect("dashboard:model", workflow.slug, model.pk)
    return _register_page(request, workflow, {"form": form}, status=status_of(form))


def _register_page(
    request: HttpRequest, workflow: Workflow, context: dict[str, Any], status: int
) -> HttpResponse:
    shared = {
        "workflow": workflow,
        "tab": "models",
        "most_mb": settings.MAX_MODEL_BYTES // 1_000_000,
        "checked": queries.last_check(),
    }
    return render(request, "dashboard/register_model.html", shared | context, status=status)


def _model(workflow: Workflow, pk: int) -> ModelVersion:
    """Return a model that this campaign may know of; others are not found."""
    seen = ModelVersion.objects.seen_by(workflow).select_related("tree", "registered_by", "parent")
    found = seen.filter(pk=pk).first() if pk <= LARGEST_PK else None
    if found is None:
        raise Http404
    return found


@require_safe
@owner_page
def model(request: HttpRequest, workflow: Workflow, pk: int) -> HttpResponse:
    """Show a model's card."""
    return _model_page(request, workflow, _model(workflow, pk))


def _model_page(
    request: HttpRequest, workflow: Workflow, found: ModelVersion, form: ReasonForm | None = None
) -> HttpResponse:
    tree = found.tree.tree
    seen = ModelVersion.objects.seen_by(workflow).for_lists()
    context = {
        "tab": "models",
        "judgements": figures.judgements(found.metrics, tree),
        "scales": figures.scales(found.card["calibration"], tree),
        "lineage": _facts(found.lineage),
        "settings_of_training": _facts(found.lineage.get("config")),
        "parent": seen.filter(children=found).first(),
        "children": seen.filter(parent=found).order_by("pk"),
        "run": runs_of(workflow).filter(model=found).first(),
        "is_whole": files.is_whole(found.sha256),
        **_standing_context(workflow, found, form),
    }
    failed = form is not None and bool(form.errors)
    return render(request, MODEL, context, status=422 if failed else 200)


def _standing_context(
    workflow: Workflow, found: ModelVersion, form: ReasonForm | None = None
) -> dict[str, Any]:
    pointer = queries.active(workflow)
    is_other = pointer is not None and pointer.model_id != found.pk
    return {
        "workflow": workflow,
        "model": found,
        "active": pointer,
        "misfit": queries.misfit(found, workflow),
        "form": form or ReasonForm(),
        "compared": _compared(found, pointer.model) if pointer and is_other else [],
    }


def _compared(
    found: ModelVersion, other: ModelVersion
) -> list[tuple[str, figures.Judgement | None, figures.Judgement | None]]:
    """Return what both cards say of the same kinds of galaxies, by the name of the kind."""
    sides = [
        {one.name: one for one in figures.judgements(side.metrics, side.tree.tree)}
        for side in (found, other)
    ]
    return [(name, *(side.get(name) for side in sides)) for name in sorted({*sides[0], *sides[1]})]  # type: ignore[misc]


def _facts(values: Any) -> list[tuple[str, str]]:
    """Return an object of a card as names and texts; what a training was set to is shown apart."""
    facts = values if isinstance(values, dict) else {}
    told = [(name, value) for name, value in sorted(facts.items()) if value not in ("", None)]
    return [
        (name.replace("_", " ")[:LONGEST], _text(value)[:LONGEST])
        for name, value in told[:MOST_FACTS]
        if name != "config"
    ]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(one)}" for name, one in list(value.items())[:MOST_FACTS])
    return value if isinstance(value, str) else shown.as_text(value)


@require_POST
@vary_on_headers("HX-Request")
@owner_page
def promote(request: HttpRequest, workflow: Workflow, pk: int) -> HttpResponse:
    """Let the campaign use this model from now on."""
    found = _model(workflow, pk)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _standing(request, workflow, found, form)
    return _change(
        request,
        workflow,
        found,
        lambda: promotion.promote_model(
            workflow=workflow, model=found, why=form.cleaned_data["why"], by=user_of(request)
        ),
        said=_("Promoted: the campaign uses it from now on."),
        form=form,
    )


@require_POST
@vary_on_headers("HX-Request")
@owner_page
def archive(request: HttpRequest, workflow: Workflow, pk: int) -> HttpResponse:
    """Put a model away."""
    found = _model(workflow, pk)
    return _change(
        request,
        workflow,
        found,
        lambda: services.archive_model(model=found, by=user_of(request)),
        said=_("Archived: it is listed apart. Its file and its predictions stay."),
    )


@require_POST
@vary_on_headers("HX-Request")
@owner_page
def restore(request: HttpRequest, workflow: Workflow, pk: int) -> HttpResponse:
    """Bring an archived model back."""
    found = _model(workflow, pk)
    return _change(
        request,
        workflow,
        found,
        lambda: services.restore_model(model=found, by=user_of(request)),
        said=_("It is a candidate again."),
    )


def _change(
    request: HttpRequest,
    workflow: Workflow,
    found: ModelVersion,
    service: Callable[[], object],
    *,
    said: str,
    form: ReasonForm | None = None,
) -> HttpResponse:
    """Call a service and show how the model stands, or the reason why not."""
    refused = form or ReasonForm({})
    try:
        service()
    except DomainError as error:
        refused.errors.clear()  # of the reason that nobody was asked for
        refused.add_error(None, str(error))
        return _standing(request, workflow, found, refused)
    if request.htmx:  # type: ignore[attr-defined]
        found.refresh_from_db()
        context = _standing_context(workflow, found) | {"said": said}
        return render(request, f"{MODEL}#standing", context)
    messages.success(request, said)
    return redirect("dashboard:model", workflow.slug, found.pk)


def _standing(
    request: HttpRequest, workflow: Workflow, found: ModelVersion, form: ReasonForm
) -> HttpResponse:
    """Answer what was refused: the part to htmx, else the page."""
    if not request.htmx:  # type: ignore[attr-defined]
        return _model_page(request, workflow, found, form)
    context = _standing_context(workflow, found, form)
    return render(request, f"{MODEL}#standing", context, status=422)


@require_safe
@owner_page
def model_file(request: HttpRequest, workflow: Workflow, pk: int) -> HttpResponse:
    """Download the file of a model."""
    found = _model(workflow, pk)
    try:
        file = services.model_path(found).open("rb")
    except OSError:
        messages.error(request, _("The file is missing on the server: register it again."))
        return redirect("dashboard:model", workflow.slug, found.pk)
    name = f"{slugify(found.name)[:60] or 'model'}-{found.short_sha256}.onnx"
    response = FileResponse(
        file, as_attachment=True, filename=name, content_type="application/octet-stream"
    )
    return cast("HttpResponse", response)  # a stream is one for everything that wraps a view
