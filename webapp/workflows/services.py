"""Writing trees and campaigns; every change has its line in the audit log."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from inference.belief.certainty import ALL
from inference.belief.retirement import Rule
from inference.errors import RuleRefused, TreeRefused
from inference.formats.tree import Tree
from webapp.accounts.models import User
from webapp.common import audit
from webapp.common.errors import DomainError
from webapp.common.wake import wake
from webapp.workflows.models import Status, TreeVersion, Workflow
from webapp.workflows.readiness import Line, failing

SLUG_LENGTH = 50  # leaves room for a number behind it


class TreeUnusable(DomainError):
    """The document cannot be published as a tree."""


class RuleUnusable(DomainError):
    """The rule cannot be followed on the campaign's tree."""


class NotReady(DomainError):
    """A line of the checklist keeps the campaign from its launch."""


class WrongStatus(DomainError):
    """The campaign does not stand where this could be done."""


class NeedsConfirmation(DomainError):
    """The tree's structure would change, which somebody has to have seen first."""

    def __init__(self, changes: Sequence[str]) -> None:
        super().__init__(
            "The new tree has another structure. Read what changes below, and confirm it."
        )
        self.changes = changes


class NoSuchScientist(DomainError):
    """The name is not that of an account which may own campaigns."""


class LastOwner(DomainError):
    """Nobody would be left who may change the campaign."""


@transaction.atomic
def publish_tree(*, document: bytes | str, by: User | None) -> TreeVersion:
    """Store a tree, once for ever; the same document again returns the row that is there.

    Raises:
        TreeUnusable: it is not a tree; the sentence names the question.
    """
    try:
        tree = Tree.parse(document)
    except TreeRefused as error:
        raise TreeUnusable(str(error)) from None
    row = TreeVersion(
        key=tree.key,
        title=tree.title,
        document=tree.to_json(),
        sha256=tree.sha256,
        n_answers=tree.n_answers,
        n_questions=tree.n_questions,
    )
    if not TreeVersion.objects.filter(sha256=tree.sha256).exists():
        TreeVersion.objects.bulk_create([row], ignore_conflicts=True)
        stored = TreeVersion.objects.get(sha256=tree.sha256)
        audit.write_entry(
            actor=by, action="publish_tree", target="tree", target_id=stored.pk,
            new={"title": tree.title, "sha256": tree.sha256},
        )  # fmt: skip
        return stored
    return TreeVersion.objects.get(sha256=tree.sha256)


@transaction.atomic
def create_workflow(
    *, name: str, tree: TreeVersion, owner: User | None, summary: str = "", text: str = ""
) -> Workflow:
    """Make a draft with the usual rule, owned by one person, or by administrators only.

    Raises:
        NoSuchScientist: the account may not own campaigns.
    """
    fields = {
        "name": name,
        "summary": summary,
        "text": text,
        "tree": tree,
        "rule": Rule.default(tree.tree).to_json(),
    }
    return _create(fields, owner=owner, action="create_workflow")


@transaction.atomic
def duplicate_workflow(*, workflow: Workflow, by: User) -> Workflow:
    """Make a draft with the same tree, rule and texts; no votes, no sets, and one owner."""
    fields = {
        "name": f"{workflow.name[:110]} (copy)",
        "summary": workflow.summary,
        "text": workflow.text,
        "tree": workflow.tree,
        "rule": workflow.rule,
        "mixture": workflow.mixture,
        "hides_votes": workflow.hides_votes,
        "is_debiased": workflow.is_debiased,
        "shows_summary": workflow.shows_summary,
        "tells_crowd": workflow.tells_crowd,
    }
    return _create(fields, owner=by, action="duplicate_workflow", copied_from=workflow.slug)


def _create(fields: dict[str, Any], *, owner: User | None, action: str, **said: str) -> Workflow:
    if owner and not owner.may_own_workflows:
        raise NoSuchScientist(
            _(
                "%(username)s is no scientist, so may not own campaigns. An administrator can "
                "change the role."
            )
            % {"username": owner.username}
        )
    workflow = Workflow.objects.create(slug=_free_slug(fields["name"]), **fields)
    if owner:
        workflow.owners.add(owner)
    _log(
        workflow, owner, action, old=None,
        new={"slug": workflow.slug, "tree": workflow.tree.sha256, "rule": workflow.rule} | said,
    )  # fmt: skip
    return workflow


def _free_slug(name: str) -> str:
    """Return an address that no campaign has; whoever asks next waits for this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('workflow slug'))")
    slug = slugify(name)[:SLUG_LENGTH].strip("-") or "campaign"
    taken = set(Workflow.objects.filter(slug__startswith=slug).values_list("slug", flat=True))
    number = 1
    free = slug
    while free in taken:
        number += 1
        free = f"{slug}-{number}"
    return free


@transaction.atomic
def edit_texts(*, workflow: Workflow, name: str, summary: str, text: str, by: User) -> Workflow:
    """Change what volunteers read; the address stays, as people have it in their bookmarks."""
    locked = _lock(workflow)
    new = {"name": name, "summary": summary, "text": text}
    old = {field: getattr(locked, field) for field in new}
    changed = [field for field in new if old[field] != new[field]]
    if changed:
        _save(locked, **{field: new[field] for field in changed})
        _log(
            locked, by, "edit_texts",
            old={field: old[field] for field in changed},
            new={field: new[field] for field in changed},
        )  # fmt: skip
    return locked


@transaction.atomic
def change_rule(*, workflow: Workflow, rule: Mapping[str, Any], by: User) -> Workflow:
    """Change when a galaxy has been seen enough; workers judge every galaxy anew.

    Raises:
        RuleUnusable: the rule cannot be followed; the sentence says why.
        WrongStatus: the campaign is finished.
    """
    locked = lock_unfinished(workflow, gettext_noop("Its rule"))
    try:
        parsed = Rule.parse(rule, locked.tree.tree).to_json()
    except RuleRefused as error:
        raise RuleUnusable(str(error)) from None
    if parsed != locked.parsed_rule.to_json():
        _put_rule(locked, parsed, by)
    return locked


def _put_rule(locked: Workflow, rule: dict[str, Any], by: User) -> None:
    old = locked.rule
    _save(locked, rule=rule, rule_version=locked.rule_version + 1)
    _log(locked, by, "change_rule", old=old, new=rule)
    wake("judgement")


@transaction.atomic
def change_tree(
    *, workflow: Workflow, tree: TreeVersion, by: User, confirmed: TreeVersion | None = None
) -> Workflow:
    """Give a campaign another version of its tree; stored votes stay as they were given.

    Other texts, helps, icons and aliases are a minor version. Another structure is a major one:
    what both trees call the same keeps its votes, and the rule's artifact votes follow the tree's
    answers for a bad image.

    Args:
        confirmed: the tree that the campaign had when the person saw what would change.

    Raises:
        NeedsConfirmation: the structure changes, and that was not confirmed.
        WrongStatus: the campaign is finished.
    """
    locked = lock_unfinished(workflow, gettext_noop("Its tree"))
    was = locked.tree
    if was.pk == tree.pk:
        return locked
    is_minor = tree.tree.same_structure(was.tree)
    if not is_minor and (confirmed is None or confirmed.pk != was.pk):
        raise NeedsConfirmation(tree.tree.differences(was.tree))
    version = (locked.major, locked.minor + 1) if is_minor else (locked.major + 1, 0)
    old = {"version": locked.version, "tree": was.sha256}
    rule = rule_on(locked.rule, was.tree, tree.tree)
    _save(locked, tree=tree, major=version[0], minor=version[1], is_tallied=False)
    _log(locked, by, "change_tree", old=old, new={"version": locked.version, "tree": tree.sha256})
    if rule != Rule.parse(locked.rule, was.tree).to_json():
        _put_rule(locked, rule, by)
    wake("recount")
    return locked


def rule_on(rule: Mapping[str, Any], was: Tree, now: Tree) -> dict[str, Any]:
    """Return a rule as it reads on another tree: artifact votes follow the bad-image answers.

    A rule that names answers of its own choice keeps them while the other tree has them all.
    Questions that must be sure stay while the other tree asks them; without any, nothing is sure.
    """
    stays = Rule.parse(rule, was).to_json()
    return stays | {
        "artifact": _artifact_on(stays["artifact"], was, now),
        "artifact_of_set": {
            name: _artifact_on(part, was, now) for name, part in stays["artifact_of_set"].items()
        },
        "certainty": _certainty_on(stays["certainty"], now),
    }


def _artifact_on(part: dict[str, Any] | None, was: Tree, now: Tree) -> dict[str, Any] | None:
    if part is None:
        return None
    names = set(part["answers"])
    is_own_choice = names != {was.name(answer) for answer in was.artifacts}
    if is_own_choice and names <= {now.name(answer) for answer in now.answers}:
        return part
    follows = [now.name(answer) for answer in now.artifacts]
    return part | {"answers": follows} if follows else None


def _certainty_on(part: dict[str, Any] | None, now: Tree) -> dict[str, Any] | None:
    if part is None or part["questions"] == ALL:
        return part
    single = {question.key for question in now.questions if question.is_single}
    follows = [key for key in part["questions"] if key in single]
    return part | {"questions": follows} if follows else None


def launch_workflow(
    *, workflow: Workflow, lines: Sequence[Line], by: User | None, n_test_votes_kept: int = 0
) -> Workflow:
    """Let everybody vote; from now on votes count.

    Args:
        lines: the checklist, just computed.

    Raises:
        NotReady: a line fails; the sentence is that line with its remedy.
        WrongStatus: the campaign is no draft.
    """
    if found := failing(lines):
        raise NotReady(
            _("Not launched: %(words)s %(remedy)s")
            % {"words": found[0].words, "remedy": found[0].remedy}
        )
    with transaction.atomic():
        locked = _lock(workflow)
        _require(locked, gettext_noop("launched"), Status.DRAFT)
        _save(locked, status=Status.LIVE, launched_at=timezone.now())
        _log(
            locked, by, "launch", old={"status": Status.DRAFT},
            new={"status": Status.LIVE, "test_votes_kept": n_test_votes_kept},
        )  # fmt: skip
    return locked


def pause_workflow(*, workflow: Workflow, by: User) -> Workflow:
    """Hand out no more galaxies for a while; what is under way is still stored."""
    return _move(workflow, by, "pause", Status.PAUSED, Status.LIVE)


def resume_workflow(*, workflow: Workflow, by: User) -> Workflow:
    """Hand out galaxies again."""
    return _move(workflow, by, "resume", Status.LIVE, Status.PAUSED)


def finish_workflow(*, workflow: Workflow, by: User) -> Workflow:
    """End a campaign for good; its rule, tree and sets change no more."""
    return _move(
        workflow, by, "finish", Status.FINISHED, Status.LIVE, Status.PAUSED,
        finished_at=timezone.now(),
    )  # fmt: skip


@transaction.atomic
def _move(
    workflow: Workflow, by: User, action: str, to: Status, *allowed: Status, **fields: Any
) -> Workflow:
    locked = _lock(workflow)
    _require(locked, str(to.label) if to != Status.LIVE else gettext_noop("resumed"), *allowed)
    old = locked.status
    _save(locked, status=to, **fields)
    _log(locked, by, action, old={"status": old}, new={"status": to})
    return locked


@transaction.atomic
def add_owner(*, workflow: Workflow, username: str, by: User) -> User:
    """Let another scientist change this campaign.

    Raises:
        NoSuchScientist: no account of this name may own campaigns; whether there is one is not
            said.
    """
    locked = _lock(workflow)
    user = User.objects.filter(username__iexact=username, is_active=True).first()
    if user is None or not user.may_own_workflows:
        raise NoSuchScientist(
            _(
                "No scientist here is called “%(username)s”. Check the spelling, or ask an "
                "administrator to give the account that role."
            )
            % {"username": username}
        )
    if not locked.owners.filter(pk=user.pk).exists():
        locked.owners.add(user)
        _log(locked, by, "add_owner", old=None, new=user.pk)
    return user


@transaction.atomic
def remove_owner(*, workflow: Workflow, owner: User, by: User) -> None:
    """Take a campaign from one of its owners.

    Raises:
        LastOwner: nobody else owns it.
    """
    locked = _lock(workflow)
    owners = list(locked.owners.all())
    if owner not in owners:
        return
    if len(owners) == 1:
        raise LastOwner(
            _("%(username)s is the only owner. Add another one first.")
            % {"username": owner.username}
        )
    locked.owners.remove(owner)
    _log(locked, by, "remove_owner", old=owner.pk, new=None)


def _lock(workflow: Workflow) -> Workflow:
    """Lock the campaign's row; votes, which only refer to it, do not wait."""
    rows = Workflow.objects.select_related("tree")
    return rows.select_for_update(of=("self",), no_key=True).get(pk=workflow.pk)


def lock_unfinished(workflow: Workflow, what: str) -> Workflow:
    """Lock a campaign's row until the transaction ends.

    Raises:
        WrongStatus: it is finished, so `what` changes no more.
    """
    locked = _lock(workflow)
    _refuse_finished(locked, what)
    return locked


def _save(locked: Workflow, **fields: Any) -> None:
    for field, value in fields.items():
        setattr(locked, field, value)
    locked.save(update_fields=list(fields))


def _require(locked: Workflow, what: str, *allowed: Status) -> None:
    if locked.status not in allowed:
        raise WrongStatus(
            _(
                "“%(locked)s” is %(label)s, so it cannot be %(what)s. Reload the page to see what "
                "can be done."
            )
            % {"locked": locked.name, "label": Status(locked.status).label, "what": _(what)}
        )


def _refuse_finished(locked: Workflow, what: str) -> None:
    if locked.status == Status.FINISHED:
        raise WrongStatus(
            _("“%(locked)s” is finished. %(what)s changes no more: duplicate it to go on.")
            % {"locked": locked.name, "what": _(what)}
        )


def _log(workflow: Workflow, by: User | None, action: str, *, old: Any, new: Any) -> None:
    audit.write_entry(
        actor=by, action=action, target="workflow", target_id=workflow.pk, old=old, new=new
    )
