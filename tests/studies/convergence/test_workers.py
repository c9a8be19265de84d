"""The worker processes of a study: what Ctrl-C finds whenever it comes."""

import multiprocessing
import os
import signal
from concurrent.futures import process
from typing import Any

import pytest
import torch

from sigbench.studies.convergence.chunks import run_pass
from sigbench.studies.convergence.passes import ConvergenceSettings
from sigbench.studies.convergence.plan import plan_study


def test_ctrl_c_waits_until_the_workers_have_started(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Between a pool's processes and the thread that ends them it could be left by an error of the pool's alone."""
    start = process._ExecutorManagerThread.start

    def interrupted(thread: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        start(thread)

    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever started the tests may have ignored it
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, usual))
    monkeypatch.setattr(process._ExecutorManagerThread, "start", interrupted)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    before = set(multiprocessing.active_children())
    study = plan_study(ConvergenceSettings("ou", ("euler-maruyama",), paths=6000, levels=3))
    with pytest.raises(KeyboardInterrupt):
        run_pass(study, study.plans[0])
    assert set(multiprocessing.active_children()) <= before
