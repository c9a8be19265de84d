"""Cells in SLURM's jobs, by submitit's local executor: a killed job, a killed sweep, and how cells are dealt."""

import json
import os
import signal
from pathlib import Path

import pytest
from clusters import Gate, digests, finished, local_digests, run_disturbed, sixty_cells
from sweeping import cells_of

from sigbench.errors import BadInput
from sigbench.records.store import Store
from sigbench.sweep.engines.engine import group_of
from sigbench.sweep.engines.slurm import SlurmEngine, SlurmOptions, deal, outcome_file, read_options
from sigbench.sweep.run import run_sweep


@pytest.mark.slurm
@pytest.mark.slow
@pytest.mark.long
def test_sixty_cells_whatever_happens_to_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job is killed: what it left undone is in another one's hands, and 60 of 60 records equal this machine's."""
    monkeypatch.chdir(tmp_path)
    cells, store = sixty_cells(tmp_path), Store(tmp_path / "store")
    options = SlurmOptions(cluster="local", shards=2, folder=str(tmp_path / "jobs"))
    gate = Gate(tmp_path, store)

    def disturb() -> None:
        gate.wait_for_workers(2)
        gate.open()
        gate.wait_for_records(8)
        gate.close()
        first, _ = sorted(gate.wait_for_workers(2))
        os.kill(first, signal.SIGKILL)
        gate.wait_for_workers(2, but=[first])
        gate.open()

    with SlurmEngine(options, None, 1) as engine:
        events = run_disturbed(cells, store, engine, disturb)
    assert len(finished(events)) == 60
    assert [event for event in events if event.what == "lost"] == []
    again = [event.reason for event in events if event.what == "again"]
    assert again
    assert all("its job" in reason for reason in again)
    assert digests(store) == local_digests(cells, tmp_path / "local")


def test_what_jobs_of_a_killed_sweep_left_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without starting a job: the outcome lies where the job has put it."""
    monkeypatch.chdir(tmp_path)
    cells, elsewhere = (
        cells_of(tmp_path, 'tasks = ["gmm"]\nsamplers = ["ddim"]\nsteps = [2]'),
        Store(tmp_path / "other"),
    )
    local_digests(cells, elsewhere.folder)
    (tmp_path / "jobs" / "outcomes").mkdir(parents=True)
    record = (elsewhere.path_of(cells[0].key)).read_text()
    left = outcome_file(tmp_path / "jobs", cells[0].key)
    left.write_text(json.dumps({"record": record, "seconds": 1.5, "node": "there"}))
    store = Store(tmp_path / "store")
    with SlurmEngine(SlurmOptions(cluster="local", folder=str(tmp_path / "jobs")), None, 1) as engine:
        events = list(run_sweep(cells, store, engine))
    assert [(event.what, event.node) for event in events] == [("started", ""), ("finished", "there")]
    assert digests(store) == digests(elsewhere)
    assert not left.exists()


def test_cells_that_share_references_are_dealt_to_one_shard_where_work_allows(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, 'tasks = ["gmm", "gmm2d"]\nsamplers = ["ddim", "heun"]\nsteps = [2, 3]\nseeds = [0, 1]')
    for shards in (1, 2, 3, 4, 16, 40):
        dealt = deal(cells, shards)
        assert 1 <= len(dealt) <= min(shards, len(cells))
        assert sorted(cell.key for one in dealt for cell in one) == sorted(cell.key for cell in cells)
    four = deal(cells, 4)
    assert [len(one) for one in four] == [4, 4, 4, 4]
    assert all(len({group_of(cell) for cell in one}) == 1 for one in four)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("partitions=gpu", "unknown option of slurm 'partitions': did you mean 'partition'"),
        ("shards=none", "the option shards of slurm is a number: 'shards=none'."),
        ("shards=0", "the option shards of slurm is a number"),
        ("partition", "the option partition of slurm is a text"),
        ("cluster=sge", "unknown cluster of slurm 'sge'"),
    ],
)
def test_options_that_are_none(text: str, words: str) -> None:
    with pytest.raises(BadInput) as error:
        read_options(text)
    assert words in str(error.value)


def test_options_become_those_of_the_jobs() -> None:
    options = read_options("partition=gpu, shards=20,gpus=1,mem=8GB")
    assert options.parameters(2) == {
        "timeout_min": 60,
        "cpus_per_task": 2,
        "gpus_per_node": 1,
        "slurm_array_parallelism": 20,
        "slurm_partition": "gpu",
        "slurm_mem": "8GB",
    }


def test_devices_are_what_the_jobs_have(tmp_path: Path) -> None:
    with_gpus = SlurmEngine(SlurmOptions(cluster="local", gpus=1, folder=str(tmp_path)), None, None)
    without = SlurmEngine(SlurmOptions(cluster="local", folder=str(tmp_path)), None, None)
    assert [with_gpus.device_for(asked) for asked in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]
    assert without.device_for("auto") == "cpu"
    with pytest.raises(BadInput, match="no job has a GPU"):
        without.device_for("cuda")
