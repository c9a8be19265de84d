"""A failure's sentence names the place where the plug-in's author can mend it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sigbench.errors import BrokenContract, BudgetExceeded, Diverged
from sigbench.measure.failure import failure_of
from sigbench.registry import make_sampler

PLUGIN = """
import torch

from sigbench_baselines.euler import EulerMaruyama


class Torn(EulerMaruyama):
    name = "torn"

    def outer(self):
        return self.inner()

    def inner(self):
        return torch.ones(2, 3) @ torch.ones(2, 3)

    def through_torch(self):
        return torch.func.vmap(self.inside)(torch.ones(3))

    def inside(self, x):
        raise ValueError("no luck today")
"""


@pytest.fixture
def plug_in(tmp_path: Path) -> Any:
    (tmp_path / "torn.py").write_text(PLUGIN)
    return make_sampler(f"{tmp_path}/torn.py:Torn")


def caught(action: Any) -> Exception:
    with pytest.raises(Exception) as caught_here:
        action()
    assert isinstance(caught_here.value, Exception)
    return caught_here.value


def test_the_innermost_frame_of_the_plug_in_is_named(plug_in: Any) -> None:
    status, sentence = failure_of(caught(plug_in.outer), plug_in)
    assert status == "failed"
    assert sentence.startswith("RuntimeError: ")
    assert sentence.endswith("(torn.py, line 14, in inner)")


def test_frames_of_torch_below_it_are_passed_over(plug_in: Any) -> None:
    """Without the plug-in the innermost frame of all is named, which is torch's where torch raised."""
    _, sentence = failure_of(caught(plug_in.through_torch), plug_in)
    assert sentence == "ValueError: no luck today (torn.py, line 20, in inside)"

    def inside_torch() -> None:
        torch.func.vmap(lambda x: x, in_dims=5)(torch.ones(3))

    _, foreign = failure_of(caught(inside_torch), plug_in)
    assert "torn.py" not in foreign
    assert "test_failure.py" not in foreign
    _, ours = failure_of(caught(inside_torch), plug_in, _OfThisFile())
    assert ours.endswith("in inside_torch)")
    assert "(test_failure.py, line " in ours


class _OfThisFile:
    """A plug-in whose file is this one."""


@pytest.mark.parametrize(
    ("error", "status"),
    [(Diverged("away"), "diverged"), (BudgetExceeded("too dear"), "over-budget"), (BrokenContract("torn"), "failed")],
)
def test_our_own_errors_are_their_sentence(error: Exception, status: str) -> None:
    assert failure_of(error, _OfThisFile()) == (status, str(error))


def test_plug_ins_without_a_file(plug_in: Any) -> None:
    """A class made in an interactive session has no file to be found: the innermost frame stands in."""
    made = type("Made", (), {"__module__": "nowhere"})()
    _, sentence = failure_of(caught(plug_in.outer), made, 3)
    assert sentence.endswith("(torn.py, line 14, in inner)")
