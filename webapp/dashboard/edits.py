"""What an owner changes about a campaign: sets, rule, texts, tree, owners."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from inference.belief.retirement import Rule
from webapp.accounts.models import User
from webapp.common.errors import DomainError
from webapp.dashboard import drawing, queries
from webapp.dashboard.access import owner_page, user_of
from webapp.dashboard.views import confirm, page_or_form, sent_to, status_of
from webapp.exports import debias, snapshot
from webapp.subjects import links
from webapp.subjects.models import SetLink, SubjectSet
from webapp.workflows import services, vote_display
from webapp.workflows.answering import change_answering
from webapp.workflows.forms import (
    UPLOAD,
    AnsweringForm,
    OwnerForm,
    RuleForm,
    TextsForm,
    TreeForm,
    VoteDisplayForm,
)
from webapp.workflows.models import TreeVersion, Workflow


@page_or_form
@owner_page
def sets(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Show the linked sets; link another."""
    if request.method != "POST":
        return _sets_page(request, workflow)
    slug = request.POST.get("subject_set", "").replace("\0", "")
    subject_set = SubjectSet.objects.owned_by(user_of(request)).filter(slug=slug).first()
    if subject_set is None:
        return _sets_page(request, workflow, error=_("No set was chosen. Choose one to link."))
    try:
        links.link_set(workflow=workflow, subject_set=subject_set, by=user_of(request))
    except DomainError as error:
        return _sets_page(request, workflow, error=str(error))
    messages.success(request, _("Linked. Its galaxies are being admitted."))
    return redirect("dashboard:sets", workflow.slug)


def _sets_page(request: HttpRequest, workflow: Workflow, error: str = "") -> HttpResponse:
    context = {
        "workflow": workflow,
        "tab": "sets",
        "error": error,
        "linked": queries.linked_sets(workflow),
        "linkable": queries.linkable_sets(workflow, user_of(request)),
    }
    return render(request, "dashboard/sets.html", context, status=422 if error else 200)


@page_or_form
@owner_page
def unlink(request: HttpRequest, workflow: Workflow, subject_set: str) -> HttpResponse:
    """Ask, then withdraw the galaxies of a set."""
    link = get_object_or_404(
        SetLink.objects.select_related("subject_set"),
        workflow=workflow,
        subject_set__slug=subject_set,
        is_linked=True,
    )
    if request.method != "POST":
        return confirm(
            request,
            workflow,
            heading=_("Unlink “%(name)s”?") % {"name": link.subject_set.name},
            words=_(
                "Its galaxies are shown no more in this campaign. Their votes stay, and count "
                "again when the set is linked again."
            ),
            label=_("Unlink"),
            back="sets",
        )
    try:
        links.unlink_set(workflow=workflow, subject_set=link.subject_set, by=user_of(request))
    except DomainError as error:
        return _sets_page(request, workflow, error=str(error))
    messages.success(request, _("Unlinked. Its galaxies are being withdrawn."))
    return redirect("dashboard:sets", workflow.slug)


@page_or_form
@owner_page
def rule(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Show and change when a galaxy has been seen enough."""
    known = queries.rule_of(workflow) or Rule.default(workflow.tree.tree)
    form = RuleForm(*sent_to(request), rule=known)
    if form.is_bound and form.is_valid():
        try:
            services.change_rule(workflow=workflow, rule=form.rule(), by=user_of(request))
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Saved. Every galaxy is being judged by this rule."))
            return redirect("dashboard:rule", workflow.slug)
    context = {"workflow": workflow, "tab": "rule", "form": form}
    return render(request, "dashboard/rule.html", context, status=status_of(form))


@page_or_form
@owner_page
def texts(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Change what volunteers read; "preview" shows it without saving."""
    known = {field: getattr(workflow, field) for field in ("name", "summary", "text")}
    form = TextsForm(*sent_to(request), initial=known)
    context: dict[str, Any] = {"workflow": workflow, "tab": "texts", "form": form}
    if form.is_bound and form.is_valid():
        if "preview" not in request.POST:
            services.edit_texts(workflow=workflow, by=user_of(request), **form.cleaned_data)
            messages.success(request, _("Saved."))
            return redirect("dashboard:texts", workflow.slug)
        context["preview"] = form.cleaned_data
    return render(request, "dashboard/texts.html", context, status=status_of(form))


@page_or_form
@owner_page
def catalog(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Decide what the catalog shows: votes of galaxies that are open, corrected fractions."""
    known = {"hides_votes": workflow.hides_votes, "is_debiased": workflow.is_debiased}
    form = VoteDisplayForm(*sent_to(request), initial=known)
    can_debias = debias.inputs(snapshot.metadata_kinds(workflow)) is not None
    if not can_debias:
        del form.fields["is_debiased"]
    if form.is_bound and form.is_valid():
        vote_display.change_vote_display(
            workflow=workflow, by=user_of(request), **form.cleaned_data
        )
        messages.success(request, _("Saved."))
        return redirect("dashboard:catalog", workflow.slug)
    context = {"workflow": workflow, "tab": "catalog", "form": form, "can_debias": can_debias}
    return render(request, "dashboard/catalog.html", context, status=status_of(form))


@page_or_form
@owner_page
def answering(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Decide what volunteers are shown before and after Done."""
    known = {name: getattr(workflow, name) for name in ("shows_summary", "tells_crowd")}
    form = AnsweringForm(*sent_to(request), initial=known)
    if form.is_bound and form.is_valid():
        change_answering(workflow=workflow, by=user_of(request), **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("dashboard:answering", workflow.slug)
    context = {"workflow": workflow, "tab": "answering", "form": form}
    return render(request, "dashboard/answering.html", context, status=status_of(form))


@page_or_form
@owner_page
def tree(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Draw the tree; take another version of it."""
    form = TreeForm(*sent_to(request), initial={"choice": UPLOAD})
    if form.is_bound and form.is_valid():
        try:
            version = services.publish_tree(
                document=form.cleaned_data["document"], by=user_of(request)
            )
            return _change_tree(request, workflow, version, confirmed=None)
        except DomainError as error:
            form.add_error(None, str(error))
    context = {
        "workflow": workflow,
        "tab": "tree",
        "form": form,
        "drawing": drawing.draw(workflow.tree.tree),
        "rows": drawing.table(workflow.tree.tree),
    }
    return render(request, "dashboard/tree.html", context, status=status_of(form))


@require_POST
@owner_page
def confirm_tree(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Change the structure, as the person has read what that means."""
    version, confirmed = _sent_tree(request.POST, "tree"), _sent_tree(request.POST, "instead_of")
    try:
        return _change_tree(request, workflow, version, confirmed=confirmed)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("dashboard:tree", workflow.slug)


def _sent_tree(sent: Mapping[str, str], name: str) -> TreeVersion:
    return get_object_or_404(TreeVersion, sha256=sent.get(name, "").replace("\0", "")[:64])


def _change_tree(
    request: HttpRequest, workflow: Workflow, version: TreeVersion, confirmed: TreeVersion | None
) -> HttpResponse:
    """Change it, or ask with the differences in words."""
    try:
        changed = services.change_tree(
            workflow=workflow, tree=version, by=user_of(request), confirmed=confirmed
        )
    except services.NeedsConfirmation as needed:
        context = {
            "workflow": workflow,
            "tab": "tree",
            "version": version,
            "changes": needed.changes,
            "drawing": drawing.draw(version.tree),
        }
        return render(request, "dashboard/tree_confirm.html", context)
    words = _("The tree is version %(version)s now.") % {"version": changed.version}
    messages.success(request, words)
    return redirect("dashboard:tree", workflow.slug)


@page_or_form
@owner_page
def owners(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    """Show the owners; add one."""
    form = OwnerForm(*sent_to(request))
    if form.is_bound and form.is_valid():
        name = form.cleaned_data["username"]
        try:
            added = services.add_owner(workflow=workflow, username=name, by=user_of(request))
        except DomainError as error:
            form.add_error("username", str(error))
        else:
            words = _("%(name)s owns this campaign too.") % {"name": added.username}
            messages.success(request, words)
            return redirect("dashboard:owners", workflow.slug)
    return _owners_page(request, workflow, form)


def _owners_page(
    request: HttpRequest, workflow: Workflow, form: OwnerForm, error: str = ""
) -> HttpResponse:
    context = {
        "workflow": workflow,
        "tab": "owners",
        "form": form,
        "error": error,
        "owners": workflow.owners.order_by("username"),
    }
    status = 422 if error else status_of(form)
    return render(request, "dashboard/owners.html", context, status=status)


@page_or_form
@owner_page
def remove_owner(request: HttpRequest, workflow: Workflow, user_id: int) -> HttpResponse:
    """Ask, then take the campaign from one of its owners."""
    owner: User | None = workflow.owners.filter(pk=user_id).first()
    if owner is None:
        raise Http404
    if request.method != "POST":
        return confirm(
            request,
            workflow,
            heading=_("Remove %(name)s?") % {"name": owner.username},
            words=_("They will not see these pages any more. Another owner can add them again."),
            label=_("Remove"),
            back="owners",
        )
    try:
        services.remove_owner(workflow=workflow, owner=owner, by=user_of(request))
    except DomainError as error:
        return _owners_page(request, workflow, OwnerForm(), error=str(error))
    messages.success(request, _("%(name)s is no owner any more.") % {"name": owner.username})
    is_gone = not Workflow.objects.owned_by(user_of(request)).filter(pk=workflow.pk).exists()
    return (
        redirect("dashboard:campaigns") if is_gone else redirect("dashboard:owners", workflow.slug)
    )
