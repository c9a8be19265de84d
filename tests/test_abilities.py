"""What tasks can do beside their contract: the abilities of the registered ones, and what holds without any."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sigbench import abilities
from sigbench.abilities import (
    HasClasses,
    HasCompiledNetwork,
    HasDataUnits,
    HasFloors,
    HasHashes,
    HasNetworks,
    HasPictures,
    HasRecipes,
    HasSpectrum,
    HasStrips,
    HasStudents,
    HasTeacher,
    HasTrainingData,
    IsOfLibrary,
    ObservesSamples,
    PreparesTruth,
    Teacher,
    conditions_of,
    network_hashes,
    networks_of,
    observe,
    observe_truth,
    teacher_of,
    to_data,
)
from sigbench.errors import BadInput
from sigbench.measure.cell import plan_cells
from sigbench.measure.run import measure
from sigbench.measure.settings import Settings
from sigbench.networks.artifacts import read_manifest
from sigbench.registry import make_task, task_names
from sigbench.task import Task

# Every protocol of the module, found so that a new one cannot be left out of the table below.
ABILITIES = {
    thing
    for thing in vars(abilities).values()
    if getattr(thing, "__module__", "") == abilities.__name__ and getattr(thing, "_is_protocol", False)
}
MIXTURES = {HasTeacher, HasPictures, HasStudents, HasFloors, HasTrainingData}
PICTURED = {*MIXTURES, HasDataUnits, HasSpectrum, HasNetworks, HasRecipes, ObservesSamples}
EXPECTED: dict[str, set[type]] = {
    "gmm": {*MIXTURES, HasDataUnits},
    "gmm2d": MIXTURES,
    "ou": set(),
    "gbm": set(),
    "mnist": {*PICTURED, HasClasses, HasStrips},
    "rbergomi": PICTURED,
}

# A stranger's task: what the contract asks for and nothing else. X₁ of dX = dW from 0 is standard normal.
STRANGER = """
import numpy as np
import torch

from sigbench.metrics.transport import W1
from sigbench.sde.denoiser import CallCounter
from sigbench.sde.problem import SDEProblem
from sigbench.task import Task


class Motion(SDEProblem):
    noise_type, horizon, shape = "additive", 1.0, (1,)

    def __init__(self, device):
        self.device, self.counter = device, CallCounter()
        self._drift = self.counted(lambda s, x: torch.zeros_like(x))

    def drift(self, s, x):
        return self._drift(s, x)

    def diffusion(self, s, x):
        return 1.0

    def initial(self, normals):
        return torch.zeros_like(normals)


class Normal:
    def sample(self, n, seed):
        return np.random.default_rng(seed).standard_normal((n, 1))


class Bare(Task):
    name, version, title = "bare", 1, "Brownian motion"
    shape, batch_size = (1,), 500
    default_samples, default_steps, default_grid = 2000, (4,), "uniform"

    def problem(self, device, dtype):
        return Motion(device)

    def truth(self):
        return Normal()

    def metrics(self):
        return (W1(),)
"""


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("stranger") / "bare.py"
    file.write_text(STRANGER)
    return f"{file}:Bare"


OF_FILES = {HasCompiledNetwork, HasHashes, IsOfLibrary, PreparesTruth}  # of users' files: tests/models


def test_the_table_holds_every_registered_task_and_every_ability() -> None:
    assert set(EXPECTED) == set(task_names())
    assert set().union(*EXPECTED.values(), OF_FILES) == ABILITIES


@pytest.mark.parametrize("name", task_names())
def test_abilities_of_the_registered_tasks(name: str) -> None:
    task = make_task(name)
    assert {ability for ability in ABILITIES if isinstance(task, ability)} == EXPECTED[name]


@pytest.mark.parametrize("name", task_names())
def test_what_an_ability_gives_can_be_used(name: str) -> None:
    task = make_task(name)
    seen = observe_truth(task, 50, 3)
    assert len(seen) == 50
    if isinstance(task, HasNetworks):
        assert "teacher" in task.networks()
        assert network_hashes(task) == {each: read_manifest(at).sha256 for each, at in task.networks().items()}
    if isinstance(task, HasRecipes):
        assert set(task.recipes()) <= set(networks_of(task))
        for recipe in task.recipes().values():
            assert recipe.shortened(1).iterations == 1 < recipe.iterations
    if isinstance(task, HasStudents):
        assert task.students()
        for folder in task.students():
            manifest = read_manifest(folder)
            assert manifest.task == task.name
            assert task.artifacts_since <= manifest.task_version <= task.version
    if isinstance(task, HasTeacher):
        assert task.teacher.steps > max(task.default_steps)


@pytest.mark.parametrize("name", ["ou", "gbm", "stranger"])
def test_defaults_of_a_task_without_any(name: str, stranger: str) -> None:
    task = make_task(stranger if name == "stranger" else name)
    samples = torch.arange(6.0).reshape(6, 1)
    assert teacher_of(task) is None
    assert conditions_of(task) == networks_of(task) == network_hashes(task) == {}
    assert to_data(task, samples) is samples
    seen = observe(task, samples, None)
    assert (seen.shape, seen.dtype) == ((6, 1), np.float64)
    np.testing.assert_array_equal(observe_truth(task, 7, 3), task.truth().sample(7, 3))
    np.testing.assert_array_equal(observe_truth(task, 7, 3), observe_truth(task, 7, 3))
    assert (observe_truth(task, 7, 3) != observe_truth(task, 7, 4)).all()


def test_a_teacher_walks_the_simplest_scheme_unless_its_task_says_otherwise() -> None:
    assert Teacher(300, "quadratic").scheme == "euler-maruyama"


def test_an_ability_is_its_methods_and_no_base_class(stranger: str) -> None:
    task = make_task(stranger)
    assert not isinstance(task, HasTeacher)
    task.teacher = Teacher(8, "uniform", "milstein")  # type: ignore[attr-defined]
    assert isinstance(task, HasTeacher)
    assert teacher_of(task) == Teacher(8, "uniform", "milstein")


def test_a_strangers_minimal_task_is_measured(stranger: str) -> None:
    """Euler–Maruyama is exact on it, so the distance is the floor's; no picture, no class, no network is asked for."""
    kept: list[tuple[torch.Tensor, torch.Tensor | None]] = []
    cells = plan_cells(Settings(stranger, device="cpu", repeats=3), ["euler-maruyama", "torchsde-srk"], [])
    records = list(measure(cells, on_samples=lambda cell, samples, labels: kept.append((samples, labels))))
    for record, (samples, labels) in zip(records, kept, strict=True):
        assert record["status"] == "ok", record.get("error")
        assert (record["task"], record["steps"], record["grid"]) == ("bare", 4, "uniform")
        assert record["conditions"] == {}
        assert record["provenance"]["artifacts"] == {}
        assert record["metrics"]["w1"]["value"] < 0.1
        assert (samples.shape, labels) == ((2000, 1), None)


@pytest.mark.parametrize(
    ("settings", "samplers", "words"),
    [
        (lambda task: Settings(task, label=1), ["euler-maruyama"], "samples of the task 'bare' have no classes"),
        (lambda task: Settings(task, guidance=1.0), ["euler-maruyama"], "samples of the task 'bare' have no classes"),
        (Settings, ["teacher"], "the task 'bare' has no teacher"),
        (Settings, ["ddim"], "ddim needs a denoiser, and the task 'bare' has none"),
    ],
)
def test_what_it_cannot_do_is_refused_in_words(
    stranger: str, settings: Callable[[str], Settings], samplers: list[str], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        plan_cells(settings(stranger), samplers, [])


def test_a_task_names_no_sampler() -> None:
    """The contract and every protocol are about tasks: a task that knew a sampler would have to change with it."""
    from sigbench.registry import sampler_names

    for module in ("task", "abilities"):
        text = (Path(abilities.__file__).parent / f"{module}.py").read_text()
        named = [name for name in sampler_names() if f'"{name}"' in text]
        assert named == (["euler-maruyama"] if module == "abilities" else [])  # the default scheme of a teacher
    assert not {"artifacts", "judged_by_inception", "networks"} & set(vars(Task))
