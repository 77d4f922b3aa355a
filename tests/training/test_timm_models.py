import pytest
import torch

from tests.training import sky
from training.checkpoint import save_weights
from training.config import Config
from training.errors import ConfigRefused
from training.model import build
from training.timm_models import import_timm


def is_there() -> bool:
    try:
        import_timm()
    except ConfigRefused:
        return False
    return True


IS_THERE = is_there()
needs_timm = pytest.mark.skipif(not IS_THERE, reason="The extra timm is not installed.")


def config(name, **changes):
    return Config(architecture=f"timm/{name}", size_px=64, **changes)


@pytest.mark.skipif(IS_THERE, reason="timm is installed.")
def test_without_the_extra_the_sentence_names_it():
    with pytest.raises(ConfigRefused, match="install the extra timm"):
        build(config("resnet18"), sky.tree())


@needs_timm
@pytest.mark.parametrize(
    "name", ["resnet18", "efficientnet_b0", "convnext_atto", "vit_tiny_patch16_224"]
)
def test_encoders_of_four_families_end_in_an_exact_head(name):
    network = build(config(name), sky.tree()).eval()

    alpha = network(torch.from_numpy(sky.galaxies(2, 64)[1]))

    assert alpha.shape == (2, 5)
    assert network.cam_exact


@needs_timm
def test_a_local_file_of_weights_is_taken_and_another_one_is_not(tmp_path):
    path = tmp_path / "weights.safetensors"
    first = build(config("resnet18", seed=1), sky.tree())
    save_weights(path, first.state_dict(), {})

    same = build(config("resnet18", pretrained=str(path)), sky.tree())

    assert torch.equal(next(same.trunk.parameters()), next(first.trunk.parameters()))
    with pytest.raises(ConfigRefused, match="very architecture"):
        build(config("convnext_atto", pretrained=str(path)), sky.tree())


@needs_timm
def test_an_unknown_name_is_refused():
    with pytest.raises(ConfigRefused, match="timm cannot make nonsense"):
        build(config("nonsense"), sky.tree())
