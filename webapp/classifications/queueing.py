"""What the queue of answers in a browser asks for: galaxies ahead, receipts, a fresh token."""

import json
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST, require_safe

from inference.formats.question import Question
from inference.formats.tree import Walk
from webapp.accounts.identity import Identity, identity_of
from webapp.classifications import exclusion, feedback, queries, services
from webapp.classifications.forms import ClassificationForm
from webapp.classifications.services import Recorded
from webapp.classifications.sessions import session_of
from webapp.classifications.shown import Shown
from webapp.classifications.task import PASSED_ICON, Task, words_of_saved
from webapp.classifications.waits import patient
from webapp.common.errors import DomainError
from webapp.workflows.models import Status

QUESTIONS_KEPT_S = 3600  # by a browser; a tree never changes, but the words around it may


@require_safe
@gzip_page
@never_cache
def ahead(request: HttpRequest, slug: str) -> HttpResponse:
    """Hand out a galaxy to be shown after the present one; say nothing if there is no new one."""
    workflow = queries.visible_campaign(request.user, slug)
    if workflow is None:
        raise Http404
    identity = identity_of(request)
    is_open = workflow.status in (Status.LIVE, Status.DRAFT)
    handed = is_open and services.hand_out(identity=identity, workflow=workflow, is_ahead=True)
    if not handed:
        return HttpResponse(status=204)
    walk = workflow.tree.tree.walk([])
    task = Task(handed[0], walk, session=session_of(identity, handed[0]))
    return render(request, "classifications/classify.html#task", {"task": task})


def record(identity: Identity, form: ClassificationForm) -> Recorded:
    """Store what a valid form says."""
    return services.record_classification(
        identity=identity,
        uuid=form.cleaned_data["uuid"],
        shown=form.cleaned_data["shown"],
        path=form.cleaned_data["path"],
        client_started_at=form.cleaned_data["started_at"],
        client_finished_at=form.cleaned_data["finished_at"],
        view=form.cleaned_data["view"],
    )


def report_haste(shown: Shown, error: services.TooFast) -> None:
    """Let the owners know of somebody who answers faster than a person can."""
    exclusion.raise_suspicion(
        workflow_id=shown.workflow_id,
        volunteer_id=error.own[0].pk,
        words=f"Sent more than {settings.ANSWERS_PER_MINUTE} answers in a minute.",
    )


@require_POST
@patient
@gzip_page
def store(request: HttpRequest, slug: str) -> HttpResponse:  # noqa: ARG001
    """Store one classification that was queued, and answer what became of it.

    A refusal is one sentence: 422 if it will never be stored, 409 if it is another volunteer's,
    429 if it may be sent again later.
    """
    form, identity = ClassificationForm(request.POST), identity_of(request)
    if not form.is_valid():
        return _sentence(form.sentence(), 422)
    try:
        recorded = record(identity, form)
    except services.SomebodyElses as error:
        return _sentence(str(error), 409)
    except services.TooFast as error:
        report_haste(form.cleaned_data["shown"], error)
        response = _sentence(str(error), 429)
        response.headers["Retry-After"] = str(error.wait_s)
        return response
    except DomainError as error:
        return _sentence(str(error), 422)
    services.forget_handout(identity=identity, handout=form.cleaned_data["shown"].handout)
    return _receipt(request, identity, recorded)


def _sentence(words: str, status: int) -> HttpResponse:
    return HttpResponse(words, status=status, content_type="text/plain; charset=utf-8")


def _receipt(request: HttpRequest, identity: Identity, recorded: Recorded) -> HttpResponse:
    """Answer with the parts of the page that an answer changes, each under its id."""
    session = session_of(identity, None, recorded)
    context = {
        "session": session,
        "saved_words": words_of_saved(recorded.state, session),
        "feedback": feedback.feedback_after(recorded),
    }
    response = render(request, "classifications/receipt.html", context)
    response.headers["Classification-Id"] = str(recorded.classification_id)
    return response


@require_safe
@gzip_page
def questions(request: HttpRequest, tree: int) -> HttpResponse:
    """Show every question of a tree, for walks while the site cannot be reached.

    They are there for whoever has a galaxy that was shown with this tree.
    """
    handout = queries.handout_with(identity=identity_of(request), tree_id=tree)
    if handout is None:
        raise Http404
    asked = handout.tree.tree.questions
    context = {
        "tree": json.dumps([_followed(question) for question in asked]),
        "patterns": [
            *((question.index, Task(handout, Walk((), question))) for question in asked),
            ("end", Task(handout, Walk((), None))),
        ],
        "trail_step": {"words": "{words}", "question": {"text": "{text}"}, "icon": PASSED_ICON},
    }
    response = render(request, "classifications/questions.html", context)
    response.headers["Cache-Control"] = f"private, max-age={QUESTIONS_KEPT_S}"
    return response


def _followed(question: Question) -> dict[str, Any]:
    """Return what walk.js has to know of a question: which follows which answer."""
    return {
        "index": question.index,
        "isSingle": question.is_single,
        "isRequired": question.required,
        "answers": {answer.index: answer.next for answer in question.answers},
        "next": question.next,
    }


@require_safe
@never_cache
def token(request: HttpRequest) -> JsonResponse:
    """Tell a page that is older than the sign-in who is here now, and what its forms need."""
    identity = identity_of(request)
    name = identity.user.get_username() if identity.user else ""
    return JsonResponse({"token": get_token(request), "holder": str(identity.holder), "name": name})
