import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.belief.beta_table import quick_intervals
from inference.belief.dirichlet import intervals
from inference.formats.tree import load_built_in
from tests.inference.belief.crowds import BINARY, MIXED, concentrations

GZ2 = load_built_in("galaxy-zoo-2")


@pytest.mark.parametrize("tree", [GZ2, MIXED], ids=["galaxy-zoo-2", "mixed"])
@pytest.mark.parametrize("mass", [0.9, 0.95])
def test_quick_intervals_are_the_exact_ones_to_a_thousandth(tree, mass):
    alpha = concentrations(1000, tree, least=0.02, most=5000)
    exact = intervals(alpha, tree, mass)
    quick = quick_intervals(alpha.astype(np.float32), tree, mass)
    assert np.abs(np.subtract(quick, exact)).max() < 1e-3


@given(st.floats(0.02, 40_000), st.floats(0.02, 40_000))
def test_any_two_concentrations_have_them(alpha, rest):
    pair = np.array([[alpha, rest]])
    assert np.abs(np.subtract(quick_intervals(pair, BINARY), intervals(pair, BINARY))).max() < 1e-3


def test_concentrations_beyond_the_table_are_at_its_edge():
    lower, upper = quick_intervals(np.array([[1e9, 1e-9], [1e9, 1e9]]), BINARY)
    assert lower[0] == pytest.approx([1, 0], abs=1e-3)
    assert (upper[1] - lower[1]).max() < 0.01


def test_no_galaxies_have_no_intervals():
    lower, upper = quick_intervals(np.zeros((0, 7)), MIXED)
    assert lower.shape == upper.shape == (0, 7)
