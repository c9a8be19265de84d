"""`sigbench train`: train a task's student, or its teacher or classifier, again from nothing."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from sigbench.api.progress import Bar
from sigbench.cli.names import check_names, check_student, complete_grid, complete_student
from sigbench.cli.options import MACHINE, RESULTS, Task
from sigbench.cli.parsing import split_ints
from sigbench.cli.printing import say
from sigbench.report.numbers import long_duration

TRAINED, NETWORK, TRAINING = "What is trained", "The student's network", "Training"


def train(
    task: Task,
    what: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            rich_help_panel=TRAINED,
            help="The student, or a network of the task's own, such as teacher or classifier.",
        ),
    ] = "student",
    student: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            autocompletion=complete_student,
            rich_help_panel=TRAINED,
            help="Which student: sigdeg, or a rival of the same teacher: sfd, progressive, consistency, "
            "learned-solver, sigdeg-order1.",
        ),
    ] = "sigdeg",
    steps: Annotated[
        str,
        typer.Option(metavar="COUNTS", rich_help_panel=TRAINED, help="Step counts to serve: FIRST-LAST or a list."),
    ] = "2-20",
    grid: Annotated[
        str | None,
        typer.Option(
            metavar="GRID",
            autocompletion=complete_grid,
            rich_help_panel=TRAINED,
            help="Time grid of the student (default: the task's).",
        ),
    ] = None,
    guidance: Annotated[
        float,
        typer.Option(
            metavar="W",
            rich_help_panel=TRAINED,
            help="Guidance of the teacher, which the student then gives by one call a step.",
        ),
    ] = 0.0,
    order: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=NETWORK,
            help="Signature order that the student reads (default: 4, or 2 where the teacher is a network).",
        ),
    ] = None,
    base: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            rich_help_panel=NETWORK,
            help="What the student adds to: exponential (the exact linear step) or identity (the state).",
        ),
    ] = "exponential",
    memory: Annotated[
        int,
        typer.Option(
            metavar="N", rich_help_panel=NETWORK, help="Number of earlier states that the student reads; 0 to 4."
        ),
    ] = 0,
    width: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=NETWORK,
            help="Width of the student's layers (default: 128); not where it has its teacher's network.",
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(metavar="N", rich_help_panel=NETWORK, help="Number of its hidden layers (default: 3); likewise."),
    ] = None,
    loss: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            rich_help_panel=TRAINING,
            help="local, global or both: states on the teacher's paths. law: the law of noised data; score: also "
            "the gap to the teacher's score.",
        ),
    ] = "local",
    start: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=TRAINING,
            help="A trained student's folder to go on from, for the losses law and score.",
        ),
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option(metavar="N", rich_help_panel=TRAINING, help="Training iterations (default: the plan's)."),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(metavar="SEED", rich_help_panel=TRAINING, help="Seed of weights, paths and minibatches."),
    ] = 0,
    teacher_paths: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=TRAINING,
            help="How many paths of a network's teacher are walked (default: the plan's).",
        ),
    ] = None,
    keep_paths: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=TRAINING,
            help="Folder where a network's teacher paths are kept, for further students (default: not kept).",
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(metavar="DEVICE", rich_help_panel=MACHINE, help="cpu or cuda: where a student is trained."),
    ] = "cpu",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", rich_help_panel=RESULTS, help="Folder for weights and manifest (default: ./TASK-WHAT)."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", rich_help_panel=RESULTS, help="Replace an artifact in --out.")
    ] = False,
) -> None:
    """Train a network from nothing, with a progress bar; a checkpoint lets an interrupted training go on.

    A task's own networks are trained by the task's recipe, of which only --iterations can be changed.

    The result is an artifact: weights and a manifest that names the command, the commit, the data and the
    cost. Use it with `sigbench run --sampler sigdeg:artifact=FOLDER`, or the rival's name in the place of sigdeg.

    \b
    sigbench train --task gmm
    sigbench train --task gmm --order 2 --grid uniform --out order2
    sigbench train --task gmm --student consistency --steps 1-20
    sigbench train --task mnist --what classifier
    sigbench train --task mnist --loss score --steps 1-20 --start mnist-student --device cuda --out mnist-score
    """
    check_names(task, grid=grid)
    check_student(student)

    from sigbench.errors import BadInput
    from sigbench.networks.recipe import train_artifact
    from sigbench.registry import make_task
    from sigbench.rivals.recipes import recipe_for
    from sigbench.sigdeg.distillation.kinds import StudentChoices

    if what != "student" and student != "sigdeg":
        raise BadInput(f"--student {student} is for --what student, not for --what {what}.")
    named = what if student == "sigdeg" else student
    folder = out or Path(f"{task.removesuffix('.toml')}-{named}")
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
        start=start,
        device=device,
    )
    command = shlex.join(["sigbench", *_without_folder(sys.argv[1:])])
    of = make_task(task)
    recipe = recipe_for(of, what, choices, keep_paths, student)
    try:
        with Bar("training", "done") as bar:
            manifest = train_artifact(of, recipe, folder, command=command, report=bar.show)
    except KeyboardInterrupt:
        say(f"interrupted: the checkpoint is in {folder}; the same command goes on from it.")
        raise typer.Exit(3) from None
    print(f"{folder}: trained in {long_duration(manifest.cost['training_s'])}, SHA-256 {manifest.sha256[:16]}…")


def _without_folder(arguments: list[str]) -> list[str]:
    """The arguments that matter to the result: where it is written does not."""
    kept, skip = [], False
    for argument in arguments:
        name = argument.partition("=")[0]
        if not skip and name not in ("--out", "--keep-paths", "--overwrite"):
            kept.append(argument)
        skip = argument in ("--out", "--keep-paths")
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
