"""`python -m tests.bench skill`: skill beside crowd-kit, on known truth and on a real project.

Every ratio is of figures from this one run, with crowd-kit in an interpreter of its own.
"""

import csv
import statistics
import time

import numpy as np

from inference.belief.answers import ANONYMOUS
from inference.belief.dawid_skene import Votes, fit
from inference.belief.skill import estimate_skills
from inference.belief.spam import suspects
from tests.bench.peers import CrowdKit, crowd_kit
from tests.bench.report import Row, table
from tests.inference.belief.crowds import BINARY
from tests.inference.belief.volunteers import (
    DATA,
    Crowd,
    crowd_of_classes,
    first_question,
    spread_of_skill,
)

N_CLASSES = 3
SPEED = {"n_subjects": 10_000, "each": 10, "n_volunteers": 500}
_PLAIN_ROUNDS = 100  # as crowd-kit
_ADVANCED = 0.6  # of the votes, by the rule of Snapshots at Sea


def run(runs: int = 5) -> str:
    """Return the tables."""
    return "\n\n".join((speed(runs), accuracy(runs), snapshots()))


def speed(runs: int) -> str:
    """Return seconds for 100,000 answers, plain EM without priors, and how many labels agree."""
    crowd = crowd_of_classes(spread_of_skill(), **SPEED)
    rows = []
    for name, tolerance in (("stops as crowd-kit's default", 1e-5), ("100 rounds", -np.inf)):
        ours, theirs = compared(crowd, tolerance, runs)
        same = (ours.label == theirs.label).mean()
        ratio = statistics.median(theirs.seconds) / statistics.median(ours.seconds)
        rows += [
            Row(f"{name}, ours", [[1000 * s for s in ours.seconds], [ours.rounds]]),
            Row(f"{name}, crowd-kit", [[1000 * s for s in theirs.seconds], [theirs.rounds]]),
        ]
        rows.append(Row(f"{name}, ratio; same answers, %", [[ratio], [100 * same]]))
    return table(["10,000 tasks x 10 answers, 500 people, 3 classes", "ms", "rounds"], rows)


def compared(crowd: Crowd, tolerance: float, runs: int) -> tuple[CrowdKit, CrowdKit]:
    """Return what plain EM finds here, and what crowd-kit does.

    Args:
        tolerance: gain of a round, nats an answer, at which both stop; crowd-kit's is of its loss.
    """
    answers, seconds = crowd.answers, []
    for _ in range(runs):
        start = time.perf_counter()
        votes = votes_of(crowd)
        found = fit(votes, strength=0, rounds=_PLAIN_ROUNDS, tolerance=tolerance)
        label = found.probability.argmax(1)
        seconds.append(time.perf_counter() - start)
    theirs = crowd_kit(
        answers.subject, answers.volunteer, answers.answer, tolerance=tolerance, runs=runs
    )
    return CrowdKit(label, seconds, found.n_rounds), theirs


def votes_of(crowd: Crowd) -> Votes:
    """Return the crowd's answers, prepared for nothing yet."""
    answers = crowd.answers
    return Votes(answers.subject, answers.volunteer, answers.answer, N_CLASSES)


def accuracy(runs: int) -> str:
    """Return the share of classes found, a column a way, over crowds of several seeds."""
    rows = []
    for each in (3, 5, 10):
        found = [accuracies(each, seed) for seed in range(runs)]
        columns = [[100 * value for value in column] for column in zip(*found, strict=True)]
        rows.append(Row(f"{each} answers a task", columns))
    headings = ["real spread of skill, classes found, %", "majority", "crowd-kit", "ours"]
    return table(headings, rows)


def accuracies(each: int, seed: int, n_subjects: int = 5000) -> tuple[float, float, float]:
    """Return the share of classes that a majority, crowd-kit and we find."""
    crowd = crowd_of_classes(
        spread_of_skill(), n_subjects=n_subjects, each=each, n_volunteers=250, seed=seed
    )
    votes = votes_of(crowd)
    theirs = crowd_kit(votes.subject, votes.volunteer, votes.answer).label
    found = (votes.shares.argmax(1), theirs, fit(votes).probability.argmax(1))
    majority, peer, ours = (float((label == crowd.truth).mean()) for label in found)
    return majority, peer, ours


def snapshots() -> str:
    """Return how Snapshots at Sea comes out beside the project's own result."""
    crowd, advanced = snapshots_at_sea()
    skills = estimate_skills(BINARY, crowd.answers, **crowd.sizes)
    fitted = skills.fits[0]
    votes = Votes(crowd.answers.subject, crowd.answers.volunteer, crowd.answers.answer, 2)
    peer = crowd_kit(votes.subject, votes.volunteer, votes.answer).label == 0
    known = crowd.answers.volunteer != ANONYMOUS
    each = np.append(skills.weight, 1.0)[crowd.answers.volunteer]
    found = {
        "over 60 % of raw votes said yes (its own rule)": votes.shares[:, 0] > _ADVANCED,
        "over 60 % of weighted votes": share_of_yes(crowd, each) > _ADVANCED,
        "Dawid-Skene, P(yes) over one half": fitted.probability[:, 0] > 0.5,
        "crowd-kit's Dawid-Skene, all anonymous one worker": peer,
    }
    lines = [
        "| Snapshots at Sea, 5,999 subjects | same as the project, % | differ |",
        "|---|---|---|",
    ]
    lines += [
        f"| {name} | {100 * (yes == advanced).mean():.2f} | {(yes != advanced).sum()} |"
        for name, yes in found.items()
    ]
    facts = (
        f"{known.sum():,} answers of {crowd.n_volunteers} people, {(~known).sum():,} anonymous; "
        f"{(skills.weight == 1).mean():.1%} of people weigh 1, by answers {each.mean():.3f}."
    )
    reasons = [f"Person {s.volunteer}: {'; '.join(s.reasons.values())}" for s in suspects(skills)]
    return "\n".join([*lines, "", facts, *reasons])


def share_of_yes(crowd: Crowd, weight: np.ndarray) -> np.ndarray:
    """Return the weighted share of the first answer, (N,)."""
    answers = crowd.answers
    yes = np.bincount(answers.subject, weight * (answers.answer == 0))
    return yes / np.bincount(answers.subject, weight)


def snapshots_at_sea() -> tuple[Crowd, np.ndarray]:
    """Return the answers, yes before no, and whether the project took each subject on."""
    with (DATA / "snapshots_at_sea_answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (DATA / "snapshots_at_sea_aggregated_by_the_project.csv").open(newline="") as file:
        advance = {row["subject_ids"]: row["advance"] == "advance" for row in csv.DictReader(file)}
    subjects = {name: number for number, name in enumerate(sorted(advance))}
    names = {row["user_name"] for row in rows if not row["user_name"].startswith("not-logged-in")}
    people = {name: number for number, name in enumerate(sorted(names))}
    answers = first_question(
        np.array([subjects[row["subject_ids"]] for row in rows]),
        np.array([people.get(row["user_name"], ANONYMOUS) for row in rows]),
        np.array([1 - int(row["task_answer"]) for row in rows]),
    )
    advanced = np.array([advance[name] for name in subjects])
    return Crowd(answers, len(subjects), len(people), advanced), advanced
