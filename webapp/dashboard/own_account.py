"""What somebody may do with all that is stored about them: download it, delete it, sign out."""

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from webapp.accounts import erasure
from webapp.accounts.access import confirmed, signed_in
from webapp.accounts.forms import ErasureForm
from webapp.accounts.identity import known_identity
from webapp.common.errors import DomainError
from webapp.dashboard import own_data, services
from webapp.dashboard.access import user_of


@require_safe
@never_cache
def data(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Download all that is stored about this person, or about this browser, as JSON."""
    known = known_identity(request)
    if known is None:
        return redirect("accounts:privacy")
    response = StreamingHttpResponse(own_data.lines(known), content_type="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@confirmed
def delete(request: HttpRequest) -> HttpResponse:
    """Say what goes and what stays; delete the account of who types its name."""
    user = user_of(request)
    form = ErasureForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            services.delete_account(user=user)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            get_adapter().logout(request)
            messages.success(request, _("Your account is deleted. Thank you for your answers."))
            return redirect("classifications:home")
    context = {"form": form, "owned": user.workflows.order_by("name")}
    return render(request, "dashboard/delete_account.html", context, status=_status(request))


def _status(request: HttpRequest) -> int:
    return 422 if request.method == "POST" else 200


@require_POST
@signed_in
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End all sessions of this account, this one too."""
    erasure.end_sessions(user=user_of(request))
    get_adapter().logout(request)
    messages.success(request, _("You are signed out in every browser."))
    return redirect("account_login")
