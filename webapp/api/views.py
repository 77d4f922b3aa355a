"""What the API can be asked for, and the pages where a scientist makes and revokes tokens."""

from typing import cast

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from webapp.accounts.access import owners_only, signed_in
from webapp.accounts.models import User
from webapp.api import schema, services
from webapp.api.forms import TokenForm
from webapp.api.models import AccessToken, Scope
from webapp.common.errors import DomainError

TOKENS = "api/tokens.html"


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the OpenAPI document to people; a program reads the document itself."""
    return render(request, "api/docs.html", {"operations": schema.operations()})


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Answer the OpenAPI document."""
    return JsonResponse(schema.document())


@require_safe
@owners_only
def tokens(request: HttpRequest) -> HttpResponse:
    """List a scientist's tokens, and offer to make one."""
    return _page(request, TokenForm())


@require_POST
@owners_only
@never_cache
def make_token(request: HttpRequest) -> HttpResponse:
    """Make a token and show its key.

    The answer is the page itself, for a redirect would have to store the key meanwhile.
    """
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    try:
        token, key = services.make_token(
            user=_user(request),
            name=form.cleaned_data["name"],
            scopes=[Scope(scope) for scope in form.cleaned_data["scopes"]],
            days=form.cleaned_data["days"],
        )
    except DomainError as error:
        form.add_error(None, str(error))
        return _page(request, form)
    return _page(request, TokenForm(), made=token, key=key)


@require_POST
@signed_in  # whoever is no scientist any more may still revoke
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """Let nobody use a token any more."""
    token = AccessToken.objects.filter(user=_user(request), pk=token_id).first()
    if token is None:
        raise Http404
    services.revoke_token(token=token, by=_user(request))
    return redirect("api:tokens" if _user(request).may_own_workflows else "accounts:profile")


def _page(
    request: HttpRequest, form: TokenForm, *, made: AccessToken | None = None, key: str = ""
) -> HttpResponse:
    rows = AccessToken.objects.filter(user=_user(request)).order_by("-pk")
    context = {"form": form, "tokens": rows, "made": made, "key": key, "now": timezone.now()}
    return render(request, TOKENS, context, status=422 if form.errors else 200)


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)
