"""Beginning with what another training has learned: names and shapes that fit are taken over."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from inference.formats.tree import Tree
from training import checkpoint
from training.errors import ConfigRefused
from training.model import Network


def begin_with(network: Network, path: Path) -> str:
    """Copy a .safetensors file's weights into a network, and say in a sentence what was taken.

    The head's rows are matched by the answers' keys where the file tells its tree, so that a
    network of another version of a tree keeps what both have; other answers stay new.

    Raises:
        CheckpointRefused: the file cannot be read.
        ConfigRefused: nothing of its trunk fits.
    """
    weights, facts = checkpoint.load_weights(path)
    own = network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in weights.items()
        if name in own and not name.startswith("head.") and own[name].shape == tensor.shape
    }
    trunk = [name for name in own if name.startswith("trunk.") and own[name].ndim > 1]
    taken = sum(name in fitting for name in trunk)
    if not taken:
        raise ConfigRefused(
            f"None of the {len(trunk)} weights of the trunk is in {path.name}: set architecture, "
            f"width and depth to those of its network, or take out pretrained."
        )
    network.load_state_dict(fitting, strict=False)
    n_answers = _copy_head(network, weights, facts.get("tree"))
    return (
        f"Beginning with {path.name}: {taken} of {len(trunk)} weights of the trunk, and the head "
        f"of {n_answers} of {network.tree.n_answers} answers."
    )


def _copy_head(network: Network, weights: Mapping[str, Tensor], document: str | None) -> int:
    weight, bias = weights.get("head.weight"), weights.get("head.bias")
    if document is None or weight is None or bias is None:
        return 0
    if weight.shape[1] != network.head.weight.shape[1]:
        return 0
    axis = network.tree.axis_from(Tree.parse(document))
    pairs = [(old, new) for old, new in enumerate(axis) if new is not None]
    for old, new in pairs:
        network.head.weight.data[new] = weight[old]
        network.head.bias.data[new] = bias[old]
    return len(pairs)
