"""`--engine`: what is refused, in one sentence and before any work, and what is planned without the device."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from commandline import Command

from sigbench.sweep.engines import choice

SWEEP = 'tasks = ["gmm"]\nsamplers = ["ddim"]\nsteps = [2]\nsamples = 64\nrepeats = 2\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "sweep.toml").write_text(SWEEP)
    return tmp_path / "sweep.toml"


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port where somebody takes what comes and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("raay", "unknown engine 'raay': did you mean 'ray'? valid are dask, local, ray, slurm."),
        ("local:4", "the engine local takes nothing behind a colon, got '4'."),
        pytest.param("ray:127.0.0.1:1", "the Ray cluster at '127.0.0.1:1' does not answer", marks=pytest.mark.ray),
        pytest.param(
            "dask:tcp://127.0.0.1:1",
            "the Dask scheduler at 'tcp://127.0.0.1:1' does not answer: Connection refused",
            marks=pytest.mark.dask,
        ),
        pytest.param("dask:tcp://nonsense", "the Dask scheduler at 'tcp://nonsense' does", marks=pytest.mark.dask),
        pytest.param("dask", "the engine dask needs a scheduler, as in dask:tcp://HOST:8786", marks=pytest.mark.dask),
        pytest.param("slurm:partition=gpu", "there is no SLURM here, 'sbatch' is not found", marks=pytest.mark.slurm),
        pytest.param("slurm:shards=0", "the option shards of slurm is a number: 'shards=0'.", marks=pytest.mark.slurm),
    ],
)
def test_what_cannot_be_reached_is_said_before_any_work(
    sigbench: Command, file: Path, tmp_path: Path, engine: str, words: str
) -> None:
    for command in (("sweep", file), ("sweep", file, "--dry-run"), ("sweep", file, "--forecast")):
        done = sigbench(*command, "--engine", engine)
        assert done.code == 2
        assert words in done.sentence()
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "words"),
    [
        pytest.param("ray:127.0.0.1:{}", "does not answer as a Ray cluster in 10 s", marks=pytest.mark.ray),
        pytest.param("dask:tcp://127.0.0.1:{}", "is no Dask scheduler", marks=pytest.mark.dask),
    ],
)
def test_what_listens_and_does_not_answer_is_given_up_after_ten_seconds(
    sigbench: Command, file: Path, nobody: int, engine: str, words: str
) -> None:
    done = sigbench("sweep", file, "--engine", engine.format(nobody))
    assert done.code == 2
    assert words in done.sentence()


@pytest.mark.parametrize("engine", ["ray", "dask:tcp://127.0.0.1:8786", "slurm"])
def test_an_engine_that_is_not_installed_names_its_extra(
    sigbench: Command, file: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice.importlib.util, "find_spec", lambda name: None)
    done = sigbench("sweep", file, "--engine", engine)
    name = engine.partition(":")[0]
    assert (done.code, done.sentence()) == (2, f"the engine {name} is not installed: pip install 'sigbench[{name}]'.")


@pytest.mark.slurm
def test_a_store_that_cannot_be_written_is_said_first(sigbench: Command, file: Path) -> None:
    done = sigbench("sweep", file, "--store", file, "--engine", "slurm:cluster=local")
    assert done.code == 2
    assert "the store" in done.sentence()


@pytest.mark.slurm
@pytest.mark.skipif(torch.cuda.is_available(), reason="of machines without a GPU")
def test_a_sweep_of_gpus_is_planned_on_a_machine_without_one(sigbench: Command, file: Path) -> None:
    """By what the jobs have: "auto" is cuda there, and its keys are others than those of a processor."""

    def keys(*options: str) -> list[str]:
        done = sigbench("sweep", file, "--dry-run", "--json", *options)
        assert done.code == 0, done.err
        return [json.loads(line)["key"] for line in done.out.splitlines()]

    here, cpu, gpu = keys(), keys("--engine", "slurm:cluster=local"), keys("--engine", "slurm:cluster=local,gpus=1")
    assert here == cpu != gpu
    file.write_text(SWEEP + 'device = "cuda"\n')
    assert keys("--engine", "slurm:cluster=local,gpus=1") == gpu
    done = sigbench("sweep", file, "--engine", "slurm:cluster=local")
    assert (done.code, done.sentence()) == (
        2,
        "the device is cuda, and no job has a GPU: say how many, slurm:gpus=1.",
    )
    assert sigbench("sweep", file).code == 2
