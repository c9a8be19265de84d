"""Cells over Ray: two nodes on the loopback that lose a worker and a raylet and gain a node, and what is refused."""

import signal
from pathlib import Path

import pytest
from clusters import (
    RayClusterNodes,
    RayNodes,
    Step,
    digests,
    finished,
    kill_a_worker,
    local_digests,
    nodes_of,
    run_disturbed,
    sixty_cells,
    two_nodes,
)

from sigbench.records.store import Store

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.mark.parametrize("kind", [RayClusterNodes, RayNodes])
def test_sixty_cells_whatever_happens_to_workers_and_nodes(
    kind: type[RayClusterNodes | RayNodes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is killed, a raylet is killed, a node joins late: 60 of 60 records, equal to those of this machine."""
    from sigbench.sweep.engines.ray import RayEngine

    monkeypatch.chdir(tmp_path)
    cells, store = sixty_cells(tmp_path), Store(tmp_path / "store")
    before = signal.getsignal(signal.SIGTERM)
    with two_nodes(kind, tmp_path) as nodes:
        signal.signal(signal.SIGTERM, before)  # which Ray's own cluster for tests takes
        with RayEngine(nodes.address, None, 1) as engine:
            assert signal.getsignal(signal.SIGTERM) is before
            assert engine.workers_for(cells) == 2
            steps = [
                Step(lambda events: len(finished(events)) >= 4, lambda: kill_a_worker("ray::_measure", tmp_path)),
                Step(lambda events: len(nodes_of(events)) == 2, nodes.kill_raylet),
                Step(lambda events: events[-1].what == "again", nodes.add),
            ]
            events = run_disturbed(cells, store, engine, steps)
    signal.signal(signal.SIGTERM, before)
    assert len(finished(events)) == 60
    assert [event for event in events if event.what == "lost"] == []
    reasons = [event.reason for event in events if event.what == "again"]
    assert len(reasons) >= 2
    assert "worker process was killed" in reasons[0]
    assert len(nodes_of(events)) == 3
    assert {record["timing"]["workers"] for record in store if record["timing"]} == {1}
    assert digests(store) == local_digests(cells, tmp_path / "local")
