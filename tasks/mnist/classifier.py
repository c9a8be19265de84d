"""The classifier: the frozen network whose 128 features the scores are measured on."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from sigbench.errors import BadInput
from sigbench.networks.artifacts import load_artifact
from sigbench.networks.backbones import Dense
from sigbench.networks.unet import Convolution

KIND = "classifier"
FEATURES, CLASSES = 128, 10
_BATCH = 500


class Classifier(nn.Module):
    """Six convolutions and two linear layers: states (n, 1, 28, 28) to features (n, 128), and these to logits (n, 10).

    The features are what the last linear layer reads, after their rectification, so none is negative.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = ((1, 32, 32), (32, 64, 64), (64, 128, 128))
        self.first = nn.ModuleList(Convolution(a, b) for a, b, _ in widths)
        self.second = nn.ModuleList(Convolution(b, c) for _, b, c in widths)
        self.embed = Dense(9 * widths[-1][-1], FEATURES)
        self.head = Dense(FEATURES, CLASSES)

    def features(self, states: Tensor) -> Tensor:
        """Returns the features of states, shape (n, 128)."""
        x = states.contiguous(memory_format=torch.channels_last)
        for first, second in zip(self.first, self.second, strict=True):
            x = functional.max_pool2d(functional.relu(second(functional.relu(first(x)))), 2)
        return functional.relu(self.embed(x.flatten(1)))

    def forward(self, states: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(states))
        return logits

    @torch.no_grad()
    def scale_features(self, factor: float) -> None:
        """Multiplies the features by a positive factor, and lets the logits be what they were."""
        self.embed.weight.mul_(factor)
        self.embed.bias.mul_(factor)
        self.head.weight.div_(factor)

    def matrices(self) -> list[nn.Parameter]:
        """Returns the weights that an optimiser for matrices should take."""
        hidden = [*self.first[1:].parameters(), *self.second.parameters(), self.embed.weight]
        return [p for p in hidden if p.ndim == 2]


@torch.no_grad()
def features_of(module: Classifier, states: Tensor) -> Tensor:
    """Returns the features of any number of states, batch by batch, shape (n, 128)."""
    return torch.cat([module.features(batch) for batch in states.split(_BATCH)])


def load_classifier(folder: Path) -> tuple[Classifier, str]:
    """Returns the classifier of an artifact and its hash; raises BadInput where it is none or corrupt."""
    weights, manifest = load_artifact(folder)
    if manifest.kind != KIND:
        raise BadInput(f"the artifact {folder} is a {manifest.kind}, not a {KIND}.")
    module = Classifier()
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise BadInput(f"the artifact {folder} does not fit the classifier: {error}.") from error
    return module.eval().requires_grad_(False), manifest.sha256
