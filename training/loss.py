"""Losses of vote counts: Dirichlet-multinomial, beta-binomial, cross-entropy; always in float32.

Source of the first: Walmsley et al. 2022, MNRAS 509, 3966, as zoobot computes it. A question that
nobody was asked adds no loss and no gradient, so galaxies with few votes weigh as little as they
should.
"""

import torch
from torch import Tensor

from inference.formats.question import MULTIPLE_REST
from inference.formats.tree import Question, Tree


def vote_loss(alpha: Tensor, votes: Tensor, asked: Tensor, tree: Tree) -> Tensor:
    """Return the negative log-likelihood of each galaxy's votes, nats, of shape (N,).

    Args:
        alpha: Dirichlet concentrations > 0, (N, K).
        votes: people who gave each answer, (N, K); need not be whole.
        asked: people who were asked each question, (N, Q).
    """
    alpha, votes, asked = alpha.float(), votes.float(), asked.float()
    terms = [
        _dirichlet_multinomial(alpha[:, span], votes[:, span])
        if question.is_single
        else _beta_binomial(alpha[:, span], votes[:, span], asked[:, question.index, None])
        for question, span in _spans(tree)
    ]
    return torch.stack(terms).sum(0)


def category_loss(logits: Tensor, votes: Tensor, asked: Tensor, tree: Tree) -> Tensor:
    """Return the cross-entropy of each galaxy's vote fractions, nats, of shape (N,).

    Each question counts once for a galaxy, however many people were asked.

    Args:
        logits: before the softmax of a single-choice question or the sigmoid of an answer, (N, K).
        votes: as in `vote_loss`.
        asked: as in `vote_loss`.
    """
    logits, votes, asked = logits.float(), votes.float(), asked.float()
    total = logits.new_zeros(len(logits))
    for question, span in _spans(tree):
        people = asked[:, question.index, None]
        shares = votes[:, span] / people.clamp(min=1e-6)
        if question.is_single:
            terms = -(shares * torch.log_softmax(logits[:, span], dim=1)).sum(1)
        else:
            terms = torch.nn.functional.binary_cross_entropy_with_logits(
                logits[:, span], shares.clamp(0, 1), reduction="none"
            ).sum(1)
        total = total + torch.where(people[:, 0] > 0, terms, torch.zeros_like(terms))
    return total


def _spans(tree: Tree) -> list[tuple[Question, slice]]:
    return [(q, slice(q.span.start, q.span.stop)) for q in tree.questions]


def _dirichlet_multinomial(alpha: Tensor, votes: Tensor) -> Tensor:
    total, people = alpha.sum(1), votes.sum(1)
    log_likelihood = (
        torch.lgamma(people + 1)
        - torch.lgamma(votes + 1).sum(1)
        + torch.lgamma(total)
        - torch.lgamma(total + people)
        + (torch.lgamma(alpha + votes) - torch.lgamma(alpha)).sum(1)
    )
    return -log_likelihood


def _beta_binomial(alpha: Tensor, votes: Tensor, people: Tensor) -> Tensor:
    """Each answer of a multiple-choice question is given or not, whatever else was given."""
    rest = torch.full_like(alpha, MULTIPLE_REST)
    others = (people - votes).clamp(min=0)
    pairs = (
        torch.stack([alpha, rest], 2).flatten(0, 1),
        torch.stack([votes, others], 2).flatten(0, 1),
    )
    return _dirichlet_multinomial(*pairs).view_as(alpha).sum(1)
