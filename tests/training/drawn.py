"""Votes drawn from concentrations that are known, so that it is known how good they are."""

import numpy as np

from inference.formats.split import CALIBRATION, TEST, TRAIN
from inference.formats.tree import load_built_in
from training.dataset import Dataset
from training.evaluate import fitted_calibration, judge


def drawn_votes(n, sharpness, tree=None, people=40, seed=0):
    """Return a data set without pictures, and the concentrations that its votes are drawn from."""
    tree = tree or load_built_in("three-class")
    random = np.random.default_rng(seed)
    alpha = np.zeros((n, tree.n_answers))
    votes = np.zeros_like(alpha)
    for question in tree.questions:
        span = slice(question.span.start, question.span.stop)
        alpha[:, span] = random.gamma(1, sharpness, (n, len(question.answers))) + 0.3
        shares = [random.dirichlet(row) for row in alpha[:, span]]
        votes[:, span] = random.multinomial(people, shares)
    splits = random.permutation(np.resize([TRAIN, TEST, CALIBRATION], n))
    dataset = Dataset(
        tree=tree,
        subject_ids=tuple(f"G{number:04d}" for number in range(n)),
        images=np.zeros((n, 16, 16, 3), np.uint8),
        votes=votes.astype(np.float32),
        asked=np.full((n, tree.n_questions), people, np.float32),
        splits=splits,
    )
    return dataset, alpha.astype(np.float32)


def judged(dataset, alpha, **options):
    """Return the evaluation of these concentrations, as `evaluate` would make it."""
    places, test = dataset.part(CALIBRATION), dataset.part(TEST)
    ids = [dataset.subject_ids[place] for place in places]
    calibration = fitted_calibration(
        alpha[places], dataset.votes[places], dataset.asked[places], dataset.tree, ids
    )
    return judge(dataset, test, alpha[test], calibration, **options)
