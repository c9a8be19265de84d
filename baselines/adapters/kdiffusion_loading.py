"""k-diffusion's `sampling` module without the rest of its package, which needs a dozen others and takes seconds.

It is loaded under names of its own: a k-diffusion that a user's code imports stays as it is.
"""

import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from sigbench.errors import BadInput, BrokenContract

_PRIVATE = "_sigbench_k_diffusion"
_ABSENT = "kdiffusion:… needs k-diffusion, which is not installed: pip install 'sigbench[kdiffusion]'."


class TorchWithoutDraws:
    """torch as k-diffusion's functions see it: the same, but that `randn_like` is what the walk has for it.

    `sample_euler`, `sample_heun` and `sample_dpm_2` draw by it in each step, whether they add noise or not, and take no
    `noise_sampler`.
    """

    def __init__(self) -> None:
        self.randn_like: Callable[[Tensor], Tensor] = _no_draws

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def _no_draws(like: Tensor) -> Tensor:
    raise BrokenContract("a function of k-diffusion drew noise outside of a walk.")


@cache
def sampling() -> ModuleType:
    """Returns k_diffusion.sampling, whose `torch` is a `TorchWithoutDraws`; raises BadInput where it is not there.

    Of `k_diffusion.utils`, which imports torchvision, the functions use `append_dims` alone.
    """
    package = importlib.util.find_spec("k_diffusion")
    if package is None or not package.submodule_search_locations:
        raise BadInput(_ABSENT)
    file = Path(next(iter(package.submodule_search_locations))) / "sampling.py"
    parent, utils = ModuleType(_PRIVATE), ModuleType(f"{_PRIVATE}.utils")
    parent.__path__ = [str(file.parent)]
    vars(utils)["append_dims"] = _append_dims
    vars(parent)["utils"] = utils
    name = f"{_PRIVATE}.sampling"
    spec: ModuleSpec | None = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    names = {_PRIVATE: parent, f"{_PRIVATE}.utils": utils, name: module}
    sys.modules.update(names)
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        for each in names:
            del sys.modules[each]
        raise BadInput(f"k-diffusion cannot be imported ({error}): pip install 'sigbench[kdiffusion]'.") from error
    vars(module)["torch"] = TorchWithoutDraws()
    return module


def _append_dims(x: Tensor, dims: int) -> Tensor:
    """Returns `x` with trailing axes of length 1, until it has `dims`."""
    return x.reshape(x.shape + (1,) * (dims - x.dim()))
