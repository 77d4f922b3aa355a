import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from inference.formats.question import MULTIPLE_REST
from inference.formats.tree import Tree, load_built_in
from training.loss import category_loss, vote_loss


def one_question(**kind) -> Tree:
    answers = [{"key": key, "label": key} for key in ("ring", "bar", "lens")]
    if kind["kind"] == "single":
        answers = [answer | {"next": None} for answer in answers]
    question = {"key": "odd", "text": "Which?", "answers": answers} | kind
    return Tree.parse({"format": 1, "key": "one", "title": "One", "questions": [question]})


THREE = one_question(kind="single")
MANY = one_question(kind="multiple", next=None)


def three(votes, alpha):
    votes, alpha = torch.tensor([votes]), torch.tensor([alpha], requires_grad=True)
    asked = torch.zeros(1, THREE.n_questions)
    asked[0, 0] = votes.sum()
    return vote_loss(alpha, votes, asked, THREE), alpha


def test_the_worked_anchor_of_three_answers():
    loss, _ = three([3.0, 9.0, 0.0], [2.0, 5.0, 1.0])

    assert loss.item() == pytest.approx(2.868931, abs=1e-5)


@given(
    st.lists(st.integers(0, 60), min_size=3, max_size=3),
    st.lists(st.floats(0.05, 100), min_size=3, max_size=3),
)
def test_loss_is_that_of_scipy(votes, alpha):
    loss, _ = three([float(v) for v in votes], alpha)

    expected = -stats.dirichlet_multinomial.logpmf(votes, alpha, sum(votes))
    assert loss.item() == pytest.approx(expected, rel=2e-3, abs=2e-3)


def test_a_question_that_nobody_was_asked_adds_no_loss_and_no_gradient():
    tree = load_built_in("galaxy-zoo-2")
    votes, asked = torch.zeros(1, tree.n_answers), torch.zeros(1, tree.n_questions)
    votes[0, 0], asked[0, 0] = 5, 5
    alpha = torch.full((1, tree.n_answers), 2.0, requires_grad=True)

    vote_loss(alpha, votes, asked, tree).sum().backward()

    assert alpha.grad[0, :3].abs().min() > 0
    assert alpha.grad[0, 3:].abs().max() == 0


def test_loss_is_computed_in_float32_under_mixed_precision():
    votes = torch.tensor([[3000.0, 5000.0, 0.0]])
    asked = torch.tensor([[8000.0]])
    alpha = torch.tensor([[2.0, 5.0, 1.0]])
    exact = vote_loss(alpha, votes, asked, THREE)

    with torch.autocast("cpu", torch.bfloat16):
        mixed = vote_loss(alpha.bfloat16(), votes, asked, THREE)

    assert mixed.dtype == torch.float32
    assert mixed.item() == pytest.approx(exact.item(), abs=1e-2)


def test_multiple_choice_is_a_beta_binomial_of_each_answer():
    votes, asked = torch.tensor([[4.0, 0.0, 7.0]]), torch.tensor([[10.0]])
    alpha = torch.tensor([[3.0, 0.5, 12.0]])

    loss = vote_loss(alpha, votes, asked, MANY)

    expected = -sum(
        stats.betabinom.logpmf(k, 10, a, MULTIPLE_REST)
        for k, a in zip([4, 0, 7], [3.0, 0.5, 12.0], strict=True)
    )
    assert loss.item() == pytest.approx(expected, abs=1e-4)


def test_category_loss_is_the_cross_entropy_of_the_fractions():
    logits = torch.tensor([[1.0, -1.0, 0.5], [0.0, 0.0, 0.0]])
    votes = torch.tensor([[3.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    asked = torch.tensor([[4.0], [0.0]])

    loss = category_loss(logits, votes, asked, THREE)

    values = logits[0].numpy()
    log_p = values - np.log(np.exp(values).sum())
    assert loss[0].item() == pytest.approx(-(0.75 * log_p[0] + 0.25 * log_p[1]), abs=1e-5)
    assert loss[1].item() == 0
