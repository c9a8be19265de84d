"""The one door to torch-fidelity, whose import needs help where torch and torchvision are of different builds."""

from functools import cache
from types import ModuleType
from typing import Any

_kept: list[Any] = []


@cache
def torch_fidelity() -> ModuleType:
    """Returns the module `torch_fidelity`, with its submodules of metrics imported."""
    mend_torchvision()  # torch-fidelity imports it at its own first line
    import torch_fidelity
    import torch_fidelity.metric_fid
    import torch_fidelity.metric_isc
    import torch_fidelity.metric_kid
    import torch_fidelity.metric_prc

    module: ModuleType = torch_fidelity
    return module


@cache
def mend_torchvision() -> bool:
    """Makes torchvision importable for those that import it, torch-fidelity and diffusers; returns whether it was.

    Without it there is nothing to mend.
    """
    try:
        import torchvision  # noqa: F401
    except ImportError:
        return True
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        _declare_missing_operators()
        return False
    return True


def _declare_missing_operators() -> None:
    """Declares the two operators whose absence stops torchvision's import.

    A torchvision built for CUDA cannot load its compiled part under a CPU build of torch; its Python code then
    decorates operators that were never declared. Nothing here calls them.
    """
    import sys

    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _kept.append(library)  # the declarations go when the library does
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]  # what the failed import left half done
