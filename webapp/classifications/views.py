"""The volunteers' pages: the campaigns, the galaxy to classify, my galaxies."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from inference.errors import PathRefused
from inference.formats.tree import Walk
from webapp.accounts.identity import Identity, identity_of
from webapp.classifications import feedback, queries, queueing, replacing, services
from webapp.classifications.access import go_to, workflow_of
from webapp.classifications.forms import ClassificationForm
from webapp.classifications.models import Handout
from webapp.classifications.outlook import outlook_of
from webapp.classifications.services import Recorded
from webapp.classifications.sessions import session_of
from webapp.classifications.shown import Shown
from webapp.classifications.task import Last, Task
from webapp.classifications.waits import patient
from webapp.classifications.walks import read_dropped, read_walk, restore
from webapp.common.errors import DomainError
from webapp.workflows.models import Status, Workflow

CLASSIFY = "classifications/classify.html"


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the campaigns; a single one is shown as its own page."""
    campaigns = queries.campaigns()
    if len(campaigns) == 1:
        return _campaign_page(request, campaigns[0])
    return render(request, "classifications/home.html", {"campaigns": campaigns})


@require_safe
def campaign(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what a campaign is about, and how far it is."""
    return _campaign_page(request, workflow_of(request, slug))


def _campaign_page(request: HttpRequest, workflow: Workflow) -> HttpResponse:
    progress = queries.progress(workflow)
    context = {
        "workflow": workflow,
        "progress": progress,
        "outlook": outlook_of(workflow, progress),
        "credits": queries.picture_credits(workflow),
        "mosaic": queries.mosaic(workflow),
    }
    return render(request, "classifications/campaign.html", context)


@require_safe
@gzip_page
@never_cache
@vary_on_headers("Sec-Fetch-Dest")
def classify(request: HttpRequest, slug: str) -> HttpResponse:
    """Hand out a galaxy and go to its page."""
    workflow = workflow_of(request, slug)
    if workflow.status == Status.PAUSED:
        return _notice(
            request,
            heading=_("This campaign is paused"),
            words=_("Its owners hand out no galaxies for the moment; every answer so far is kept."),
        )
    identity = identity_of(request)
    handed = services.hand_out(identity=identity, workflow=workflow)
    if handed is None:
        return _notice(
            request,
            heading=_("No galaxies yet"),
            words=_("This campaign's galaxies appear here once its owners have added a set."),
        )
    if request.headers.get("Sec-Fetch-Dest") != "document":
        return redirect("classifications:galaxy", slug, handed[0].uuid)
    # A browser: a redirect would cost a phone another 400 ms. queue.js puts the galaxy's own
    # address in place of this one, and so does the page itself where no script runs.
    task = Task(
        handed[0], workflow.tree.tree.walk([]), handed[1], session=session_of(identity, handed[0])
    )
    return _page(request, task, is_entrance=True)


def _page(request: HttpRequest, task: Task, *, is_entrance: bool = False) -> HttpResponse:
    """Show the page; its picture, which everything waits for, is asked for before it is read."""
    response = render(request, CLASSIFY, {"task": task, "is_entrance": is_entrance})
    picture = task.handout.subject.display_url
    response.headers["Link"] = f"<{picture}>; rel=preload; as=image; fetchpriority=high"
    return response


@require_safe
@gzip_page
@never_cache
def galaxy(request: HttpRequest, slug: str, handout: uuid.UUID) -> HttpResponse:
    """Show a galaxy and the question that waits; the address carries the answers so far."""
    found = queries.live_handout(identity=identity_of(request), handout=handout)
    if found is None or found.workflow.slug != slug:
        messages.info(request, _("That galaxy is answered or its page has expired: a new one."))
        return redirect("classifications:classify", slug)
    try:
        walk = _walk(request, found)
    except PathRefused as error:
        task = Task(found, found.tree.tree.walk([]), error=str(error))
        return render(request, CLASSIFY, {"task": task}, status=422)
    repeat = queries.repeat_of(handout=found, identity=identity_of(request))
    after = _after(request)
    known = after and feedback.feedback_on(
        classification=after, own=queries.own_ids(identity_of(request))
    )
    task = Task(
        found, walk, repeat, after=after if known else None, feedback=known or None,
        session=session_of(identity_of(request), found), dropped=_dropped(request, found),
        last=_last(request, found),
    )  # fmt: skip
    if "next" in request.GET:
        return redirect(task.page)
    return _page(request, task)


def _last(request: HttpRequest, handout: Handout) -> Last | None:
    """Return the answer before, if it was of this campaign and may still be changed."""
    row = replacing.last_answer(queries.own_ids(identity_of(request)))
    if row is None or row.workflow_id != handout.workflow_id:
        return None
    return Last(row.uuid, replacing.seconds_left(row))


def _after(request: HttpRequest) -> uuid.UUID | None:
    """Return the classification that the address says was the one before."""
    try:
        return uuid.UUID(request.GET.get("after", ""))
    except ValueError:
        return None


def _walk(request: HttpRequest, handout: Handout) -> Walk:
    chosen = request.GET.getlist("choice") if "next" in request.GET else None
    walk = read_walk(handout.tree.tree, request.GET.get("answers", ""), chosen)
    return walk if chosen is None else restore(_dropped(request, handout), walk)


def _dropped(request: HttpRequest, handout: Handout) -> tuple[Walk, ...]:
    return read_dropped(handout.tree.tree, request.GET.get("dropped", ""))


@require_safe
@gzip_page
@never_cache
@vary_on_headers("HX-Request")
def question(request: HttpRequest, slug: str, handout: uuid.UUID) -> HttpResponse:
    """Answer the question part; opened by hand, go to its page."""
    if not request.htmx:  # type: ignore[attr-defined]
        page = reverse("classifications:galaxy", args=[slug, handout])
        return redirect(f"{page}?{request.GET.urlencode()}")
    found = queries.live_handout(identity=identity_of(request), handout=handout)
    if found is None or found.workflow.slug != slug:
        return go_to(reverse("classifications:classify", args=[slug]))
    try:
        task = Task(
            found, _walk(request, found), after=_after(request), dropped=_dropped(request, found)
        )
    except PathRefused as error:
        task = Task(found, found.tree.tree.walk([]), error=str(error))
        return render(request, f"{CLASSIFY}#question", {"task": task, "is_part": True}, status=422)
    response = render(request, f"{CLASSIFY}#question", {"task": task, "is_part": True})
    response.headers["HX-Push-Url"] = task.page
    return response


@require_POST
@patient
@gzip_page
def submit(request: HttpRequest, slug: str) -> HttpResponse:
    """Store one classification, then show the next galaxy."""
    form = ClassificationForm(request.POST)
    identity = identity_of(request)
    if not form.is_valid():
        return _refused(request, identity, None, form.sentence(), slug)
    shown: Shown = form.cleaned_data["shown"]
    try:
        recorded = queueing.record(identity, form)
    except services.TooFast as error:
        return _slowed(request, identity, shown, error)
    except replacing.NotChangeable as error:  # there is no other answer to this page
        return _refused(request, identity, None, str(error), slug)
    except DomainError as error:
        return _refused(request, identity, shown, str(error), slug)
    response = _next(request, identity, shown, recorded)
    response.headers["Classification-Id"] = str(recorded.classification_id)
    return response


def _next(
    request: HttpRequest, identity: Identity, shown: Shown, recorded: Recorded
) -> HttpResponse:
    """Answer with the next galaxy: as a part for htmx, as an address without JavaScript."""
    workflow = recorded.workflow
    handed = services.hand_out(
        identity=identity, workflow=workflow, own=recorded.own, answered=shown.handout
    )
    if handed is None or workflow.status == Status.PAUSED:
        start = reverse("classifications:classify", args=[workflow.slug])
        return go_to(start) if request.htmx else redirect(start)  # type: ignore[attr-defined]
    known = feedback.feedback_after(recorded)
    task = Task(
        handed[0], workflow.tree.tree.walk([]), handed[1], saved=recorded.state,
        after=known.classification if known else None, feedback=known,
        session=session_of(identity, handed[0], recorded),
        last=_just_given(recorded),
    )  # fmt: skip
    if not request.htmx:  # type: ignore[attr-defined]
        messages.success(request, task.saved_words)
        return redirect(task.page)
    response = render(request, f"{CLASSIFY}#task", {"task": task})
    response.headers["HX-Push-Url"] = task.page
    return response


def _just_given(recorded: Recorded) -> Last | None:
    """Return an answer that was just stored, if it may be changed."""
    is_fixed = recorded.is_gold or recorded.state not in replacing.CHANGEABLE
    return None if is_fixed else Last(recorded.uuid, settings.CHANGE_ANSWER_S)


def _refused(
    request: HttpRequest, identity: Identity, shown: Shown | None, sentence: str, slug: str
) -> HttpResponse:
    """Say what was not stored and why; the galaxy stays if it can still be answered."""
    handout = shown and queries.live_handout(identity=identity, handout=shown.handout)
    if not handout:
        return _notice(
            request,
            heading=_("This answer was not stored"),
            words=sentence,
            url=reverse("classifications:classify", args=[slug]),
            label=_("Go on with the next galaxy"),
            is_refusal=True,
        )
    task = Task(handout, handout.tree.tree.walk([]), error=sentence)
    part = "#task" if request.htmx else ""  # type: ignore[attr-defined]
    return render(request, f"{CLASSIFY}{part}", {"task": task}, status=422)


def _slowed(
    request: HttpRequest, identity: Identity, shown: Shown, error: services.TooFast
) -> HttpResponse:
    """Say how long to wait, and let the owners know."""
    queueing.report_haste(shown, error)
    slug = Workflow.objects.present(shown.workflow_id).slug
    response = _refused(request, identity, shown, str(error), slug)
    response.status_code = 429
    response.headers["Retry-After"] = str(error.wait_s)
    return response


def _notice(
    request: HttpRequest,
    *,
    heading: str,
    words: str,
    url: str = "",
    label: str = "",
    is_refusal: bool = False,
) -> HttpResponse:
    """Show one sentence in place of a galaxy."""
    context = {
        "heading": heading,
        "words": words,
        "url": url or reverse("classifications:home"),
        "label": label or _("See the campaigns"),
        "icon": "artifact" if is_refusal else "spiral",
        "is_refusal": is_refusal,
    }
    part = "#task" if request.htmx else ""  # type: ignore[attr-defined]
    status = 422 if is_refusal else 200
    return render(request, f"classifications/notice.html{part}", context, status=status)
