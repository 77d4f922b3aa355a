"""Small trees, and crowds that vote just as concentrations say."""

import numpy as np

from inference.belief.dirichlet import parents_first
from inference.formats.question import MULTIPLE_REST
from inference.formats.tree import Tree
from tests.inference.formats.trees import small_tree

BINARY = Tree.parse(small_tree([None, None]))
TERNARY = Tree.parse(small_tree([None, None, None]))
# The axis: q0 0 to 2, where 0 leads to q1 and 1 to q2; q1 3 and 4, where 3 leads to q2; q2 5, 6.
MERGING = Tree.parse(small_tree([1, 2, None], [2, None], [None, None]))


def _mixed() -> Tree:
    """Return a tree with the axis q0 0, 1, where 0 leads to signs 2, 3, 4, and they to q1 5, 6."""
    values = small_tree([2, None], [None, None])
    first, last = values["questions"]
    first["answers"][0]["next"] = "signs"
    signs = {
        "key": "signs",
        "text": "Which?",
        "kind": "multiple",
        "next": "q1",
        "answers": [{"key": key, "label": key} for key in ("ring", "bar", "dust")],
    }
    return Tree.parse(values | {"questions": [first, signs, last]})


MIXED = _mixed()


def votes_of(alpha, people, tree, seed=0):
    """Return votes (N, K) and asked (N, Q) of galaxies whose crowds alpha describes exactly.

    Args:
        people: who see each galaxy, (N,).
    """
    chance = np.random.default_rng(seed)
    alpha = np.asarray(alpha, np.float64)
    votes = np.zeros(alpha.shape, np.int64)
    asked = np.zeros((len(alpha), tree.n_questions), np.int64)
    asked[:, 0] = people
    for question in parents_first(tree):
        here = asked[:, question.index]
        for answer in question.answers:
            if not question.is_single:
                share = chance.beta(alpha[:, answer.index], MULTIPLE_REST)
                votes[:, answer.index] = chance.binomial(here, share)
        if question.is_single:
            drawn = chance.standard_gamma(alpha[:, question.span])
            shares = drawn / drawn.sum(1, keepdims=True)
            votes[:, question.span] = chance.multinomial(here, shares)
            for answer in question.answers:
                if answer.next is not None:
                    asked[:, answer.next] += votes[:, answer.index]
        elif question.next is not None:
            asked[:, question.next] += here
    return votes, asked


def concentrations(n, tree, seed=0, least=1.0, most=40.0):
    """Return random concentrations of n galaxies, (n, K), even in their logarithms."""
    chance = np.random.default_rng(seed)
    return np.exp(chance.uniform(np.log(least), np.log(most), (n, tree.n_answers)))
