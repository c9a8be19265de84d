"""Running sweeps: the same records whatever the workers and the order, and workers that die."""

import multiprocessing
import multiprocessing.forkserver
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import cells_of, children, comparable

from sigbench.errors import BadInput
from sigbench.records.store import Store, tidy
from sigbench.sweep.claims import CLAIMS, Claims
from sigbench.sweep.engines.local import LocalEngine
from sigbench.sweep.forecast import Forecast
from sigbench.sweep.plan import PlannedCell
from sigbench.sweep.run import Event, missing_cells, run_sweep

PLUGIN = '''
import os
from pathlib import Path

from sigbench_baselines.euler import EulerMaruyama


class Deadly(EulerMaruyama):
    """Kills its process while a file "deadly" lies beside this one."""

    name = "deadly"

    def walk(self, problem, x, grid, brownian):
        if Path(__file__).with_name("deadly").exists():
            os.kill(os.getpid(), 9)
        yield from super().walk(problem, x, grid, brownian)
'''


def run(cells: list[PlannedCell], store: Store, workers: int, **options: Any) -> list[Event]:
    return list(run_sweep(cells, store, LocalEngine(workers, 1), **options))


@pytest.fixture(autouse=True)
def no_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records name the checkout's commit, which someone may change while a test runs; here none is found."""
    monkeypatch.setenv("GIT_DIR", os.devnull)


@pytest.mark.slow
def test_records_depend_neither_on_the_number_of_workers_nor_on_the_order(tmp_path: Path) -> None:
    """Two tasks, two seeds, every kind of sampler; bit by bit, at the same threads a worker."""
    cells = cells_of(
        tmp_path,
        'tasks = ["gmm", "gmm2d"]\nsteps = [2]\nseeds = [0, 1]\nsamplers = ["sigdeg", "ddim", "shark", "torchsde-srk"]',
    )
    alone, beside = Store(tmp_path / "alone"), Store(tmp_path / "beside")
    run(cells, alone, 1)
    run(cells[::-1], beside, 2)
    for store, workers in ((alone, 1), (beside, 2)):
        records = list(store)
        assert len(records) == len(cells) == 16
        assert {record["status"] for record in records} == {"ok"}
        assert {record["timing"]["workers"] for record in records if record["timing"]} == {workers}
        assert {record["provenance"]["threads"] for record in records} == {1}
    first, second = ({r["key"]: comparable(r) for r in store} for store in (alone, beside))
    for record in (*first.values(), *second.values()):
        del record["timing"]["workers"]
    assert first == second


def test_events_tell_every_cell_once_and_its_record_is_there_before(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, 'tasks = ["gmm"]\nsamplers = ["ddim", "heun"]\nsteps = [2, 3]')
    store, told = Store(tmp_path / "store"), []
    for event in run_sweep(cells, store, LocalEngine(2, 1)):
        told.append((event.what, event.cell.key))
        if event.what == "finished":
            assert store.read(event.cell.key) == event.record
            assert event.seconds > 0
    assert sorted(told) == sorted((what, cell.key) for cell in cells for what in ("started", "finished"))
    assert missing_cells(cells, store, retry_failed=True) == []
    assert sorted(file.name for file in store.folder.iterdir()) == sorted(f"{cell.key}.json" for cell in cells)


def test_a_killed_worker_costs_its_own_cell_only(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    deadly = tmp_path / "deadly"
    deadly.touch()
    text = f'tasks = ["gmm"]\nsamplers = ["{tmp_path}/mine.py:Deadly", "ddim", "heun"]\nsteps = [2]'
    cells, store = cells_of(tmp_path, text), Store(tmp_path / "store")
    lost = [event for event in run(cells, store, 2) if event.what == "lost"]
    assert {event.cell.key for event in lost} == {cell.key for cell in cells if cell.sampler.endswith(":Deadly")}
    assert ["killed by the system" in event.reason for event in lost] == [True]
    left = missing_cells(cells, store, retry_failed=False)
    assert {cell.key for cell in left} == {event.cell.key for event in lost}
    deadly.unlink()
    assert [event.what for event in run(left, store, 1)] == ["started", "finished"]
    assert missing_cells(cells, store, retry_failed=False) == []


def test_a_cell_that_cannot_be_planned_again_is_lost(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    text = f'tasks = ["gmm"]\nsamplers = ["{plugin}:Deadly", "ddim"]\nsteps = [2]'
    cells, store = cells_of(tmp_path, text), Store(tmp_path / "store")
    plugin.write_text(PLUGIN + "ANOTHER = 1\n")
    told = {(event.what, event.cell.sampler): event.reason for event in run(cells, store, 1)}
    assert "has changed meanwhile" in told["lost", f"{plugin}:Deadly"]
    assert ("finished", "ddim") in told


def test_stopping_and_giving_up_leave_no_process_and_no_claim(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, 'tasks = ["gmm"]\nsamplers = ["ddim", "heun"]\nsteps = [2, 3, 4, 5]')
    store, others = Store(tmp_path / "store"), children()
    events = run_sweep(cells, store, LocalEngine(2, 1))
    first = next(event for event in events if event.what == "finished")
    assert children() > others
    events.close()
    assert children() == others
    assert [record["key"] for record in store] == [first.cell.key]
    assert run(cells, store, 2, should_stop=lambda: True) == []
    assert not (store.folder / CLAIMS).exists()


@pytest.fixture
def other_sweep() -> Iterator[Callable[[Path, str], subprocess.Popen[str]]]:
    """Starts a process that holds a claim until it is killed."""
    started = []

    def hold(folder: Path, key: str) -> subprocess.Popen[str]:
        code = (
            "import sys; from pathlib import Path; from sigbench.sweep.claims import Claims\n"
            "claims = Claims(Path(sys.argv[1])); print(claims.take(sys.argv[2]), flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-c", code, str(folder), key]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout.readline() == "True\n"
        return started[-1]

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def test_a_claim_holds_until_it_is_released_or_its_process_is_killed(
    tmp_path: Path, other_sweep: Callable[[Path, str], subprocess.Popen[str]]
) -> None:
    other = other_sweep(tmp_path, "ab12")
    with Claims(tmp_path) as claims:
        assert not claims.take("ab12")
        assert claims.take("ab13")
        other.kill()
        other.wait()
        assert claims.take("ab12")
        claims.release("ab12")
        other_sweep(tmp_path, "ab12")
        assert not claims.take("ab12")
    assert (tmp_path / CLAIMS).exists()  # the other one still holds a place in it


def test_what_another_sweep_measures_is_left_to_it(
    tmp_path: Path, other_sweep: Callable[[Path, str], subprocess.Popen[str]]
) -> None:
    """One cell is done by the other, which writes its record and ends; one is dropped by it, killed."""
    cells = cells_of(tmp_path, 'tasks = ["gmm"]\nsamplers = ["ddim"]\nsteps = [2, 3, 4]')
    elsewhere, store = Store(tmp_path / "elsewhere"), Store(tmp_path / "store")
    run(cells[:1], elsewhere, 1)
    holders = [other_sweep(store.folder, cell.key) for cell in cells[:2]]
    events = run_sweep(cells, store, LocalEngine(2, 1))
    assert [(event.what, event.cell) for event in (next(events), next(events))] == [
        ("started", cells[2]),
        ("finished", cells[2]),
    ]
    done = elsewhere.read(cells[0].key)
    assert done is not None
    store.write(done)
    for holder in holders:
        holder.kill()
        holder.wait()
    assert {(event.what, event.cell.key) for event in events} == {
        ("elsewhere", cells[0].key),
        ("started", cells[1].key),
        ("finished", cells[1].key),
    }
    assert store.read(cells[0].key) == done


@pytest.mark.parametrize(
    "error", [EOFError("unexpected EOF"), ConnectionResetError(104, "reset"), BrokenPipeError(32, "x")]
)
def test_where_no_worker_can_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The server that workers fork from dies of a full disk, say: a sentence, and no claim is left."""

    def die(handle: int) -> int:
        raise error

    monkeypatch.setattr(multiprocessing.forkserver, "read_signed", die)
    cells = cells_of(tmp_path, 'tasks = ["gmm"]\nsamplers = ["ddim"]\nsteps = [2]')
    store = Store(tmp_path / "store")
    with pytest.raises(BadInput, match=f"no worker process can be started here: {type(error).__name__}"):
        run(cells, store, 1)
    with Claims(store.folder) as claims:
        assert claims.take(cells[0].key)


def test_forecast_tells_the_metrics_time_from_the_networks(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, 'tasks = ["gmm", "gmm2d"]\nsamplers = ["ddim"]\nsteps = [2, 4, 8, 16]')
    gmm, plane = cells[:4], cells[4:]
    forecast = Forecast()
    assert forecast.seconds(gmm, 2) == (0, False)
    forecast.add(gmm[0], 3.0)
    assert forecast.seconds(gmm[1:], 1) == (pytest.approx(9.0), True)  # one cell cannot tell the two apart
    forecast.add(gmm[1], 4.0)
    assert forecast.seconds(gmm[2:], 1) == (pytest.approx(6.0 + 10.0), True)  # 2 s, and half a second a step
    assert forecast.seconds(gmm[2:], 2) == (pytest.approx(8.0), True)
    assert forecast.seconds(cells[2:], 2) == (pytest.approx(8.0), False)  # nothing is known of the other task
    forecast.add(plane[0], 1.0)
    assert forecast.seconds(plane, 1) == (pytest.approx(4.0), True)
    assert forecast.seconds([], 2) == (0, True)


def test_tidying_spares_what_is_being_written(tmp_path: Path) -> None:
    store = Store(tmp_path)
    old, new = tmp_path / ".writing-old.json", tmp_path / ".writing-new.json"
    for file in (old, new, tmp_path / "aa.json"):
        file.write_text("{")
    hour_ago = time.time() - 3600
    for file in (old, tmp_path / "aa.json"):
        os.utime(file, (hour_ago, hour_ago))
    assert tidy(store.folder) == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == [".writing-new.json", "aa.json"]
