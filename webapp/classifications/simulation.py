"""Simulated volunteers, for the demo and for tests: they see nothing, and say so in the data.

Each galaxy has hidden preferences for the answers of each question, drawn from its id; each
volunteer follows them, some more closely than others. They go the way that people go. Clickers
among them answer at random, and faster than anybody can look.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import timedelta

from webapp.accounts.identity import Identity
from webapp.accounts.models import Volunteer
from webapp.classifications import services
from webapp.classifications.shown import Shown
from webapp.workflows.models import Workflow

CLARITY = 0.5  # Dirichlet concentration of the preferences: small means clear galaxies
CARELESS = 0.1  # share of the answers that a volunteer gives without looking


def simulate(
    *,
    workflow: Workflow,
    n_volunteers: int,
    n_classifications: int,
    seed: int,
    n_clickers: int = 0,
) -> Iterator[int]:
    """Let simulated volunteers classify in turn; yield the number stored after each.

    The first n_clickers of them do not look.

    Stops early when nobody has anything left to see.
    """
    chance = random.Random(seed)  # noqa: S311 - a simulation, no secret
    crowd = [_newcomer(chance) for _ in range(n_volunteers)]
    for n_stored in range(n_classifications):
        number = n_stored % len(crowd)
        identity, is_clicker = crowd[number], number < n_clickers
        handed = services.hand_out(identity=identity, workflow=workflow)
        if handed is None or handed[1]:
            return
        shown = Shown.of(handed[0])
        median_s = 0.3 if is_clicker else 10.0
        took = timedelta(seconds=median_s * chance.lognormvariate(0, 0.5))
        services.record_classification(
            identity=identity,
            uuid=shown.handout,
            shown=shown,
            path=_answers(workflow, shown.subject_id, chance, 1.0 if is_clicker else CARELESS),
            client_started_at=shown.shown_at,
            client_finished_at=shown.shown_at + took,
        )
        yield n_stored + 1


def _newcomer(chance: random.Random) -> Identity:
    browser = uuid.UUID(int=chance.getrandbits(128), version=4)
    Volunteer.objects.get_or_create(uuid=browser, defaults={"is_simulated": True})
    return Identity(user=None, browser=browser)


def _answers(
    workflow: Workflow, subject_id: int, chance: random.Random, careless: float
) -> list[int]:
    """Walk down the tree by the galaxy's hidden preferences; a share of answers at random."""
    tree = workflow.tree.tree
    walk = tree.walk([])
    while (question := walk.open) is not None:
        hidden = random.Random(f"{subject_id} {question.key}")  # noqa: S311 - the same each time
        weights = [hidden.gammavariate(CLARITY, 1) for _ in question.answers]
        if chance.random() < careless:
            weights = [1.0] * len(weights)
        (chosen,) = chance.choices([answer.index for answer in question.answers], weights)
        walk = tree.step(walk, [chosen])
    return list(walk.path)
