"""What an owner does with gold: galaxies that experts have answered."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from webapp.classifications import gold, gold_csv
from webapp.classifications.gold_csv import Checked
from webapp.classifications.models import Gold
from webapp.common.errors import DomainError
from webapp.dashboard import queries
from webapp.dashboard.access import owner_page, user_of
from webapp.dashboard.forms import GalaxyForm, GoldFileForm, GoldForm, RateForm, StoreForm
from webapp.dashboard.lists import key_of
from webapp.dashboard.views import confirm, page_or_form, sent_to, status_of
from webapp.subjects import uploads
from webapp.subjects.models import Subject
from webapp.workflows.gold_rate import change_gold_rate
from webapp.workflows.models import Workflow

SHOWN_ROWS = 50  # of a manifest, good or bad


@page_or_form
@owner_page
def gold_list(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """List the gold; find a galaxy to add."""
    form = GalaxyForm(*sent_to(request))
    if form.is_bound and form.is_valid():
        try:
            found = gold.find_subject(
                workflow,
                survey_id=form.cleaned_data["survey_id"],
                set_slug=form.cleaned_data["set"],
            )
            return redirect("dashboard:gold_answers", workflow.slug, found.pk)
        except DomainError as error:
            form.add_error("survey_id", str(error))
    after = key_of(request, "after")
    context = {
        "workflow": workflow,
        "tab": "gold",
        "form": form,
        "n_gold": queries.n_gold(workflow),
        "page": queries.gold(workflow, after=after or 0),
        "key": after,
    }
    return render(request, "dashboard/gold.html", context, status=status_of(form))


@page_or_form
@owner_page
def gold_answers(request: HttpRequest, workflow: Workflow, subject_id: int) -> HttpResponse:
    """Enter what experts say of one galaxy."""
    subject = _subject(workflow, subject_id)
    known = Gold.objects.filter(workflow=workflow, subject=subject).first()
    form = GoldForm(*sent_to(request), tree=workflow.tree.tree, initial=_initial(workflow, known))
    if form.is_bound and form.is_valid():
        try:
            gold.put_gold(
                workflow=workflow, subject=subject, by=user_of(request),
                shares=form.cleaned_data["shares"], words=form.cleaned_data["words"],
            )  # fmt: skip
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, _("Saved what experts say of %(name)s.") % {"name": subject.survey_id}
            )
            return redirect("dashboard:gold", workflow.slug)
    context = {
        "workflow": workflow, "tab": "gold", "subject": subject, "form": form, "is_known": known,
    }  # fmt: skip
    return render(request, "dashboard/gold_answers.html", context, status=status_of(form))


def _subject(workflow: Workflow, subject_id: int) -> Subject:
    """Return a galaxy of the campaign, or one that has left it with its gold."""
    rows = gold.subjects_of(workflow) | gold.answered_of(workflow)
    found: Subject = get_object_or_404(rows, pk=subject_id)
    return found


def _initial(workflow: Workflow, known: Gold | None) -> dict[str, str]:
    if known is None:
        return {}
    tree = workflow.tree.tree
    return GoldForm.initial_of(tree, gold.on_axis(known, tree).tolist(), known.words)


@page_or_form
@owner_page
def remove_gold(request: HttpRequest, workflow: Workflow, subject_id: int) -> HttpResponse:
    """Ask, then forget what experts say of a galaxy."""
    subject = _subject(workflow, subject_id)
    if request.method != "POST":
        return confirm(
            request,
            workflow,
            heading=_("Remove the gold of %(name)s?") % {"name": subject.survey_id},
            words=_(
                "Volunteers get no more feedback on it, and it retires like any other galaxy. "
                "The history keeps what experts said."
            ),
            label=_("Remove"),
            back="gold",
        )
    try:
        gold.remove_gold(workflow=workflow, subject=subject, by=user_of(request))
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("%(name)s is gold no more.") % {"name": subject.survey_id})
    return redirect("dashboard:gold", workflow.slug)


@page_or_form
@owner_page
def gold_file(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Check a manifest of gold and show what it would do; nothing is stored yet."""
    form = GoldFileForm(*sent_to(request))
    checked, upload = None, ""
    if form.is_bound and form.is_valid():
        path = None
        try:
            path = uploads.keep(form.cleaned_data["file"], "csv")
            checked = gold_csv.check(workflow, path)
        except DomainError as error:
            form.add_error("file", str(error))
        if path and (checked is None or checked.problems):
            path.unlink(missing_ok=True)
        upload = path.stem if path else ""
    return _file_page(request, workflow, form, checked, upload)


def _file_page(
    request: HttpRequest,
    workflow: Workflow,
    form: GoldFileForm,
    checked: Checked | None = None,
    upload: str = "",
) -> HttpResponse:
    context = {"workflow": workflow, "tab": "gold", "form": form, "tree": workflow.tree.tree}
    is_refused = bool(checked and checked.problems)
    if checked:
        context |= {
            "upload": "" if is_refused else upload,
            "n_good": len(checked.entries),
            "n_bad": len(checked.problems),
            "problems": checked.problems[:SHOWN_ROWS],
            "entries": queries.previews(workflow, checked.entries[:SHOWN_ROWS]),
        }
    status = 422 if is_refused else status_of(form)
    return render(request, "dashboard/gold_file.html", context, status=status)


@require_POST
@owner_page
def store_gold_file(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Store the manifest that was checked."""
    sent = StoreForm(request.POST)
    path = uploads.kept(sent.cleaned_data["upload"], "csv") if sent.is_valid() else None
    if path is None:
        messages.error(request, _("The checked manifest is no longer here: upload it again."))
        return redirect("dashboard:gold_file", workflow.slug)
    try:
        done = gold_csv.import_gold(workflow=workflow, path=path, by=user_of(request))
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("dashboard:gold_file", workflow.slug)
    path.unlink(missing_ok=True)
    said = ngettext(
        "%(count)s galaxy is gold now.", "%(count)s galaxies are gold now.", done.n_galaxies
    )
    messages.success(request, said % {"count": f"{done.n_galaxies:,}"})
    return redirect("dashboard:gold", workflow.slug)


@page_or_form
@owner_page
def gold_rate(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Show and change how often volunteers are shown gold."""
    form = RateForm(*sent_to(request), steps=workflow.gold_rate)
    if form.is_bound and form.is_valid():
        try:
            change_gold_rate(workflow=workflow, steps=form.steps(), by=user_of(request))
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Saved. It holds from the next galaxy shown."))
            return redirect("dashboard:gold_rate", workflow.slug)
    context = {"workflow": workflow, "tab": "gold", "form": form}
    return render(request, "dashboard/gold_rate.html", context, status=status_of(form))
