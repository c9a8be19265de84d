"""Cells over Ray: two nodes on the loopback that lose a worker and a raylet and gain a node, and what is refused."""

import os
import signal
from pathlib import Path

import pytest
from clusters import (
    Gate,
    RayClusterNodes,
    RayNodes,
    digests,
    finished,
    local_digests,
    nodes_of,
    run_disturbed,
    sixty_cells,
    two_nodes,
)

from sigbench.records.store import Store

pytestmark = pytest.mark.ray


@pytest.mark.parametrize(
    "kind", [pytest.param(RayClusterNodes, marks=pytest.mark.slow), pytest.param(RayNodes, marks=pytest.mark.long)]
)
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
            gate = Gate(tmp_path, store)

            def disturb() -> None:
                first, _ = sorted(gate.wait_for_workers(2))
                os.kill(first, signal.SIGKILL)
                gate.open()
                gate.wait_for_records(8)
                gate.close()
                both = gate.wait_for_workers(2)
                nodes.kill_raylet()
                nodes.add()
                gate.wait_for_workers(1, but=both)
                gate.open()

            events = run_disturbed(cells, store, engine, disturb)
    signal.signal(signal.SIGTERM, before)
    assert len(finished(events)) == 60
    assert [event for event in events if event.what == "lost"] == []
    reasons = [event.reason for event in events if event.what == "again"]
    assert "its worker process was killed, or crashed" in reasons
    assert "its node was lost" in reasons
    assert len(nodes_of(events)) == 3
    assert {record["timing"]["workers"] for record in store if record["timing"]} == {1}
    assert digests(store) == local_digests(cells, tmp_path / "local")
