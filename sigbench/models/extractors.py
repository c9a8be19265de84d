"""What images are compared in: the features of a network that a task's file names, or the pixels themselves.

    inception:weights=FILE             torch-fidelity's Inception, as FID has it
    torchvision:resnet50:weights=FILE  the features before the last layer of a backbone of torchvision
    timm:convnext_tiny:weights=FILE    one of timm
    dinov2:weights=FILE                DINOv2 by timm
    classifier:FOLDER                  the classifier that `sigbench train` made
    features.py:of                     a function of yours: images (n, c, H, W) as uint8 to features (n, f)
    pixels                             the images themselves, up to 1,024 numbers each

The first words are plug-ins of the group `sigbench.extractors`: functions of an `Asked` to an `Extractor`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from sigbench.errors import BadInput, unknown_name
from sigbench.files import read_file
from sigbench.guard import guarded
from sigbench.metrics.metric import Array
from sigbench.models.data.images import Pixels
from sigbench.models.features import Extractor
from sigbench.plug_ins import entry_points, load
from sigbench.spec import parse_plug_in
from sigbench.user_code import load_file

PIXELS = "pixels"
GROUP = "sigbench.extractors"
_MOST_PIXELS = 1024  # numbers of an image whose covariance is still a judge


@dataclass(frozen=True, slots=True)
class Asked:
    """What a file asks of an extractor: `which` of its kind, options, the file's folder, and the images' shape."""

    which: str
    options: Mapping[str, str]
    folder: Path
    shape: tuple[int, ...]

    def only(self, *names: str) -> None:
        """Raises BadInput for an option that is none of these."""
        if other := [name for name in self.options if name not in names]:
            known = f"the options are {', '.join(names)}" if names else "there are no options"
            raise BadInput(f"judge.features: {other[0]!r} is not known here: {known}.")


def extractor_of(text: str | None, folder: Path, shape: tuple[int, ...]) -> Extractor:
    """Returns the features that a file asks for, the pixels where it says nothing.

    Raises BadInput for what is none, and where images are too large to be judged by their pixels.
    """
    if text is None or text == PIXELS:
        if (size := int(np.prod(shape))) > _MOST_PIXELS:
            raise BadInput(
                f"judge.features: images of {size:,} numbers are judged in the features of a network, such as "
                '"inception:weights=FILE" or FILE.py:FUNCTION.'
            )
        return Extractor("pixels/255, no resizing", lambda pixels: pixels.reshape(len(pixels), -1) / 255.0)
    if ".py:" in text:
        return _of_file(text, folder)
    asked = parse_plug_in(text)
    kind, _, which = asked.name.partition(":")
    known = entry_points(GROUP)
    if kind not in known:
        raise unknown_name("kind of features", kind, [PIXELS, *known, "FILE.py:FUNCTION"])
    with guarded(f"judge.features: {text} cannot be had"):
        made = load(known[kind])
        found: Extractor = made(Asked(which, asked.options, folder, shape))
    return replace(found, written_in=(*found.written_in, made))


def _of_file(text: str, folder: Path) -> Extractor:
    path, _, function = text.rpartition(":")
    file = folder / path
    extract = getattr(load_file(str(file)), function, None)
    if not callable(extract):
        raise BadInput(f"judge.features: there is no function {function!r} in {file}.")

    def features(pixels: Pixels) -> Array:
        with guarded(f"{text} cannot take features"), torch.no_grad():
            found = extract(torch.from_numpy(np.ascontiguousarray(pixels)))
        values = np.asarray(found.detach().cpu() if isinstance(found, torch.Tensor) else found, dtype=np.float64)
        if values.ndim != 2 or len(values) != len(pixels) or not np.isfinite(values).all():
            raise BadInput(f"{text} gave features of shape {values.shape} for {len(pixels)} images, not finite (n, f).")
        return values

    sha256 = hashlib.sha256(read_file(file, "the features")).hexdigest()
    return Extractor(f"features {function} of {file.name} {sha256[:12]}", features, costly=True, written_in=(extract,))
