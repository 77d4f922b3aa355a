"""A galaxy's page, and lists of galaxies worth a look."""

import re
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from webapp.accounts.identity import known_identity
from webapp.classifications import replacing
from webapp.common.errors import DomainError
from webapp.consensus.models import Consensus
from webapp.explore import picture, queries, voices
from webapp.explore.access import (
    campaign_page,
    is_scientist,
    public_page,
    sees_votes,
    user_of,
    visible,
)
from webapp.explore.sky_links import sky_links
from webapp.predictions import services
from webapp.predictions.models import ListKind
from webapp.registry.queries import active_model
from webapp.subjects.models import Subject
from webapp.workflows.models import TreeVersion, Workflow

GALAXY = "explore/galaxy.html"
KEY = re.compile(r"\d{1,18}", re.ASCII)


@require_safe
def galaxy(request: HttpRequest, subject_id: int) -> HttpResponse:
    """Show a galaxy in the first campaign that asks about it and that this person may look at."""
    found = queries.campaigns_of(subject_id, visible(request.user))
    if not found:
        raise Http404
    return redirect("explore:galaxy_in", found[0].slug, subject_id)


@require_safe
@never_cache
@public_page
def galaxy_in(request: HttpRequest, workflow: Workflow, subject_id: int) -> HttpResponse:
    """Show what people, the network and both say of a galaxy, its history, and ways to others."""
    return _galaxy_page(request, workflow, subject_id)


def _galaxy_page(
    request: HttpRequest, workflow: Workflow, subject_id: int, error: str = ""
) -> HttpResponse:
    tally = queries.tally(workflow, subject_id)
    if tally is None:
        raise Http404
    context = {
        "workflow": workflow,
        "tally": tally,
        "subject": tally.subject,
        "campaigns": queries.campaigns_of(subject_id, visible(request.user)),
        "is_scientist": is_scientist(request),
        "error": error,
        **_picture_context(tally.subject),
    }
    if sees_votes(request, workflow, tally):
        if identity := known_identity(request):
            replacing.note_told(identity=identity, subject_id=subject_id)
        context |= _votes_context(workflow, tally)
        if is_scientist(request):
            context |= _science_context(request, workflow, subject_id, context["seen"])
    return render(request, GALAXY, context, status=422 if error else 200)


def _picture_context(subject: Subject) -> dict[str, Any]:
    links = []
    if subject.ra_deg is not None and subject.dec_deg is not None:
        links = sky_links(subject.ra_deg, subject.dec_deg, picture.field_deg(subject))
    return {
        "scale": picture.scale(subject),
        "fits_url": picture.fits_url(subject),
        "sky_links": links,
    }


def _votes_context(workflow: Workflow, tally: Consensus) -> dict[str, Any]:
    """Return what everybody may see once the votes are no secret."""
    tree = TreeVersion.objects.known(tally.tree_id).tree
    return {
        "known": voices.known(tally, tree),
        "history": queries.retirements(workflow, tally.subject_id),
        "seen": queries.seen(workflow, tally.subject_id),
    }


def _science_context(
    request: HttpRequest, workflow: Workflow, subject_id: int, seen: queries.Seen | None
) -> dict[str, Any]:
    """Return what costs more to find, or leads to more work."""
    return {
        "streams": queries.streams(workflow, subject_id),
        "alike": queries.alike(workflow, seen) if seen else [],
        "space": queries.space(seen.model) if seen else None,
        "range": queries.distance_range(seen.model) if seen else None,
        **_map_context(request, workflow, subject_id, seen),
    }


@require_safe
@public_page
def recipe(_request: HttpRequest, workflow: Workflow, subject_id: int) -> HttpResponse:
    """Say how a galaxy's pictures were made of its original, as JSON."""
    tally = queries.tally(workflow, subject_id)
    if tally is None:
        raise Http404
    response = JsonResponse(picture.recipe(tally.subject), json_dumps_params={"indent": 2})
    response.headers["Content-Disposition"] = f'attachment; filename="galaxy-{subject_id}.json"'
    return response


def _map_context(
    request: HttpRequest, workflow: Workflow, subject_id: int, seen: queries.Seen | None
) -> dict[str, Any]:
    """Return the map of the answer that the address names, and the answers to choose from."""
    if seen is None:
        return {}
    tree = seen.model.tree.tree
    names = {tree.name(answer): answer for answer in tree.answers}
    chosen = request.GET.get("answer", "")
    return {
        "workflow": workflow,
        "answers": [
            (question, [(tree.name(answer), answer) for answer in question.answers])
            for question in tree.questions
        ],
        "chosen": chosen,
        "chosen_answer": names.get(chosen),
        "map": queries.heat_map(seen.model, subject_id, chosen) if chosen in names else None,
        "subject_id": subject_id,
    }


@require_POST
@campaign_page
def ask_for_map(request: HttpRequest, workflow: Workflow, subject_id: int) -> HttpResponse:
    """Have the map of an answer drawn, and show it when it is there."""
    seen, tally = queries.seen(workflow, subject_id), queries.tally(workflow, subject_id)
    if seen is None or tally is None:
        raise Http404
    answer = request.POST.get("answer", "")
    try:
        services.ask_for_map(
            model=seen.model, subject=tally.subject, answer=answer, by=user_of(request)
        )
    except DomainError as error:
        return _galaxy_page(request, workflow, subject_id, error=str(error))
    return redirect(_address(workflow, subject_id, answer))


def _address(workflow: Workflow, subject_id: int, answer: str) -> str:
    page = reverse("explore:galaxy_in", args=[workflow.slug, subject_id])
    return f"{page}?{urlencode({'answer': answer})}#map"


@require_safe
@vary_on_headers("HX-Request")
@campaign_page
def map_part(request: HttpRequest, workflow: Workflow, subject_id: int) -> HttpResponse:
    """Answer the map as it is now; opened by hand, go to its page."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(_address(workflow, subject_id, request.GET.get("answer", "")))
    seen = queries.seen(workflow, subject_id)
    if seen is None or queries.tally(workflow, subject_id) is None:
        raise Http404
    context = {"seen": seen, **_map_context(request, workflow, subject_id, seen)}
    return render(request, f"{GALAXY}#map", context)


@require_safe
@campaign_page
def galaxies(request: HttpRequest, workflow: Workflow, kind: str) -> HttpResponse:
    """List the most unusual galaxies, or those that people and the network see differently."""
    if kind not in ListKind.values:
        raise Http404
    after = _key(request)
    context = {
        "workflow": workflow,
        "kind": ListKind(kind),
        "kinds": ListKind.choices,
        "page": queries.listed(workflow, ListKind(kind), after=after),
        "made": queries.made(workflow),
        "key": after,
        "has_model": active_model(workflow) is not None,
        "is_owner": _owns(request, workflow),
    }
    return render(request, "explore/galaxies.html", context)


def _owns(request: HttpRequest, workflow: Workflow) -> bool:
    return Workflow.objects.owned_by(user_of(request)).filter(pk=workflow.pk).exists()


def _key(request: HttpRequest) -> int:
    text = request.GET.get("after", "0")
    if not KEY.fullmatch(text):
        raise Http404
    return int(text)
