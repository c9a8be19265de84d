"""Features of networks that were trained on photographs: Inception, and backbones of torchvision and timm.

Each says in its name the hash of its weights, the size that images are brought to, by which filter and whether against
aliasing: FID-like scores change with all of them (Parmar et al. 2022, On aliased resizing).
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sigbench.errors import BadInput, unknown_name
from sigbench.files import is_file, read_file
from sigbench.guard import guarded, told
from sigbench.metrics.fidelity import mend_torchvision
from sigbench.metrics.inception import hash_of, inception_features
from sigbench.metrics.metric import Array
from sigbench.models.data.images import Pixels
from sigbench.models.extractors import Asked
from sigbench.models.features import Extractor

_INCEPTION = "weights-inception-2015-12-05-6726825d.pth"
_DINOV2 = "vit_small_patch14_dinov2.lvd142m"
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as torchvision's backbones were trained
_SIZE, _BATCH = 224, 50
_HEADS = ("fc", "classifier", "heads", "head")  # how torchvision's backbones call what follows their features


def inception(asked: Asked) -> Extractor:
    """Returns torch-fidelity's Inception, 2,048 features; `weights` may be left out where torch's hub has them."""
    asked.only("weights")
    if asked.which:
        raise BadInput(f"judge.features: inception is one network, and not {asked.which!r}: weights=FILE names a file.")
    given = asked.options.get("weights")
    weights = asked.folder / given if given else Path(torch.hub.get_dir()) / "checkpoints" / _INCEPTION
    if not given and not is_file(weights):
        raise BadInput(
            f"judge.features: inception needs its weights: download {_INCEPTION} of torch-fidelity, and say "
            "inception:weights=FILE."
        )
    sha256 = hash_of(weights)
    name = f"torch-fidelity Inception {sha256[:12]}, 2048 features, bilinear to 299 × 299 without antialiasing"
    return Extractor(name, lambda pixels: inception_features(_coloured(pixels), weights), costly=True)


def torchvision_backbone(asked: Asked) -> Extractor:
    """Returns the features before the last layer of a torchvision model: `torchvision:resnet50:weights=FILE`."""
    asked.only("weights")
    mend_torchvision()
    try:
        from torchvision import models
    except ImportError:
        raise BadInput("judge.features: torchvision is not installed: pip install torchvision.") from None
    if asked.which not in (known := models.list_models(module=models)):
        raise unknown_name("torchvision backbone", asked.which, known)
    weights = _weights_of(asked, f"torchvision:{asked.which}")

    def build() -> nn.Module:
        network: nn.Module = models.get_model(asked.which, weights=None)
        network.load_state_dict(_loaded(weights))
        head = next(name for name in _HEADS if hasattr(network, name))
        setattr(network, head, nn.Identity())
        return network

    return _backbone(f"torchvision {asked.which}", weights, build, _SIZE, _MEAN, _STD)


def timm_backbone(asked: Asked) -> Extractor:
    """Returns the pooled features of a timm model: `timm:convnext_tiny:weights=FILE`, at its own size of images."""
    asked.only("weights")
    return _timm(asked.which, asked, f"timm:{asked.which}")


def dinov2(asked: Asked) -> Extractor:
    """Returns the features of DINOv2 by timm, `dinov2:weights=FILE`; a larger one is `dinov2:NAME_OF_TIMM:…`."""
    asked.only("weights")
    return _timm(asked.which or _DINOV2, asked, "dinov2")


def _timm(which: str, asked: Asked, spec: str) -> Extractor:
    mend_torchvision()
    try:
        import timm
    except ImportError:
        raise BadInput(f"judge.features: {spec} needs timm: pip install timm.") from None
    if not timm.is_model(which):
        raise unknown_name("timm backbone", which, timm.list_models())
    weights = _weights_of(asked, spec)

    def build() -> nn.Module:
        network: nn.Module = timm.create_model(which, pretrained=False)
        network.load_state_dict(_loaded(weights))
        network.reset_classifier(0)  # type: ignore[operator]
        return network

    config: Any = timm.get_pretrained_cfg(which) or timm.create_model(which, pretrained=False).pretrained_cfg
    size = int(config.input_size[-1])
    return _backbone(f"timm {which}", weights, build, size, tuple(config.mean), tuple(config.std))


def _weights_of(asked: Asked, spec: str) -> Path:
    if "weights" not in asked.options:
        raise BadInput(f"judge.features: {spec} needs its weights, which nothing here downloads: {spec}:weights=FILE.")
    return asked.folder / asked.options["weights"]


def _loaded(file: Path) -> dict[str, Tensor]:
    """The weights of a file: safetensors, or a pickle of tensors alone."""
    from safetensors.torch import load

    content = read_file(file, "the weights", 8 << 30)
    try:
        if file.suffix == ".safetensors":
            return load(content)
        found: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
        return found
    except Exception as error:
        raise BadInput(f"judge.features: the weights {file} cannot be read: {told(error)}.") from error


def _backbone(
    name: str,
    weights: Path,
    build: Callable[[], nn.Module],
    size: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> Extractor:
    sha256 = hashlib.sha256(read_file(weights, "the weights", 8 << 30)).hexdigest()

    @lru_cache(maxsize=1)
    def network() -> Any:
        with guarded(f"judge.features: the weights {weights} are not of {name}"):
            return build().eval().requires_grad_(False)

    centre, scale = (torch.tensor(values)[:, None, None] for values in (mean, std))

    def features(pixels: Pixels) -> Array:
        found = []
        for part in torch.from_numpy(_coloured(pixels)).split(_BATCH):
            images = part.float() / 255.0
            images = functional.interpolate(images, (size, size), mode="bicubic", antialias=True).clamp(0.0, 1.0)
            with torch.no_grad():
                of_part: Tensor = network()((images - centre) / scale)
            found.append(of_part.flatten(2).mean(2) if of_part.ndim == 4 else of_part.flatten(1))
        return torch.cat(found).double().numpy()

    network()  # weights of another network are found now
    said = f"{name} {sha256[:12]}, bicubic to {size} × {size} with antialiasing"
    return Extractor(said, features, costly=True, packages=(name.partition(" ")[0],))


def _coloured(pixels: Pixels) -> Pixels:
    """Images (n, c, H, W) in three colours: grey in each of them, and without what says how much shines through."""
    if pixels.shape[1] == 1:
        return np.repeat(pixels, 3, axis=1)
    return np.ascontiguousarray(pixels[:, :3])
