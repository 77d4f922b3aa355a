"""Everything that is stored about one person, as JSON: what "Download my data" gives.

Each section names the relations that it covers; a test compares them with the tables, so that a
new one cannot be forgotten. Left out are only the keys themselves (password, tokens, the second
factor's).
"""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet
from django.utils import timezone

from webapp.accounts.identity import Identity
from webapp.accounts.models import User, Volunteer
from webapp.classifications.models import Classification, Gold, Handout, Passed, Skill, Suspicion
from webapp.classifications.queries import own_ids
from webapp.common.models import AuditEntry, BackgroundWork
from webapp.registry.models import ActiveModel, ModelVersion
from webapp.subjects.models import SubjectSet
from webapp.workflows.models import Workflow

CHUNK = 1000
Rows = Iterator[dict[str, Any]]


@dataclass(frozen=True)
class Person:
    """Whose data it is: an account or a browser, and the volunteers that are theirs."""

    user: User | None
    holder: uuid.UUID
    volunteers: QuerySet[Volunteer]


@dataclass(frozen=True)
class Section:
    """A list in the file.

    Attributes:
        relations: of which tables to users and volunteers it tells, as "app.Model.field".
    """

    rows: Callable[[Person], Rows]
    relations: tuple[str, ...]


def lines(identity: Identity) -> Iterator[str]:
    """Yield the file in pieces; it may be large."""
    own = Volunteer.objects.filter(pk__in=own_ids(identity))
    person = Person(identity.user, identity.holder, own)
    head = {"site": settings.SITE_NAME, "made_at": timezone.now(), "account": _account(person.user)}
    yield _text(head)[:-1]
    for name, section in SECTIONS.items():
        yield f",\n{json.dumps(name)}: ["
        for place, row in enumerate(section.rows(person)):
            yield f"{',' if place else ''}\n{_text(row)}"
        yield "]"
    yield "}\n"


def _text(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def _account(user: User | None) -> dict[str, Any] | None:
    fields = ("username", "email", "role", "is_active", "date_joined", "last_login",
              "terms_accepted_at", "first_name", "last_name")  # fmt: skip
    return {name: getattr(user, name) for name in fields} if user else None


def _plain(rows: QuerySet[Any], *left_out: str) -> Rows:
    """Yield rows as they stand in their table."""
    for row in rows.order_by("pk").iterator(chunk_size=CHUNK):
        yield {
            field.attname: getattr(row, field.attname)
            for field in row._meta.concrete_fields  # noqa: SLF001 - documented
            if field.attname not in left_out
        }


def _of_user(model: type[Model], field: str, *left_out: str) -> Callable[[Person], Rows]:
    def rows(person: Person) -> Rows:
        if person.user:
            yield from _plain(model._default_manager.filter(**{field: person.user}), *left_out)  # noqa: SLF001

    return rows


def _related(name: str, *left_out: str) -> Callable[[Person], Rows]:
    """Rows of an app above this one, by the name under which the account knows them."""

    def rows(person: Person) -> Rows:
        if person.user:
            yield from _plain(getattr(person.user, name).all(), *left_out)

    return rows


def _of_volunteers(model: type[Model]) -> Callable[[Person], Rows]:
    return lambda person: _plain(
        model._default_manager.filter(volunteer__in=person.volunteers)  # noqa: SLF001
    )


def _classifications(person: Person) -> Rows:
    rows = Classification.objects.filter(volunteer__in=person.volunteers)
    rows = rows.select_related("workflow", "subject", "tree", "standing").defer("tree__document")
    for row in rows.order_by("pk").iterator(chunk_size=CHUNK):
        standing = getattr(row, "standing", None)
        tree = row.tree.tree
        yield {
            "uuid": row.uuid,
            "volunteer": row.volunteer_id,
            "campaign": row.workflow.slug,
            "galaxy": row.subject.survey_id,
            "tree": tree.key,
            "answers": [
                {"question": tree.questions[answer.question].key, "answer": answer.key}
                for answer in (tree.answers[place] for place in row.path)
            ],
            "stream": row.stream,
            "is_test": row.is_test,
            "view": row.view,
            "shown_at": row.shown_at,
            "client_started_at": row.client_started_at,
            "client_finished_at": row.client_finished_at,
            "received_at": row.received_at,
            "state": standing.state if standing else "repeat",
            "weight": standing.weight if standing else 0,
            "reason": standing.reason if standing else "",
        }


def _holders(person: Person) -> set[uuid.UUID]:
    return {person.holder, *person.volunteers.values_list("uuid", flat=True)}


def _handouts(person: Person) -> Rows:
    yield from _plain(Handout.objects.filter(holder__in=_holders(person)), "uuid", "holder")


def _passed(person: Person) -> Rows:
    """Yield the galaxies that somebody skipped, or whose picture they reported."""
    rows = Passed.objects.filter(holder__in=_holders(person)).select_related("workflow", "subject")
    for row in rows.order_by("pk").iterator(chunk_size=CHUNK):
        yield {
            "campaign": row.workflow.slug,
            "galaxy": row.subject.survey_id,
            "is_report": row.is_report,
            "passed_at": row.passed_at,
        }


def _owned(model: type[Workflow | SubjectSet]) -> Callable[[Person], Rows]:
    def rows(person: Person) -> Rows:
        if person.user:
            for row in model._default_manager.filter(owners=person.user).order_by("pk"):  # noqa: SLF001
                yield {"slug": row.slug, "name": row.name}

    return rows


def _requests(person: Person) -> Rows:
    """Yield the long work that somebody asked for, of every kind."""
    for kind in BackgroundWork.__subclasses__():
        for row in kind._default_manager.filter(requested_by=person.user or 0).order_by("pk"):  # noqa: SLF001
            yield {
                "kind": kind._meta.label_lower,  # noqa: SLF001
                "id": row.pk,
                "status": row.status,
                "created_at": row.created_at,
            }


def _audit(person: Person) -> Rows:
    if person.user:
        yield from _plain(AuditEntry.objects.filter(actor_id=person.user.pk))
        yield from _plain(AuditEntry.objects.filter(target="user", target_id=person.user.pk))


SECTIONS = {
    "addresses": Section(
        _of_user(EmailAddress, "user", "id", "user_id"), ("account.EmailAddress.user",)
    ),
    "second_factors": Section(
        _of_user(Authenticator, "user", "data", "user_id"), ("mfa.Authenticator.user",)
    ),
    "volunteers": Section(
        lambda person: _plain(person.volunteers, "uuid", "user_id"), ("accounts.Volunteer.user",)
    ),
    "classifications": Section(
        _classifications,
        ("classifications.Classification.volunteer", "classifications.Standing.volunteer"),
    ),
    "shown_and_not_answered": Section(_handouts, ()),
    "passed_over": Section(_passed, ()),
    "favorites": Section(_related("favorites", "user_id"), ("classifications.Favorite.user",)),
    "skills": Section(_of_volunteers(Skill), ("classifications.Skill.volunteer",)),
    "suspicions": Section(_of_volunteers(Suspicion), ("classifications.Suspicion.volunteer",)),
    "saved_views": Section(_related("saved_views", "user_id"), ("explore.SavedView.user",)),
    "tokens": Section(_related("access_tokens", "user_id", "sha256"), ("api.AccessToken.user",)),
    "campaigns_owned": Section(
        _owned(Workflow), ("workflows.Workflow.owners", "workflows.Workflow_owners.user")
    ),
    "sets_owned": Section(
        _owned(SubjectSet), ("subjects.SubjectSet.owners", "subjects.SubjectSet_owners.user")
    ),
    "gold_entered": Section(_of_user(Gold, "entered_by"), ("classifications.Gold.entered_by",)),
    "decisions_on_volunteers": Section(
        _of_user(Suspicion, "decided_by", "words"), ("classifications.Suspicion.decided_by",)
    ),
    "models_registered": Section(
        _of_user(ModelVersion, "registered_by", "card"), ("registry.ModelVersion.registered_by",)
    ),
    "models_promoted": Section(
        _of_user(ActiveModel, "promoted_by"), ("registry.ActiveModel.promoted_by",)
    ),
    "work_asked_for": Section(_requests, ()),  # every kind of long work, see there
    "changes_in_the_log": Section(_audit, ()),
    "changes_in_djangos_admin": Section(_of_user(LogEntry, "user"), ("admin.LogEntry.user",)),
}
