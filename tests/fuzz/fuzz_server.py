"""Runs commands in children that fork from one process, which has everything loaded and has never computed.

    python fuzz_server.py        reads a job a line on stdin, {"arguments", "folder", "finish"}, and answers each

A job is killed once real work began (noise was drawn, or a bar shown: what was asked for had been understood), unless
it is to be finished, and after half a minute without a word in any case: of sleep, or of work of its own, for a machine
that is busy with other things slows it down.
"""

import io
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from becoming import become, open_streams

SILENT_S, WORKING_S, FINISHING_S = 30.0, 1.5, 60.0
_ROOM_MB = 4_096  # of memory, beyond which a child is ended


def preload() -> None:
    """Imports what commands import late, so that children have it."""
    import torch

    from sigbench.metrics.fidelity import mend_torchvision

    mend_torchvision()
    import diffusers

    import sigbench.cli.app
    import sigbench.gate.run
    import sigbench.leaderboard.page.build
    import sigbench.measure.run
    import sigbench.models.task
    import sigbench.report.charts
    import sigbench.sigdeg.distillation.students
    import sigbench.studies.ablation.study
    import sigbench.studies.convergence.study
    import sigbench.studies.gap.study
    import sigbench.studies.grids.study
    import sigbench.studies.spectrum.study
    import sigbench.sweep.run
    from sigbench.registry import adapter, adapter_names, sampler_class, sampler_names, task_class, task_names

    assert diffusers.UNet2DModel  # it is loaded when it is asked for
    for name in task_names():
        task_class(name)
    for name in sampler_names():
        sampler_class(name)
    for name in adapter_names():
        adapter(name)
    torch.set_num_threads(1)  # no pool of threads, which a fork would lose
    said, sys.stdout, sys.stderr = (sys.stdout, sys.stderr), io.StringIO(), io.StringIO()
    for arguments in (["list"], ["run", "--task", "nobody", "--sampler", "nobody"]):  # what is loaded late, too
        sys.argv = ["sigbench", *arguments]
        with suppress(SystemExit):
            sigbench.cli.app.main()
    sys.stdout, sys.stderr = said


def mark_work(pipe: int) -> None:
    """Has a byte written into the pipe when work begins: noise is drawn, or a bar shows how much of it is done."""
    from sigbench.api.progress import Bar
    from sigbench.cli.sweep_progress import SweepProgress
    from sigbench.sde.noise import NoiseStream

    for owner, name in ((NoiseStream, "normal"), (Bar, "__enter__"), (SweepProgress, "__enter__")):
        setattr(owner, name, _marked(owner, name, pipe))


def _marked(owner: type, name: str, pipe: int) -> Callable[..., object]:
    usual = getattr(owner, name)

    def marked(*arguments: object, **named: object) -> object:
        os.write(pipe, b"w")
        setattr(owner, name, usual)
        return usual(*arguments, **named)

    return marked


def child(job: dict[str, object], pipe: int) -> None:
    """Becomes the command; never returns."""
    os.setsid()
    folder = Path(str(job["folder"]))
    os.chdir(folder)
    for number, name in ((1, "out"), (2, "err")):
        handle = os.open(folder.parent / f"{folder.name}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
        os.close(handle)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    open_streams()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import torch

    torch.set_num_threads(1)
    mark_work(pipe)
    become(job["arguments"])  # type: ignore[arg-type]


def run(job: dict[str, object]) -> dict[str, object]:
    """Forks a child for a job, and returns how it ended: the code, or None where it was ended while it worked."""
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        child(job, theirs)
    os.close(theirs)
    working: float | None = None
    silent = False
    said, heard, used = 0, began, 0.0
    longest = FINISHING_S if job.get("finish") else WORKING_S
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            break
        now = time.monotonic()
        if working is None and _told(ours):
            working = now
        large = _megabytes(pid) > _ROOM_MB
        if (words := _words(job)) != said:
            said, heard, used = words, now, _worked(pid)[1]
        late = now - heard > SILENT_S if working is None else now - working > longest
        if late and working is None:
            asleep, cpu = _worked(pid)
            late = asleep or cpu - used > SILENT_S / 2 or now - heard > 4 * SILENT_S
        if large or late:
            silent = late and working is None
            os.killpg(pid, signal.SIGKILL)
            _, status, usage = os.wait4(pid, 0)
            break
        time.sleep(0.01)
    if working is None and _told(ours):
        working = time.monotonic()
    os.close(ours)
    ended = os.waitstatus_to_exitcode(status)
    killed = ended == -signal.SIGKILL
    return {
        "code": None if killed and not silent else ended,
        "silent": silent,
        "worked": working is not None,
        "seconds": time.monotonic() - began,
        "megabytes": usage.ru_maxrss / 1024,
    }


def _words(job: dict[str, object]) -> int:
    """How much a job has printed."""
    folder = Path(str(job["folder"]))
    return sum(
        file.stat().st_size for name in ("out", "err") if (file := folder.parent / f"{folder.name}.{name}").exists()
    )


def _worked(pid: int) -> tuple[bool, float]:
    """Whether a process sleeps, and the seconds of a processor that it has used."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return False, 0.0
    return state != "R", sum(map(int, rest[10:12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, IndexError):
        return 0.0


def _told(pipe: int) -> bool:
    try:
        return bool(os.read(pipe, 1))
    except BlockingIOError:
        return False


def serve() -> None:
    """Answers jobs until stdin ends."""
    os.environ["OMP_NUM_THREADS"] = "1"
    preload()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    serve()
