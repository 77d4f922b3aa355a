"""Trees and campaigns."""

import json
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from inference.belief.retirement import Rule
from inference.formats.tree import Tree
from webapp.accounts.models import User
from webapp.common.fields import plain_row


class TreeVersionManager(models.Manager["TreeVersion"]):
    """Finds trees."""

    def known(self, pk: int) -> "TreeVersion":
        """Return a tree from this process's memory: a row is read once, since it never changes.

        Raises:
            TreeVersion.DoesNotExist: there is none.
        """
        if pk not in _known:
            _known[pk] = self.get(pk=pk)
        return _known[pk]


class TreeVersion(models.Model):
    """A published decision tree; never edited (a trigger refuses it).

    The document is text, not jsonb: its bytes are what the hash is of.
    """

    key = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    document = models.TextField(help_text="Canonical JSON; see docs/formats.md.")
    sha256 = models.CharField(max_length=64, unique=True)
    n_answers = models.SmallIntegerField(help_text="K, the length of the answer axis.")
    n_questions = models.SmallIntegerField(help_text="Q.")
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TreeVersionManager] = TreeVersionManager()

    def __str__(self) -> str:
        return f"{self.title} ({self.sha256[:8]})"

    @property
    def tree(self) -> Tree:
        """The parsed tree; parsed once a process, since a row never changes."""
        if self.sha256 not in _parsed:
            _parsed[self.sha256] = Tree.parse(self.document)
        return _parsed[self.sha256]


_parsed: dict[str, Tree] = {}
_known: dict[int, TreeVersion] = {}


class Status(models.TextChoices):
    """Where a campaign stands."""

    DRAFT = "draft", _("draft")
    LIVE = "live", _("live")
    PAUSED = "paused", _("paused")
    FINISHED = "finished", _("finished")


class WorkflowQuerySet(models.QuerySet["Workflow"]):
    """Filters on campaigns."""

    def owned_by(self, user: User | AnonymousUser) -> Self:
        """Keep those that this person may change: their own, or all for an administrator."""
        if not isinstance(user, User):
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(owners=user) if user.may_own_workflows else self.none()

    def with_tree(self) -> Self:
        """Join the tree's row without its document, which every process parses but once."""
        return self.select_related("tree").defer("tree__document")

    def present(self, pk: int) -> "Workflow":
        """Read a campaign as it stands now; every vote does, so it is one plain statement.

        Raises:
            Workflow.DoesNotExist: there is none.
        """
        return self._plain("id = %s", pk)

    def named(self, slug: str) -> "Workflow":
        """Read a campaign by its name in addresses, likewise.

        Raises:
            Workflow.DoesNotExist: there is none.
        """
        return self._plain("slug = %s", slug)

    def _plain(self, condition: str, value: object) -> "Workflow":
        workflow = plain_row(self.model, condition, [value])
        if workflow is None:
            raise self.model.DoesNotExist
        workflow.tree = TreeVersion.objects.known(workflow.tree_id)
        return workflow

    def public(self) -> Self:
        """Keep those that volunteers may see."""
        return self.exclude(status=Status.DRAFT)


class Workflow(models.Model):
    """A campaign: one tree, asked of the galaxies of its sets, until the rule says enough."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    summary = models.CharField(max_length=200, blank=True, help_text="One line for the list.")
    text = models.TextField(blank=True, help_text="Markdown: what one sees, and why it matters.")
    tree = models.ForeignKey(TreeVersion, models.PROTECT, related_name="workflows")
    major = models.SmallIntegerField(default=1, help_text="Grows with the tree's structure.")
    minor = models.SmallIntegerField(default=0, help_text="Grows with its wording.")
    rule: "models.JSONField[Any, Any]" = models.JSONField(help_text="See docs/formats.md.")
    rule_version = models.IntegerField(default=1, help_text="Grows with each change of the rule.")
    judged_rule_version = models.IntegerField(
        default=1, help_text="Behind rule_version: galaxies wait to be judged anew."
    )
    is_tallied = models.BooleanField(
        default=True, help_text="False: tallies along an older tree wait to be recounted."
    )
    mixture: "models.JSONField[Any, Any]" = models.JSONField(
        default=dict, blank=True, help_text="Share of each stream; empty: random only."
    )
    gold_rate: "models.JSONField[Any, Any]" = models.JSONField(
        default=list,
        blank=True,
        help_text="How often a galaxy that experts answered is shown; see docs/formats.md.",
    )
    hides_votes = models.BooleanField(
        default=True,
        db_default=True,
        help_text="Volunteers see the votes of an open galaxy only after their own.",
    )
    is_debiased = models.BooleanField(
        default=False,
        db_default=False,
        help_text="The catalog has fractions corrected for redshift, where the surveys allow it.",
    )
    shows_summary = models.BooleanField(
        default=True, db_default=True, help_text="Before Done the answers are shown in one line."
    )
    tells_crowd = models.BooleanField(
        default=False,
        db_default=False,
        help_text="After Done volunteers may see what people have said of the galaxy so far.",
    )
    owners = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="workflows")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    created_at = models.DateTimeField(db_default=Now())
    launched_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = WorkflowQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status=Status.DRAFT, launched_at__isnull=True)
                | (~Q(status=Status.DRAFT) & Q(launched_at__isnull=False)),
                name="workflow_launched_unless_draft",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def version(self) -> str:
        """Major and minor as text; 4.10 is not 4.1."""
        return f"{self.major}.{self.minor}"

    @property
    def parsed_rule(self) -> Rule:
        """The rule for the present tree; parsed once a process while neither changes."""
        key = (self.tree.sha256, json.dumps(self.rule))
        if key not in _rules:
            _rules[key] = Rule.parse(self.rule, self.tree.tree)
        return _rules[key]

    @property
    def shares(self) -> dict[str, float]:
        """The share of each stream that galaxies are shown from."""
        return self.mixture or {"random": 1.0}

    @property
    def is_open(self) -> bool:
        """True while galaxies are handed out to everybody."""
        return self.status == Status.LIVE


_rules: dict[tuple[str, str], Rule] = {}
