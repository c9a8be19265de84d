"""`sigbench train`: train a task's student, or its teacher or classifier, again from nothing."""

import shlex
import sys
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sigbench.cli.parsing import split_ints

if TYPE_CHECKING:
    from rich.progress import Progress


def train(
    task: Annotated[str, typer.Option(help="The task; see `sigbench list tasks`.")],
    what: Annotated[
        str, typer.Option(help="The student, or a network of the task's own, such as teacher or classifier.")
    ] = "student",
    out: Annotated[Path | None, typer.Option(help="Folder for weights and manifest (default: ./TASK-WHAT).")] = None,
    order: Annotated[
        int | None,
        typer.Option(help="Signature order that the student reads (default: 4, or 2 where the teacher is a network)."),
    ] = None,
    grid: Annotated[str | None, typer.Option(help="Time grid of the student (default: the task's).")] = None,
    steps: Annotated[str, typer.Option(help="Step counts to serve: FIRST-LAST or a list.")] = "2-20",
    loss: Annotated[str, typer.Option(help="local, global or both.")] = "local",
    iterations: Annotated[int | None, typer.Option(help="Training iterations (default: the plan's).")] = None,
    guidance: Annotated[
        float, typer.Option(help="Guidance of the teacher, which the student then gives by one call a step.")
    ] = 0.0,
    width: Annotated[
        int | None,
        typer.Option(help="Width of the student's layers (default: 128); not where it has its teacher's network."),
    ] = None,
    depth: Annotated[int | None, typer.Option(help="Number of its hidden layers (default: 3); likewise.")] = None,
    base: Annotated[
        str, typer.Option(help="What the student adds to: exponential (the exact linear step) or identity (the state).")
    ] = "exponential",
    memory: Annotated[int, typer.Option(help="Number of earlier states that the student reads; 0 to 4.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of weights, paths and minibatches.")] = 0,
    paths: Annotated[
        Path | None,
        typer.Option(help="Folder where a network's teacher paths are kept, for further students (default: not kept)."),
    ] = None,
    teacher_paths: Annotated[
        int | None, typer.Option(help="How many paths of a network's teacher are walked (default: the plan's).")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an artifact in --out.")] = False,
) -> None:
    """Train a network from nothing, with a progress bar; a checkpoint lets an interrupted training go on.

    A task's own networks are trained by the task's recipe, of which only --iterations can be changed.

    The result is an artifact: weights and a manifest that names the command, the commit, the data and the
    cost. Use it with `sigbench run --sampler sigdeg:artifact=FOLDER`.

    \b
    sigbench train --task gmm
    sigbench train --task gmm --order 2 --grid uniform --out order2
    sigbench train --task mnist --what classifier
    """
    from sigbench.errors import BadInput
    from sigbench.sigdeg.distillation.training import StudentChoices, train_network, train_student

    folder = out or Path(f"{task}-{what}")
    if (folder / "manifest.json").exists() and not overwrite:
        raise BadInput(f"there is an artifact in {folder} already: choose another --out, or --overwrite.")
    choices = StudentChoices(
        order=order,
        grid=grid,
        steps=_step_range(steps),
        loss=loss,
        iterations=iterations,
        width=width,
        depth=depth,
        base=base,
        memory=memory,
        seed=seed,
        guidance=guidance,
        teacher_paths=teacher_paths,
    )
    command = shlex.join(["sigbench", *_without_folder(sys.argv[1:])])
    bar = _Bar() if sys.stderr.isatty() else None
    try:
        if what == "student":
            manifest = train_student(task, choices, folder, command=command, report=bar or _quiet, paths=paths)
        else:
            manifest = train_network(task, what, folder, command=command, iterations=iterations, report=bar or _quiet)
    except KeyboardInterrupt:
        print(
            f"sigbench: interrupted: the checkpoint is in {folder}; the same command goes on from it.",
            file=sys.stderr,
        )
        raise typer.Exit(3) from None
    finally:
        if bar is not None:
            bar.close()
    print(f"{folder}: trained in {manifest.cost['training_s']:.0f} s, SHA-256 {manifest.sha256[:16]}…")


def _without_folder(arguments: list[str]) -> list[str]:
    """The arguments that matter to the result: where it is written does not."""
    kept, skip = [], False
    for argument in arguments:
        name = argument.partition("=")[0]
        if not skip and name not in ("--out", "--paths", "--overwrite"):
            kept.append(argument)
        skip = argument in ("--out", "--paths")
    return kept


def _step_range(text: str) -> tuple[int, ...]:
    from sigbench.sde.grid import check_steps

    first, dash, last = text.partition("-")
    if dash and first.strip():
        ends = split_ints(f"{first},{last}", "--steps")
        if len(ends) == 2:
            for end in ends:
                check_steps(end)
            return tuple(range(ends[0], ends[1] + 1))
    return tuple(split_ints(text, "--steps"))


def _quiet(iteration: int, total: int, loss: float) -> None:
    pass


class _Bar:
    """A progress bar with the running mean of the loss, on stderr; a loss that is no number means teacher paths."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._mean: float | None = None
        self._bar: Any = None

    def __call__(self, iteration: int, total: int, loss: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if self._progress is None:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("loss {task.fields[loss]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                redirect_stdout=False,
            )
            self._bar = self._progress.add_task("training", total=total, loss="–")
            self._progress.start()
        walking = isnan(loss)
        if not walking:
            self._mean = loss if self._mean is None else 0.98 * self._mean + 0.02 * loss
        if walking or iteration % 10 == 0 or iteration == total:
            self._progress.update(
                self._bar,
                description="teacher paths" if walking else "training",
                completed=iteration,
                total=total,
                loss="–" if self._mean is None else f"{self._mean:.2e}",
            )

    def close(self) -> None:
        """Takes the bar down."""
        if self._progress is not None:
            self._progress.stop()
