"""Training the Sig-DEG student of a task whose teacher is a network of images: teacher paths once, then local steps."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

from sigbench.errors import BadInput
from sigbench.networks.artifacts import load_artifact
from sigbench.networks.edm import EDMConfig
from sigbench.networks.training import TrainingPlan, train
from sigbench.registry import make_sampler
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distill import Distilled
from sigbench.sigdeg.image_distill import ImageDistillation, ImageDistillPlan, ImageStudent
from sigbench.sigdeg.image_generator import ImageGenerator, ImageGeneratorConfig
from sigbench.sigdeg.stored_paths import PathFacts, StoredPaths
from sigbench.task import Task

Report = Callable[[int, float], None]

COMPUTE = torch.bfloat16  # what the networks compute in while paths are walked and the student learns
WALKED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class ImageStudentPlan:
    """How many teacher paths, which steps of them, and the loop."""

    paths: int = 16_000
    seed: int = 0
    steps: ImageDistillPlan = field(default_factory=ImageDistillPlan)
    training: TrainingPlan = field(
        default_factory=lambda: TrainingPlan(
            iterations=9_000, learning_rate=5e-4, muon_rate=5e-3, warmup=100, averaging=0.998, checkpoint_every_s=120.0
        )
    )


def teacher_paths(task: Task, plan: ImageStudentPlan, folder: Path, report: Report) -> StoredPaths:
    """Returns the teacher's paths in `folder`, walking those that are missing; `report(done, nan)` hears of them.

    Raises BadInput where the folder holds paths of another teacher or seed.
    """
    teacher = task.teacher
    assert teacher is not None
    problem = task.problem(torch.device("cpu"), COMPUTE)
    assert isinstance(problem, ReverseDiffusion)
    facts = PathFacts(
        task.name, task.version, teacher.sampler, task.artifact_hashes()["teacher"], teacher.grid, teacher.steps,
        plan.paths, plan.seed, task.conditions().get("guidance", 0.0),
    )  # fmt: skip
    paths = StoredPaths.open(folder, facts, problem.grid(teacher.grid, teacher.steps), task.shape)
    sampler = make_sampler(teacher.sampler)
    sampler.prepare(task, problem, COMPUTE)
    paths.walk(problem, sampler, WALKED_AT_ONCE, lambda done: report(done, float("nan")))
    return paths


def distil_images(
    task: Task,
    order: int,
    plan: ImageStudentPlan,
    checkpoint: Path,
    paths_in: Path,
    report: Report = lambda done, loss: None,
) -> tuple[ImageGeneratorConfig, Distilled]:
    """Walks the teacher's paths into `paths_in` and trains a student on them, resuming both.

    `report(done, loss)` hears of paths, then of iterations. Raises BadInput for a task whose teacher is no network.
    """
    if "teacher" not in task.networks() or task.teacher is None:
        raise BadInput(f"the teacher of the task {task.name!r} is no network of images.")
    if task.teacher.grid != task.default_grid:
        raise BadInput(f"the teacher of the task {task.name!r} walks another grid than its students.")
    teacher, manifest = load_artifact(task.networks()["teacher"])
    paths = teacher_paths(task, plan, paths_in, report)
    problem = task.problem(torch.device("cpu"), torch.float32)
    assert isinstance(problem, ReverseDiffusion)
    torch.manual_seed(plan.seed)
    config = ImageGeneratorConfig(order, problem.schedule.name, EDMConfig.from_json(manifest.config))
    generator = ImageGenerator(config, problem.schedule)
    generator.start_from(teacher)
    student = ImageStudent(generator)
    distillation = ImageDistillation(paths, generator, plan.steps)
    facts = {**asdict(paths.facts), **asdict(plan.steps)}
    weights, seconds = train(
        student, lambda iteration: student.loss(distillation.minibatch(iteration), COMPUTE), plan.training,
        checkpoint=checkpoint, report=report, identity={**config.as_json(), **facts},
    )  # fmt: skip
    prefix = "generator."
    own = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    data = {**facts, "grid": task.default_grid, "steps": list(plan.steps.steps), "teacher_steps": task.teacher.steps}
    cost = {
        "training_s": paths.seconds + seconds, "paths_s": paths.seconds, "iterations": plan.training.iterations,
        "device": "cpu", "threads": torch.get_num_threads(), "network_dtype": str(COMPUTE).removeprefix("torch."),
    }  # fmt: skip
    return config, Distilled(own, data, cost)


def shortened(plan: ImageStudentPlan, iterations: int | None, seed: int, steps: tuple[int, ...]) -> ImageStudentPlan:
    """Returns the plan with another number of iterations, another seed and other step counts."""
    training = plan.training if iterations is None else replace(plan.training, iterations=iterations)
    return replace(plan, seed=seed, steps=replace(plan.steps, steps=steps, seed=seed), training=training)
