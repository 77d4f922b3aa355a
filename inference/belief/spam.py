"""Whom a person should look at: bots, random clickers, and the published cut."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.belief.skill import Skills
from inference.errors import SkillRefused

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

AGREEMENT, PACE, ARTIFACTS = "agreement", "pace", "artifacts"


@dataclass(frozen=True)
class Limits:
    """When somebody is suspected."""

    # Agreement: enough answers, a weight that says "hardly looks", and no chance of bad luck.
    answers: int = 30
    weight: float = 0.25
    deviations: float = 5.0  # standard errors under what is expected on the same galaxies
    # Pace: the galaxy must be seen and the question understood before the key is pressed.
    timed: int = 20  # classifications
    seconds: float = 0.4  # a question
    # Walmsley et al. 2022, section 4.1: the people who call nearly everything an artifact.
    classifications: int = 150
    artifact_rate: float = 0.5


@dataclass(frozen=True)
class Suspect:
    """A volunteer that somebody should look at, and why, in words with numbers."""

    volunteer: int
    reasons: dict[str, str]  # by "agreement", "pace" or "artifacts"


def suspects(
    skills: Skills,
    *,
    n_classifications: ArrayLike | None = None,
    seconds: ArrayLike | None = None,
    n_artifacts: ArrayLike | None = None,
    limits: Limits | None = None,
) -> list[Suspect]:
    """Return the volunteers who should be looked at, by number.

    Args:
        n_classifications: of each volunteer, (V,); pace and artifacts are judged only with it.
        seconds: median seconds a classification of each, (V,), NaN where unknown; see
            `median_seconds`.
        n_artifacts: classifications of each that ended in "artifact", (V,).

    Raises:
        SkillRefused: an array has another length.
    """
    limits = limits or Limits()
    found: dict[int, dict[str, str]] = {}
    reasons = [(AGREEMENT, _by_agreement(skills, limits))]
    if n_classifications is not None:
        people = _of_everybody(n_classifications, skills, "n_classifications")
        if seconds is not None:
            pace = _of_everybody(seconds, skills, "seconds")
            reasons.append((PACE, _by_pace(skills, people, pace, limits)))
        if n_artifacts is not None:
            artifacts = _of_everybody(n_artifacts, skills, "n_artifacts")
            reasons.append((ARTIFACTS, _by_artifacts(people, artifacts, limits)))
    for key, texts in reasons:
        for volunteer, text in texts.items():
            found.setdefault(volunteer, {})[key] = text
    return [Suspect(volunteer, found[volunteer]) for volunteer in sorted(found)]


def spam_cut(
    n_classifications: ArrayLike, n_artifacts: ArrayLike, limits: Limits | None = None
) -> NDArray[np.bool_]:
    """Say whom Galaxy Zoo DECaLS left out, (V,): half of their 150 or more were "artifact"."""
    limits = limits or Limits()
    people = np.asarray(n_classifications, np.float64)
    artifacts = np.asarray(n_artifacts, np.float64)
    many = people >= limits.classifications
    return np.asarray(many & (artifacts > limits.artifact_rate * people))


def median_seconds(volunteer: Integers, seconds: ArrayLike, n_volunteers: int) -> Floats:
    """Return each volunteer's median seconds a classification, (V,); NaN where none is known.

    Args:
        seconds: of each classification, NaN where unknown.
    """
    values = np.asarray(seconds, np.float64)
    known = np.isfinite(values)
    people, values = np.asarray(volunteer)[known], values[known]
    order = np.lexsort((values, people))
    people, values = people[order], values[order]
    n = np.bincount(people, minlength=n_volunteers)
    start = np.cumsum(n) - n
    found = np.full(n_volunteers, np.nan)
    some = n > 0
    low, high = start + (n - 1) // 2, start + n // 2
    found[some] = (values[low[some]] + values[high[some]]) / 2
    return found


def _by_agreement(skills: Skills, limits: Limits) -> dict[int, str]:
    low = skills.expected - limits.deviations * skills.scatter
    wrong = (skills.n_answers >= limits.answers) & (skills.weight <= limits.weight)
    wrong &= skills.agreement < low
    return {
        int(at): f"Agrees with others on {skills.agreement[at]:.0%} of "
        f"{skills.n_answers[at]:,} answers; a typical volunteer would on "
        f"{skills.expected[at]:.0%} of the same galaxies, somebody who does not look on "
        f"{skills.chance[at]:.0%}."
        for at in np.flatnonzero(wrong)
    }


def _by_pace(skills: Skills, people: Floats, seconds: Floats, limits: Limits) -> dict[int, str]:
    questions = np.maximum(skills.n_answers / np.maximum(people, 1), 1)
    least = limits.seconds * questions
    wrong = (people >= limits.timed) & (seconds < least)
    return {
        int(at): f"Takes {seconds[at]:.2f} s for a classification (median of {people[at]:,.0f}) of "
        f"{questions[at]:.1f} questions; reading takes at least {least[at]:.1f} s."
        for at in np.flatnonzero(wrong)
    }


def _by_artifacts(people: Floats, artifacts: Floats, limits: Limits) -> dict[int, str]:
    return {
        int(at): f"Calls {artifacts[at] / people[at]:.0%} of {people[at]:,.0f} galaxies an "
        f"artifact; over {limits.artifact_rate:.0%} is no picture's fault."
        for at in np.flatnonzero(spam_cut(people, artifacts, limits))
    }


def _of_everybody(values: ArrayLike, skills: Skills, name: str) -> Floats:
    found = np.asarray(values, np.float64)
    if found.shape != (skills.n_volunteers,):
        raise SkillRefused(
            f"{name} has shape {found.shape} for {skills.n_volunteers} volunteers. "
            f"Give one number each."
        )
    return found
