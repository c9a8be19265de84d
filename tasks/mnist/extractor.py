"""The classifier as a feature extractor: of torch-fidelity's command line and functions, and of tasks of files.

The name holds the classifier's hash: torch-fidelity's cache knows an extractor by its name alone.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.metrics.fidelity import torch_fidelity
from sigbench.models.extractors import Asked
from sigbench.models.features import Extractor
from sigbench_tasks.mnist.classifier import features_of, load_classifier
from sigbench_tasks.mnist.pixels import standardised

FEATURES, LOGITS = "features", "logits"


def of_digits(asked: Asked) -> Extractor:
    """Returns the 128 features of the classifier in a folder, of grey images of 28 × 28: `classifier:FOLDER`."""
    asked.only()
    if asked.shape != (1, 28, 28):
        raise BadInput(
            f"judge.features: the classifier reads images of shape (1, 28, 28), and these have {asked.shape}."
        )
    module, sha256 = load_classifier(asked.folder / asked.which)

    def features(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        return features_of(module, standardised(pixels[:, 0].copy())).double().numpy()

    return Extractor(f"classifier {sha256[:12]}, no resizing", features, costly=True)


def register_extractor(folder: Path) -> str:
    """Registers the classifier in `folder` with torch-fidelity and returns its name there.

    It takes uint8 images (n, 1 or 3, 28, 28), of which it reads the first channel, and provides float64 `features`
    (n, 128) and `logits` (n, 10).
    """
    fidelity = torch_fidelity()
    module, sha256 = load_classifier(folder)
    name = f"mnist-classifier-{sha256[:16]}"

    class Extractor(fidelity.FeatureExtractorBase):  # type: ignore[name-defined]
        def __init__(self, name: str, features_list: list[str], **options: Any) -> None:
            super().__init__(name, features_list)
            self.classifier = module

        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return FEATURES, LOGITS

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:
            return LOGITS if metric == "isc" else FEATURES

        @staticmethod
        def can_be_compiled() -> bool:
            return False

        def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
            features = self.classifier.features(standardised(pixels[:, 0]))
            provided = {FEATURES: features.double(), LOGITS: self.classifier.head(features.double())}
            return tuple(provided[wanted] for wanted in self.features_list)

    registry = fidelity.registry.FEATURE_EXTRACTORS_REGISTRY
    if name not in registry:
        fidelity.register_feature_extractor(name, Extractor)
    return name
