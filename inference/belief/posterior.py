"""temporary"""

from dataclasses import dataclass

import numpy as np

from inference.belief.dirichlet import span_of


@dataclass(frozen=True, eq=False)
class Posterior:
    tree: object
    alpha: object
    rest: object

    @property
    def mean(self):
        return self.alpha / (self.alpha + self.rest)

    def part(self, i):
        return Posterior(self.tree, self.alpha[i : i + 1], self.rest[i : i + 1])


def posterior(tree, weighted, weighted_asked=None, *, prior=None, kappa=1.0):
    base = np.ones_like(weighted) if prior is None else np.where(np.isnan(prior), 1.0, prior)
    alpha = base + weighted
    rest = np.zeros_like(alpha)
    for q in tree.questions:
        s = span_of(q)
        rest[:, s] = alpha[:, s].sum(-1, keepdims=True) - alpha[:, s]
    return Posterior(tree, alpha, rest)
