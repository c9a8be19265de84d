"""Which model a file names, by its kind. Weights are read from safetensors alone, or made by code of the user's."""

from collections.abc import Callable
from pathlib import Path

from sigbench.errors import BadInput
from sigbench.models.file import ModelTable
from sigbench.models.networks.diffusers_models import diffusers_model
from sigbench.models.networks.model import Model
from sigbench.models.networks.own import edm_model, python_model

_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt")
_KINDS: dict[str, Callable[[ModelTable, Path], Model]] = {
    "python": python_model,
    "edm": edm_model,
    "diffusers": diffusers_model,
}


def read_model(table: ModelTable, folder: Path) -> Model:
    """Returns the model of a file that lies in `folder`; raises BadInput, in a sentence, where it cannot be had."""
    where = folder / table.path
    if where.suffix in _PICKLES:
        raise BadInput(
            f"model.path: {table.path} is a pickle, which may run any code when it is loaded: save its tensors by "
            f"python -c \"import torch, safetensors.torch as s; s.save_file(torch.load('{table.path}', "
            'weights_only=True), \'weights.safetensors\')", load them in a FILE.py of yours, and say kind = "python".'
        )
    if table.kind == "diffusers" and table.classes is not None:
        raise BadInput("model.classes: how many classes a model of diffusers has stands in its configuration.")
    if table.kind != "diffusers" and table.vae is not None:
        raise BadInput(f"model.vae: an autoencoder belongs to a model of kind diffusers, not {table.kind}.")
    if table.kind != "diffusers" and table.prompts is not None:
        raise BadInput(f"model.prompts: prompts are for a pipeline of kind diffusers, not {table.kind}.")
    model = _KINDS[table.kind](table, folder)
    if table.guidance and not model.classes:
        raise BadInput("model.guidance: the model has no classes to be guided towards.")
    return model
