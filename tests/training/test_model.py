import pytest
import torch

from inference.formats.tree import load_built_in
from tests.training import sky
from training.config import Config
from training.model import build

SMALL = Config(width=4, depth=2, size_px=32, masks=4)


def images(n=3, size_px=32):
    return torch.from_numpy(sky.galaxies(n, size_px)[1])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"alpha_form": "1+100*sigmoid"},
        {"head": "categorical"},
        {"architecture": "textbook", "size_px": 64},
        {"stem_stride": 1, "depth": 3},
    ],
)
@pytest.mark.parametrize("tree", ["galaxy-zoo-2", "galaxy-zoo-decals"])
def test_every_network_gives_positive_concentrations_for_every_answer(changes, tree):
    config = SMALL.replace(**changes)
    tree = load_built_in(tree)
    network = build(config, tree).eval()

    alpha = network(images(size_px=config.size_px))

    assert alpha.shape == (3, tree.n_answers)
    assert alpha.dtype == torch.float32
    assert torch.isfinite(alpha).all()
    assert alpha.min() > 0


def test_the_seed_draws_the_weights():
    tree = sky.tree()
    one, same, other = (build(SMALL.replace(seed=s), tree) for s in (1, 1, 2))

    assert torch.equal(next(one.parameters()), next(same.parameters()))
    assert not torch.equal(next(one.parameters()), next(other.parameters()))


def test_the_logit_is_the_mean_of_the_class_activation_where_that_is_called_exact():
    network = build(SMALL, sky.tree()).eval()
    unit = network.unit(images())
    assert network.cam_exact

    features = network.features(unit)
    activation = torch.einsum("kc,nchw->nkhw", network.head.weight, features)

    expected = activation.mean((2, 3)) + network.head.bias
    assert torch.allclose(network.logits(unit), expected, atol=1e-5)


def test_the_textbook_network_has_no_exact_class_activation():
    assert not build(SMALL.replace(architecture="textbook"), sky.tree()).cam_exact


def test_missing_columns_count_as_missing_and_not_as_a_value():
    network = build(SMALL.replace(aux=("mag_r", "z")), sky.tree()).eval()
    network.aux.fit(torch.tensor([[17.0, 0.1], [19.0, float("nan")], [float("nan"), 0.3]]))
    assert network.aux.mean.tolist() == pytest.approx([18.0, 0.2])
    pictures = images(2)

    def with_value(value, is_known):
        aux = torch.tensor([[value, 0.2]] * 2)
        mask = torch.tensor([[is_known == "known", True]] * 2)
        return network(pictures, aux, mask)

    assert torch.equal(with_value(0.0, "missing"), with_value(99.0, "missing"))
    assert not torch.equal(with_value(18.0, "known"), with_value(18.0, "missing"))
    with pytest.raises(ValueError, match="columns"):
        network(pictures)


def test_blocks_lead_from_the_head_down_and_hold_every_weight_once():
    network = build(SMALL, sky.tree())

    depths = [depth for depth, _ in network.blocks()]
    parameters = [p for _, part in network.blocks() for p in part.parameters()]

    assert depths == sorted(depths)
    assert len({id(p) for p in parameters}) == len(parameters)
    assert len(parameters) == len(list(network.parameters()))
