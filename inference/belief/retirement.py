"""When a subject has been seen enough: a rule is data, and its verdict says why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.belief.certainty import Certainty, certainty_words, read_certainty
from inference.belief.posterior import Posterior
from inference.errors import RuleRefused, shown
from inference.formats.fields import Fields
from inference.formats.strict_json import read_object
from inference.formats.tree import Tree

FORMATS = (1, 2)  # the first knew counts and artifacts only
MAX_BYTES = 100_000
MAX_VOTES = 10_000
MAX_SETS = 1_000
RETIRE, FLAG = "retire", "flag"
# Stored beside a retired subject, so they never change.
COUNT, ARTIFACT, CERTAIN = "count", "artifact", "certain"
NEVER, LIKE_OTHERS = "never", "like others"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rule says of a subject now.

    A flagged subject is for an admin to look at; whether it also retires is the rule's choice.
    """

    retired: bool = False
    flagged: bool = False
    key: str = ""  # COUNT, ARTIFACT or CERTAIN, the part that spoke; empty if none did
    reason: str = ""  # the same for people, with the numbers


@dataclass(frozen=True, slots=True)
class ArtifactRule:
    """How many votes for "bad image" are enough, and what follows."""

    answers: tuple[int, ...]  # on the axis of the tree
    votes: int
    then: str  # "retire" or "flag"


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What the rule says of N subjects; the words are for `Rule.verdict`, one by one."""

    retired: NDArray[np.bool_]  # (N,)
    flagged: NDArray[np.bool_]  # (N,)
    keys: NDArray[np.str_]  # (N,)


@dataclass(frozen=True, slots=True)
class Rule:
    """When to stop showing a subject."""

    tree: Tree
    votes: int  # classifications at most, 1 to 10,000
    artifact: ArtifactRule | None = None
    certainty: Certainty | None = None
    artifact_of_set: Mapping[str, ArtifactRule | None] = field(default_factory=dict)
    gold: str = NEVER  # whether subjects that experts have answered retire

    @classmethod
    def parse(cls, data: bytes | str | Mapping[str, Any], tree: Tree) -> Self:
        """Return the rule that a JSON object describes for this tree.

        Raises:
            RuleRefused: it cannot be followed; one sentence with the value and the remedy.
        """
        values = read_object(data, refused=RuleRefused, max_bytes=MAX_BYTES)
        fields = Fields("The rule", values, RuleRefused)
        version = fields.count("format", least=FORMATS[0], most=FORMATS[-1])
        if version == FORMATS[0]:
            fields.known("format", "votes", "artifact")
        fields.known("format", "votes", "certainty", "artifact", "artifact_of_set", "gold")
        votes = fields.count("votes", least=1, most=MAX_VOTES)
        return cls(
            tree,
            votes,
            _artifact_rule(fields, "artifact", tree, votes),
            read_certainty(values.get("certainty"), tree, votes),
            _artifact_of_set(fields, tree, votes),
            fields.choice("gold", NEVER, LIKE_OTHERS) if "gold" in values else NEVER,
        )

    @classmethod
    def default(cls, tree: Tree, votes: int = 40) -> Self:
        """Return the rule a new workflow starts with: a count, and a flag at 3 artifact votes."""
        answers = tuple(answer.index for answer in tree.artifacts)
        artifact = ArtifactRule(answers, min(3, votes), FLAG) if answers else None
        return cls(tree, votes, artifact)

    def to_json(self) -> dict[str, Any]:
        """Return the rule as the JSON object that `parse` reads, answers by name."""
        return {
            "format": FORMATS[-1],
            "votes": self.votes,
            "certainty": self.certainty and self.certainty.to_json(),
            "artifact": self._artifact_json(self.artifact),
            "artifact_of_set": {
                name: self._artifact_json(part) for name, part in self.artifact_of_set.items()
            },
            "gold": self.gold,
        }

    def _artifact_json(self, part: ArtifactRule | None) -> dict[str, Any] | None:
        if part is None:
            return None
        return {
            "answers": [self.tree.name(self.tree.answers[i]) for i in part.answers],
            "votes": part.votes,
            "then": part.then,
        }

    def needed(self) -> int:
        """Return the number of classifications wanted of a subject at most."""
        return self.votes

    def verdict(
        self,
        votes: Sequence[int],
        n_classifications: int,
        *,
        posterior: Posterior | None = None,
        is_gold: bool = False,
        subject_set: str = "",
    ) -> Verdict:
        """Return what the rule says of a subject.

        Args:
            votes: the people's tally over the tree's axis, of length K, each vote counting one.
            n_classifications: how many classifications the tally was summed over.
            posterior: what is believed of this one subject; without it nothing is certain.
            is_gold: whether experts have answered it.
            subject_set: the name of its set, for a rule that has its own word on some.

        Raises:
            ValueError: the tally is of another length, or the posterior of another tree.
        """
        self._check(len(votes), 1, posterior)
        artifact = self._artifact_verdict(votes, subject_set)
        if is_gold and self.gold == NEVER:
            return Verdict(flagged=artifact.flagged, key=artifact.key, reason=artifact.reason)
        if artifact.retired:
            return artifact
        if reason := self._certain(votes, n_classifications, posterior):
            return Verdict(retired=True, flagged=artifact.flagged, key=CERTAIN, reason=reason)
        if n_classifications < self.votes:
            return artifact
        reason = _of(n_classifications, self.votes, "classification")
        return Verdict(retired=True, flagged=artifact.flagged, key=COUNT, reason=reason)

    def _check(self, n_answers: int, n_subjects: int, known: Posterior | None) -> None:
        if n_answers != self.tree.n_answers:
            raise ValueError(f"votes has {n_answers} entries, the tree {self.tree.n_answers}.")
        if known is None:
            return
        if known.tree is not self.tree and known.tree != self.tree:
            raise ValueError(
                f'The posterior is of the tree "{known.tree.key}", not of the rule\'s.'
            )
        if len(known.alpha) != n_subjects:
            raise ValueError(f"The posterior is of {len(known.alpha)} subjects, not {n_subjects}.")

    def _certain(
        self, votes: Sequence[int], n_classifications: int, known: Posterior | None
    ) -> str:
        """Return why the answers are sure, or nothing."""
        part = self.certainty
        if part is None or known is None or n_classifications < part.votes:
            return ""
        sure = part.is_sure(known, np.array([votes]), np.array([n_classifications]))
        return certainty_words(part, known, n_classifications) if sure[0] else ""

    def verdicts(
        self,
        votes: NDArray[np.integer[Any]],
        n_classifications: ArrayLike,
        *,
        posterior: Posterior | None = None,
        is_gold: ArrayLike | None = None,
        subject_sets: Sequence[str] | None = None,
    ) -> Verdicts:
        """Return what `verdict` says of N subjects.

        Args:
            votes: (N, K); n_classifications: (N,); is_gold: (N,); subject_sets: of length N.

        Raises:
            ValueError: the tallies are of another length, or the posterior of another tree.
        """
        votes, people = np.asarray(votes), np.asarray(n_classifications)
        self._check(votes.shape[1], len(people), posterior)
        spared = np.zeros(len(people), bool) if is_gold is None else np.asarray(is_gold, bool)
        spared = spared & (self.gold == NEVER)
        flagged, artifact = self._artifact_verdicts(votes, subject_sets)
        certain = np.zeros(len(people), bool)
        if self.certainty and posterior is not None:
            certain = self.certainty.is_sure(posterior, votes, people)
        counted = people >= self.votes
        keys = np.select(
            [spared & flagged, spared, artifact, certain, counted, flagged],
            [ARTIFACT, "", ARTIFACT, CERTAIN, COUNT, ARTIFACT],
            "",
        )
        return Verdicts((artifact | certain | counted) & ~spared, flagged, keys)

    def _artifact_verdicts(
        self, votes: NDArray[np.integer[Any]], subject_sets: Sequence[str] | None
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return where enough people say that the picture is bad, and where that retires."""
        flagged, retired = np.zeros(len(votes), bool), np.zeros(len(votes), bool)
        names = np.array(subject_sets if subject_sets is not None else [""] * len(votes))
        for name in np.unique(names):
            part = self.artifact_of_set.get(str(name), self.artifact)
            rows = names == name
            if part is not None:
                flagged[rows] = votes[rows][:, list(part.answers)].sum(axis=1) >= part.votes
                retired[rows] = flagged[rows] & (part.then == RETIRE)
        return flagged, retired

    def _artifact_verdict(self, votes: Sequence[int], subject_set: str) -> Verdict:
        rule = self.artifact_of_set.get(subject_set, self.artifact)
        if rule is None:
            return Verdict()
        found = sum(votes[index] for index in rule.answers)
        if found < rule.votes:
            return Verdict()
        reason = _of(found, rule.votes, "artifact vote")
        return Verdict(retired=rule.then == RETIRE, flagged=True, key=ARTIFACT, reason=reason)


def _of(found: int, wanted: int, what: str) -> str:
    return f"{found:,} of {wanted:,} {what}{'' if wanted == 1 else 's'}"


def _artifact_of_set(rule: Fields, tree: Tree, most: int) -> dict[str, ArtifactRule | None]:
    values = rule.values.get("artifact_of_set", {})
    if not isinstance(values, Mapping) or len(values) > MAX_SETS:
        raise rule.error(
            f"has the artifact_of_set {shown(values)}. Write an object of at most {MAX_SETS} sets."
        )
    own = Fields("The rule's artifact_of_set", values, RuleRefused)
    return {name: _artifact_rule(own, name, tree, most) for name in values}


def _artifact_rule(rule: Fields, name: str, tree: Tree, most: int) -> ArtifactRule | None:
    values = rule.values.get(name)
    if values is None:
        return None
    if not isinstance(values, Mapping):
        raise rule.error(f"has the {name} {shown(values)}. Write an object {{…}}, or null.")
    fields = Fields(f"{rule.where}'s {name}", values, RuleRefused)
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
