"""Other people's encoders by timm's names: ResNet, EfficientNet, ConvNeXt, ViT; an extra.

Weights come from a local .safetensors file, or from a hub where the network allows it, among them
Galaxy Zoo's published encoders (`timm/hf-hub:mwalmsley/zoobot-encoder-convnext_nano`).
"""

from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from training import checkpoint
from training.config import Config
from training.errors import ConfigRefused

HUB = "hub"
_LIBRARIES: list[Any] = []  # torch keeps an operator only as long as its library lives


class TimmTrunk(nn.Module):
    """An encoder up to its last spatial map; a ViT's patches are laid out as the map they are."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, h, w)."""
        found: Tensor = self.encoder.forward_features(x)
        if found.ndim == 3:  # (N, tokens, C), the class token and registers first
            patches = found[:, getattr(self.encoder, "num_prefix_tokens", 0) :]
            side = int(patches.shape[1] ** 0.5)
            return patches.transpose(1, 2).reshape(found.shape[0], -1, side, side)
        if getattr(self.encoder, "output_fmt", "NCHW") == "NHWC":
            return found.permute(0, 3, 1, 2)
        return found


def timm_trunk(config: Config) -> nn.Module:
    """Return the encoder that the settings name, with weights if they name some.

    Raises:
        ConfigRefused: timm is not there, or does not know the name, or the weights do not fit.
    """
    timm = import_timm()
    name = config.architecture.removeprefix("timm/")
    options = {"img_size": config.size_px} if "vit" in name or "swin" in name else {}
    try:
        encoder = timm.create_model(
            name, pretrained=config.pretrained == HUB, num_classes=0, **options
        )
    except Exception as error:  # noqa: BLE001  an unknown name, no network, no such file
        words = str(error).split("\n")[0][:200]
        raise ConfigRefused(
            f"timm cannot make {name} ({words}): use a name of timm.list_models(), and a "
            f".safetensors file in pretrained where no hub can be reached."
        ) from None
    if config.pretrained and config.pretrained != HUB:
        _load(encoder, Path(config.pretrained))
    return TimmTrunk(encoder)


def import_timm() -> ModuleType:
    """Return timm, which imports torchvision.

    A torchvision built for CUDA beside a PyTorch for processors lacks two operators at import;
    naming them is all it needs, and nothing here calls them.

    Raises:
        ConfigRefused: it cannot be imported.
    """
    if torch.version.cuda is None and not _LIBRARIES:
        library: Any = torch.library
        made = library.Library("torchvision", "DEF")
        made.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        made.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(made)
    try:
        import timm  # noqa: PLC0415 - an extra
    except Exception as error:  # noqa: BLE001  a broken torchvision raises RuntimeError
        raise ConfigRefused(
            f"timm cannot be imported ({str(error).splitlines()[0]}): install the extra timm, with "
            f"a torchvision that fits this PyTorch."
        ) from None
    module: ModuleType = timm
    return module


def _load(encoder: Any, path: Path) -> None:
    weights, _ = checkpoint.load_weights(path)
    weights = {name.removeprefix("trunk.encoder."): tensor for name, tensor in weights.items()}
    own = encoder.state_dict()
    fitting = {n: t for n, t in weights.items() if n in own and own[n].shape == t.shape}
    if len(fitting) < len(own) / 2:
        raise ConfigRefused(
            f"Only {len(fitting)} of the encoder's {len(own)} tensors are in {path.name}: name the "
            f"weights of this very architecture."
        )
    encoder.load_state_dict(fitting, strict=False)
