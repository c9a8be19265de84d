"""Which network a student has, by the fields of its configuration."""

from collections.abc import Mapping
from typing import Any

from sigbench.sigdeg.generators.brought import BroughtConfig
from sigbench.sigdeg.generators.images import ImageGeneratorConfig
from sigbench.sigdeg.generators.paths import PathGeneratorConfig
from sigbench.sigdeg.generators.student import StudentConfig
from sigbench.sigdeg.generators.vectors import VectorGeneratorConfig


def read_config(fields: Mapping[str, Any]) -> StudentConfig:
    """Returns the configuration in an artifact's manifest; raises TypeError for fields of no kind."""
    if "levels" in fields:
        return BroughtConfig.from_json(fields)
    denoiser = fields.get("denoiser")
    if denoiser is None:
        return VectorGeneratorConfig.from_json(fields)
    return (ImageGeneratorConfig if "unet" in denoiser else PathGeneratorConfig).from_json(fields)
