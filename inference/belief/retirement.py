"""When a subject has been seen enough: a rule is data, and its verdict says why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from inference.errors import RuleRefused, shown
from inference.formats.fields import Fields
from inference.formats.strict_json import read_object
from inference.formats.tree import Tree

FORMAT = 1
MAX_BYTES = 100_000
MAX_VOTES = 10_000
RETIRE, FLAG = "retire", "flag"
COUNT, ARTIFACT = "count", "artifact"  # stored beside a retired subject, so they never change


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rule says of a subject now.

    A flagged subject is for an admin to look at; whether it also retires is the rule's choice.
    """

    retired: bool = False
    flagged: bool = False
    key: str = ""  # "count" or "artifact", the part of the rule that spoke; empty if none did
    reason: str = ""  # the same for people, with the numbers


@dataclass(frozen=True, slots=True)
class ArtifactRule:
    """How many votes for "bad image" are enough, and what follows."""

    answers: tuple[int, ...]  # on the axis of the tree
    votes: int
    then: str  # "retire" or "flag"


@dataclass(frozen=True, slots=True)
class Rule:
    """When to stop showing a subject."""

    tree: Tree
    votes: int  # classifications wanted, 1 to 10,000
    artifact: ArtifactRule | None = None

    @classmethod
    def parse(cls, data: bytes | str | Mapping[str, Any], tree: Tree) -> Self:
        """Return the rule that a JSON object describes for this tree.

        Raises:
            RuleRefused: it cannot be followed; one sentence with the value and the remedy.
        """
        values = read_object(data, refused=RuleRefused, max_bytes=MAX_BYTES)
        fields = Fields("The rule", values, RuleRefused)
        fields.known("format", "votes", "artifact")
        fields.count("format", least=FORMAT, most=FORMAT)
        votes = fields.count("votes", least=1, most=MAX_VOTES)
        return cls(tree, votes, _artifact_rule(fields, tree, votes))

    @classmethod
    def default(cls, tree: Tree, votes: int = 40) -> Self:
        """Return the rule a new workflow starts with: a count, and a flag at 3 artifact votes."""
        answers = tuple(answer.index for answer in tree.artifacts)
        artifact = ArtifactRule(answers, min(3, votes), FLAG) if answers else None
        return cls(tree, votes, artifact)

    def to_json(self) -> dict[str, Any]:
        """Return the rule as the JSON object that `parse` reads, answers by name."""
        artifact = self.artifact and {
            "answers": [self.tree.name(self.tree.answers[i]) for i in self.artifact.answers],
            "votes": self.artifact.votes,
            "then": self.artifact.then,
        }
        return {"format": FORMAT, "votes": self.votes, "artifact": artifact}

    def needed(self) -> int:
        """Return the number of classifications wanted of a subject."""
        return self.votes

    def verdict(self, votes: Sequence[int], n_classifications: int) -> Verdict:
        """Return what the rule says of a subject.

        Args:
            votes: the tally over the tree's axis, of length K.
            n_classifications: how many classifications the tally was summed over.

        Raises:
            ValueError: the tally is of another length.
        """
        if len(votes) != self.tree.n_answers:
            raise ValueError(f"votes has {len(votes)} entries, the tree {self.tree.n_answers}.")
        artifact = self._artifact_verdict(votes)
        if artifact.retired or n_classifications < self.votes:
            return artifact
        reason = _of(n_classifications, self.votes, "classification")
        return Verdict(retired=True, flagged=artifact.flagged, key=COUNT, reason=reason)

    def _artifact_verdict(self, votes: Sequence[int]) -> Verdict:
        rule = self.artifact
        if rule is None:
            return Verdict()
        found = sum(votes[index] for index in rule.answers)
        if found < rule.votes:
            return Verdict()
        reason = _of(found, rule.votes, "artifact vote")
        return Verdict(retired=rule.then == RETIRE, flagged=True, key=ARTIFACT, reason=reason)


def _of(found: int, wanted: int, what: str) -> str:
    return f"{found:,} of {wanted:,} {what}{'' if wanted == 1 else 's'}"


def _artifact_rule(rule: Fields, tree: Tree, most: int) -> ArtifactRule | None:
    values = rule.values.get("artifact")
    if values is None:
        return None
    if not isinstance(values, Mapping):
        raise rule.error(f"has the artifact {shown(values)}. Write an object {{…}}, or null.")
    fields = Fields("The rule's artifact", values, RuleRefused)
    fields.known("answers", "votes", "then")
    return ArtifactRule(
        answers=_answers(fields, tree),
        votes=_artifact_votes(fields, most),
        then=fields.choice("then", RETIRE, FLAG),
    )


def _artifact_votes(fields: Fields, most: int) -> int:
    votes = fields.count("votes", least=1, most=MAX_VOTES)
    if votes > most:
        raise fields.error(
            f"wants {votes:,} votes, but the subject retires after {most:,} classifications. "
            f"Write a number up to {most:,}."
        )
    return votes


def _answers(fields: Fields, tree: Tree) -> tuple[int, ...]:
    names = fields.texts("answers", longest=200, most=tree.n_answers)
    if not names:
        raise fields.error("names no answers. Name at least one, or write null for no such rule.")
    return tuple(_answer_index(fields, tree, name) for name in names)


def _answer_index(fields: Fields, tree: Tree, name: str) -> int:
    try:
        return tree.answer(name).index
    except KeyError:
        raise fields.error(
            f'names the answer {shown(name)}, which the tree "{tree.key}" does not have. '
            f"Write question.answer, such as {tree.name(tree.answers[0])}."
        ) from None
