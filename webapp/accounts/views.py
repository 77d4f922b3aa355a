"""Pages about this site, one's own account, and everybody's roles."""

from typing import cast

from allauth.account.models import EmailAddress
from allauth.account.views import email as allauth_address
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from webapp.accounts import queries, services
from webapp.accounts.access import admins_only, signed_in
from webapp.accounts.forms import KeysForm, RoleForm
from webapp.accounts.models import Role, User
from webapp.accounts.preferences import Preferences, preferences_of, save_preferences
from webapp.common.errors import DomainError
from webapp.common.views import safe_next

PER_PAGE = 50
MAX_SEARCH = 100


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """Say what this site is."""
    return render(request, "accounts/about.html")


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """Say what is stored, who sees it, and for how long."""
    return render(request, "accounts/privacy.html")


@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    """Say what taking part means, and under which license the votes are published."""
    return render(request, "accounts/terms.html")


@require_safe
@signed_in
def profile(request: HttpRequest) -> HttpResponse:
    """Show a user their own account."""
    primary = EmailAddress.objects.get_primary(request.user)
    return render(request, "accounts/profile.html", {"address": primary})


def address(request: HttpRequest) -> HttpResponse:
    """Change the e-mail address, with allauth's view; an address belongs to one account."""
    try:
        with transaction.atomic():
            return cast("HttpResponse", allauth_address(request))
    except IntegrityError:
        messages.error(request, _("Another account has this address. Choose a different one."))
        return redirect("account_email")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def keys(request: HttpRequest) -> HttpResponse:
    """Choose the keys of the classify page; a visitor's choice lasts as long as their session."""
    if "reset" in request.POST:
        save_preferences(request, Preferences())
        messages.success(request, _("All keys are as usual."))
        return redirect("accounts:keys")
    sent = request.POST if request.method == "POST" else None
    form = KeysForm(sent, known=preferences_of(request))
    if form.is_bound and form.is_valid():
        save_preferences(request, form.chosen())
        messages.success(request, _("Saved."))
        return redirect(safe_next(request, reverse("accounts:keys")))
    place = request.POST.get("next") or request.GET.get("next", "")
    status = 422 if form.is_bound else 200
    return render(request, "accounts/keys.html", {"form": form, "next": place}, status=status)


@require_safe
@admins_only
def people(request: HttpRequest) -> HttpResponse:
    """List the accounts, so that roles can be given and taken."""
    return _people(request)


def _people(request: HttpRequest, *, error: str = "") -> HttpResponse:
    text = request.GET.get("q", "").replace("\0", "")[:MAX_SEARCH]
    page = Paginator(queries.people(text), PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "q": text, "roles": Role.choices, "error": error}
    context["query"] = urlencode({"q": text}) + "&" if text else ""
    return render(request, "accounts/people.html", context, status=422 if error else 200)


@require_POST
@admins_only
def change_role(request: HttpRequest, user_id: int) -> HttpResponse:
    """Change what an account may do."""
    user = get_object_or_404(User, pk=user_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        problem = next(iter(form.errors.values()))[0]
        return _people(request, error=str(problem))
    try:
        services.set_role(
            user=user,
            role=Role(form.cleaned_data["role"]),
            by=cast("User", request.user),
            reason=form.cleaned_data["reason"],
        )
    except DomainError as error:
        return _people(request, error=str(error))
    words = _("%(name)s is now: %(role)s.")
    role = Role(form.cleaned_data["role"]).label
    messages.success(request, words % {"name": user.username, "role": role})
    return redirect("accounts:people")
