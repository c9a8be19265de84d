"""The training loop: Muon and Adam, warm-up and cosine decay, averaged weights, checkpoints and resuming.

What to minimise is the caller's; this file knows nothing of diffusion. Muon (Jordan et al. 2024) takes the
weights of hidden layers that are matrices, convolutions flattened among them, Adam everything else.
"""

import io
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from sigbench.errors import BadInput
from sigbench.files import document, read_file
from sigbench.guard import told
from sigbench.networks.muon import Muon
from sigbench.progress import Listener, Progress, ignore
from sigbench.records.store import make_folder, replacing

_MOST_BYTES = 32 << 30
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long and how fast: iterations, peak learning rates, warm-up, gradient clipping and averaging.

    The learning rates of Adam and of Muon rise linearly over `warmup` iterations and fall by a cosine to a
    thousandth of their peaks; without a rate of Muon (0) Adam takes all weights. The average forgets at `averaging`,
    faster at the beginning.
    """

    iterations: int
    learning_rate: float = 3e-3
    muon_rate: float = 9e-3
    warmup: int = 200
    clip: float = 1.0
    averaging: float = 0.999
    checkpoint_every_s: float = 60.0

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise BadInput(f"--iterations must be at least 1, got {self.iterations}.")

    def decay_at(self, iteration: int) -> float:
        """Returns the factor of the peak learning rates at an iteration."""
        decay = 0.5 * (1 + math.cos(math.pi * iteration / self.iterations))
        return min(1.0, (iteration + 1) / self.warmup) * max(decay, 1e-3)


@runtime_checkable
class NamesItsMatrices(Protocol):
    """A module that says which of its parameters are weights of hidden layers in the form of matrices (out, in)."""

    def matrices(self) -> Iterable[nn.Parameter]:
        """Returns these parameters."""
        ...


@runtime_checkable
class Stateful(Protocol):
    """What learns beside a module, and has to go on with it after an interruption."""

    def state_dict(self) -> dict[str, Any]:
        """Returns what was learned."""
        ...

    def load_state_dict(self, state: dict[str, Any], /) -> object:
        """Takes what `state_dict` gave."""
        ...


def make_optimizers(module: nn.Module, plan: TrainingPlan) -> list[torch.optim.Optimizer]:
    """Returns Muon for the module's matrices where there are any and the plan has a rate for it, Adam for the rest.

    The matrices are what the module's own `matrices()` names, else its square ones.
    """
    if not plan.muon_rate:
        matrices = []
    elif isinstance(module, NamesItsMatrices):
        matrices = list(module.matrices())
    else:
        matrices = [p for p in module.parameters() if p.ndim == 2 and p.shape[0] == p.shape[1]]
    theirs = {id(p) for p in matrices}
    rest = [p for p in module.parameters() if id(p) not in theirs]
    optimizers: list[torch.optim.Optimizer] = [torch.optim.Adam(rest, lr=plan.learning_rate)] if rest else []
    if matrices:
        optimizers.append(Muon(matrices, lr=plan.muon_rate, weight_decay=0.0))
    return optimizers


def set_rates(optimizers: list[torch.optim.Optimizer], plan: TrainingPlan, iteration: int) -> None:
    """Sets the learning rates of an iteration."""
    decay = plan.decay_at(iteration)
    for optimizer in optimizers:
        peak = plan.muon_rate if isinstance(optimizer, Muon) else plan.learning_rate
        for group in optimizer.param_groups:
            group["lr"] = peak * decay


def train(
    module: nn.Module,
    loss_at: Callable[[int], Tensor],
    plan: TrainingPlan,
    *,
    identity: dict[str, Any],
    checkpoint: Path | None = None,
    report: Listener = ignore,
    beside: Stateful | None = None,
) -> tuple[dict[str, Tensor], float]:
    """Minimises `loss_at(iteration)` over the module's parameters; returns (averaged weights, seconds).

    With a `checkpoint` file the loop saves its state there every `checkpoint_every_s` seconds and on
    Ctrl-C, and goes on from it when it exists; seconds include those of earlier sessions. `beside` is what
    `loss_at` has learned besides, and the checkpoint holds it too. Raises BadInput where the checkpoint belongs to
    another plan or `identity`, or cannot be read or written.
    """
    optimizers = make_optimizers(module, plan)
    average = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    run_identity = {**identity, **asdict(plan)}
    first, spent = 0, 0.0
    if checkpoint is not None and checkpoint.exists():
        with document(f"the checkpoint {checkpoint}"):
            state = _read(checkpoint, run_identity)
            module.load_state_dict(state["module"])
            for optimizer, saved_state in zip(optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved_state)
            if beside is not None:
                beside.load_state_dict(state["beside"])
            average = {name: torch.empty_like(tensor).copy_(state["average"][name]) for name, tensor in average.items()}
            first, spent = int(state["iteration"]), float(state["seconds"])

    started = saved = time.monotonic()
    iteration = first

    def save() -> None:
        if checkpoint is not None:
            state = {
                "identity": run_identity,
                "iteration": iteration,
                "module": module.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in optimizers],
                "average": average,
                "beside": {} if beside is None else beside.state_dict(),
                "seconds": spent + time.monotonic() - started,
            }
            whole = io.BytesIO()  # torch's own writing says of a full disk that its position is unexpected
            torch.save(state, whole)
            make_folder(checkpoint.parent, "the folder of the checkpoint")
            with replacing(checkpoint) as temporary:
                temporary.write_bytes(whole.getbuffer())

    try:
        with _whole_iterations() as interrupted:
            while iteration < plan.iterations:
                set_rates(optimizers, plan, iteration)
                loss = loss_at(iteration)
                module.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(module.parameters(), plan.clip)
                for optimizer in optimizers:
                    optimizer.step()
                iteration += 1
                forget = min(plan.averaging, iteration / (iteration + 10))
                for name, tensor in module.state_dict().items():
                    average[name].lerp_(tensor.detach(), 1 - forget)
                report(Progress("training", iteration, plan.iterations, float(loss.detach())))
                if time.monotonic() - saved > plan.checkpoint_every_s:
                    save()
                    saved = time.monotonic()
                if interrupted():
                    raise KeyboardInterrupt
    except KeyboardInterrupt:
        save()
        raise
    save()  # the caller removes the checkpoint when it has the result in safety
    return average, spent + time.monotonic() - started


@contextmanager
def _whole_iterations() -> Iterator[Callable[[], bool]]:
    """Holds Ctrl-C and SIGTERM back, so that it cuts no update in half; yields the question whether it was pressed."""
    pressed = False

    def note(number: int, frame: object) -> None:
        nonlocal pressed
        pressed = True

    ours = [number for number in _SIGNALS if signal.getsignal(number) not in (None, signal.SIG_IGN, signal.SIG_DFL)]
    if not ours or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, note) for number in ours}
    try:
        yield lambda: pressed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _read(checkpoint: Path, identity: dict[str, Any]) -> dict[str, Any]:
    data = read_file(checkpoint, "the checkpoint", _MOST_BYTES)
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        found: dict[str, Any] = dict(state["identity"])
    except Exception as error:
        raise BadInput(f"the checkpoint {checkpoint} cannot be read: {told(error)}.") from error
    if found != identity:
        changed = sorted(k for k in identity.keys() | found.keys() if found.get(k) != identity.get(k))
        raise BadInput(
            f"the checkpoint {checkpoint} belongs to another training ({', '.join(changed)} differ): "
            "remove it or choose another --out."
        )
    return state
