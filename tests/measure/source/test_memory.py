"""The hash of code in memory: what must change it, and what must not, whichever process asks."""

import copy
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sigbench.measure.source.memory import hash_of, is_in_memory
from sigbench.sampler import Sampler

CELLS = '''
import math
from functools import cache, cached_property, partial
from sigbench.sampler import Sampler

SCALE = 3

def helper(x):
    return scaled(x)

def scaled(x):
    return x * SCALE

def unused(x):
    return x

class Base(Sampler):
    factor = 2

    def late(self):
        return [helper(x) for x in range(3)]

class Mine(Base):
    """A sampler."""

    name, citation, family = "mine", "a notebook", "ode"

    def __init__(self, strength=1.0):
        self.strength, self.state = strength, STATE

    @property
    def twice(self):
        return 2 * self.strength

    @cached_property
    def half(self):
        return self.strength / 2

    @staticmethod
    @cache
    def kept(x):
        return x + 1

    def walk(self, problem, x, grid, brownian):
        for step in grid:
            yield math.exp(0.0) * x
'''


def class_of(cells: str = CELLS, state: Any = None) -> Any:
    """The class of cells that ran in a notebook, whose module has no file."""
    names: dict[str, Any] = {"__name__": "__main__", "STATE": state}
    exec(cells, names)
    return names["Mine"]


def edited(old: str, new: str) -> str:
    assert CELLS.count(old) == 1
    return CELLS.replace(old, new)


ALIKE = {
    "nothing": CELLS,
    "a remark": edited("    factor = 2\n", "    factor = 2  # of what\n\n\n"),
    "the docstring": edited('"""A sampler."""', '"""Another text."""'),
    "what is not used": edited("    return x\n\nclass", "    return x + 1\n\nclass"),
    "another cell before it": "import os\nOTHER = 5\n" + CELLS,
}
OTHER = {
    "the method": edited("math.exp(0.0) * x", "math.exp(1.0) * x"),
    "a constant that a helper's helper reads": edited("SCALE = 3", "SCALE = 4"),
    "a helper's helper": edited("return x * SCALE", "return x + SCALE"),
    "an attribute of the base class": edited("factor = 2", "factor = 2.5"),
    "what the base class calls": edited("range(3)", "range(4)"),
    "a default": edited("strength=1.0", "strength=2.0"),
    "a property": edited("2 * self.strength", "3 * self.strength"),
    "a cached property": edited("self.strength / 2", "self.strength / 3"),
    "behind a cache": edited("return x + 1", "return x + 2"),
    "a fact": edited('"ode"', '"sde"'),
    "the base": edited("class Mine(Base)", "class Mine(Sampler)"),
}


@pytest.mark.parametrize("cells", ALIKE.values(), ids=ALIKE)
def test_what_does_not_change_the_code_keeps_the_hash(cells: str) -> None:
    assert hash_of(class_of(cells)) == hash_of(class_of())


@pytest.mark.parametrize("cells", OTHER.values(), ids=OTHER)
def test_what_changes_the_code_changes_the_hash(cells: str) -> None:
    (found, unknown), (before, _) = hash_of(class_of(cells)), hash_of(class_of())
    assert unknown == []
    assert found != before


STATES: dict[str, Callable[[], Any]] = {
    "an array": lambda: np.arange(3.0),
    "a tensor": lambda: torch.arange(3, dtype=torch.bfloat16),
    "a network": lambda: torch.nn.Linear(2, 1, bias=False).requires_grad_(False).apply(zero),
    "a generator of numpy": lambda: np.random.default_rng(0),
    "a random number generator": lambda: random.Random(0),
    "nested containers": lambda: {"a": [1, (2.0, {"b"})], "c": {1: None}, "d": Path("x")},
    "a function": lambda: zero,
    "a thing in itself": lambda: ring(),
}


def zero(module: Any) -> None:
    if hasattr(module, "weight"):
        module.weight.data.zero_()


def ring() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_equal_states_have_equal_hashes_and_others_another(state: Callable[[], Any]) -> None:
    one, other = (hash_of(class_of(state=state())()) for _ in range(2))
    assert one == other
    assert one[1] == []
    assert one != hash_of(class_of()())


def test_values_of_a_state_change_the_hash() -> None:
    found = [
        hash_of(class_of(state=state)(strength))
        for strength, state in (
            (1.0, None),
            (2.0, None),
            (1.0, np.zeros(3)),
            (1.0, np.zeros(3, dtype=np.float32)),
            (1.0, np.zeros((3, 1))),
            (1.0, torch.zeros(3)),
            (1.0, torch.ones(3)),
            (1.0, [1, 2]),
            (1.0, [[1], 2]),
            (1.0, "1"),
            (1.0, 1),
            (1.0, True),
        )
    ]
    assert len({one for one, _ in found}) == len(found)


UNKNOWN = {"a lock": threading.Lock, "a generator": lambda: (x for x in ()), "a file": lambda: sys.stderr}


@pytest.mark.parametrize("state", UNKNOWN.values(), ids=UNKNOWN)
def test_what_cannot_be_known_has_a_hash_of_its_own_each_time(state: Callable[[], Any]) -> None:
    sampler = class_of(state=state())()
    (one, unknown), (other, _) = hash_of(sampler), hash_of(sampler)
    assert unknown
    assert one != other


def test_a_class_that_was_used_keeps_its_hash() -> None:
    """What Python caches in it when it is made, copied or hashed is none of its code."""
    cls = class_of()
    before = hash_of(cls)
    sampler = cls(2.0)
    copied = copy.deepcopy(sampler)
    assert (sampler.twice, sampler.half, copied.half, cls.kept(1)) == (4.0, 1.0, 1.0, 2)
    isinstance(sampler, cls)
    assert hash_of(sampler) == hash_of(copied)
    assert hash_of(cls) == before


def test_another_process_finds_the_same_hash(tmp_path: Path) -> None:
    """Whatever its seed of hashes is: sets are sorted, and no address is in it."""
    program = tmp_path / "program.py"
    cells = CELLS.replace("SCALE = 3", "SCALE = frozenset({'a', 'b', 'c'})")
    asked = "from sigbench.measure.source.memory import hash_of\nprint(hash_of(Mine())[0])\n"
    program.write_text(f"STATE = {{'x', 'y', 'z'}}\n{cells}\n{asked}")
    found = {
        subprocess.run(
            [sys.executable, program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_what_is_installed_is_not_in_memory() -> None:
    assert not any(map(is_in_memory, (Sampler, torch.nn.Linear, dict, np.ndarray)))
    assert is_in_memory(class_of())
