"""Training the Sig-DEG student of a task whose teacher is a network: teacher paths once, then the student on them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from sigbench.abilities import conditions_of, network_hashes, networks_of, teacher_of
from sigbench.errors import BadInput
from sigbench.networks import edm
from sigbench.networks.artifacts import Manifest, load_artifact, read_manifest
from sigbench.networks.training import TrainingPlan, train
from sigbench.progress import Listener, Progress, ignore
from sigbench.registry import make_sampler
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sigdeg.distillation.fresh import Distilled
from sigbench.sigdeg.distillation.stored import StepStudent, StoredDistillation, StoredDistillPlan, fine_ends
from sigbench.sigdeg.distillation.stored_paths import PathFacts, StoredPaths
from sigbench.sigdeg.generators.images import ImageGenerator, ImageGeneratorConfig
from sigbench.sigdeg.generators.paths import PathGenerator, PathGeneratorConfig
from sigbench.sigdeg.sampler import build_generator
from sigbench.task import Task


@dataclass(frozen=True, slots=True)
class NetworkStudentPlan:
    """How many teacher paths, which steps of them, and the loop.

    Networks compute in `compute` while paths are walked, `at_once` of them, and while the student learns.
    """

    paths: int = 16_000
    seed: int = 0
    paths_seed: int = 0
    compute: torch.dtype = torch.bfloat16
    at_once: int = 100
    steps: StoredDistillPlan = field(default_factory=StoredDistillPlan)
    training: TrainingPlan = field(
        default_factory=lambda: TrainingPlan(
            iterations=9_000, learning_rate=5e-4, muon_rate=5e-3, warmup=100, averaging=0.998, checkpoint_every_s=120.0
        )
    )


IMAGES = NetworkStudentPlan()
VECTORS = NetworkStudentPlan(
    paths=32_768,
    at_once=1_024,
    steps=StoredDistillPlan(groups=16),
    training=TrainingPlan(
        iterations=8_000, learning_rate=1e-3, muon_rate=1e-2, warmup=200, averaging=0.999, checkpoint_every_s=60.0
    ),
)


def plan_for(task: Task) -> NetworkStudentPlan:
    """Returns the plan for students of the task's teacher; raises BadInput where that is no network."""
    return IMAGES if _teacher_manifest(task).kind == edm.KIND else VECTORS


def _teacher_manifest(task: Task) -> Manifest:
    if "teacher" not in networks_of(task) or teacher_of(task) is None:
        raise BadInput(f"the teacher of the task {task.name!r} is no network.")
    return read_manifest(networks_of(task)["teacher"])


def teacher_paths(task: Task, plan: NetworkStudentPlan, folder: Path, report: Listener) -> StoredPaths:
    """Returns the teacher's paths in `folder`, walking those that are missing; `report` hears of them.

    Raises BadInput where the folder holds paths of another teacher or seed.
    """
    teacher = teacher_of(task)
    assert teacher is not None
    problem = task.problem(torch.device("cpu"), plan.compute)
    assert isinstance(problem, ReverseDiffusion)
    facts = PathFacts(
        task.name,
        task.version,
        teacher.scheme,
        network_hashes(task)["teacher"],
        teacher.grid,
        teacher.steps,
        plan.paths,
        plan.paths_seed,
        conditions_of(task).get("guidance", 0.0),
    )
    paths = StoredPaths.open(folder, facts, problem.grid(teacher.grid, teacher.steps), task.shape)
    sampler = make_sampler(teacher.scheme)
    sampler.prepare(task, problem, plan.compute)
    paths.walk(problem, sampler, plan.at_once, lambda done: report(Progress("teacher paths", done, plan.paths)))
    return paths


def distil_network(
    task: Task,
    parts: Mapping[str, Any],
    plan: NetworkStudentPlan,
    checkpoint: Path,
    paths_in: Path,
    report: Listener = ignore,
) -> tuple[ImageGeneratorConfig | PathGeneratorConfig, Distilled]:
    """Walks the teacher's paths into `paths_in` and trains a student on them, resuming both.

    `parts` are what the generator is made of: "order", and where it is not as usual "base" and "memory".
    `report` hears of paths, then of iterations. Raises BadInput for a task whose teacher is no network and
    for grids that its steps are too coarse for.
    """
    manifest = _teacher_manifest(task)
    slow = teacher_of(task)
    assert slow is not None
    teacher, _ = load_artifact(networks_of(task)["teacher"])
    paths = teacher_paths(task, plan, paths_in, report)
    problem = task.problem(torch.device("cpu"), torch.float32)
    assert isinstance(problem, ReverseDiffusion)
    torch.manual_seed(plan.seed)
    kind = ImageGeneratorConfig if "unet" in manifest.config else PathGeneratorConfig
    config = kind.from_json({**parts, "schedule": problem.schedule.name, "denoiser": manifest.config})
    generator = build_generator(config.as_json(), problem.schedule)
    assert isinstance(generator, ImageGenerator | PathGenerator)
    generator.start_from(teacher)
    student = StepStudent(generator)
    grids = [problem.grid(plan.steps.grid, steps) for steps in plan.steps.steps]
    distillation = StoredDistillation(paths, generator, plan.steps, grids)
    facts = {**asdict(paths.facts), "teacher_grid": paths.facts.grid, **asdict(plan.steps)}
    weights, seconds = train(
        student,
        lambda iteration: student.loss(distillation.minibatch(iteration), plan.compute),
        plan.training,
        checkpoint=checkpoint,
        report=report,
        identity={**config.as_json(), **facts},
    )
    prefix = "generator."
    own = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    data = {**facts, "steps": list(plan.steps.steps), "teacher_steps": slow.steps}
    cost = {
        "training_s": paths.seconds + seconds,
        "paths_s": paths.seconds,
        "iterations": plan.training.iterations,
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "network_dtype": str(plan.compute).removeprefix("torch."),
    }
    return config, Distilled(own, data, cost)


def check_grids(task: Task, grid: str, steps: Iterable[int]) -> None:
    """Raises BadInput where the teacher's own steps are too coarse for a student on the grid."""
    teacher = teacher_of(task)
    assert teacher is not None
    problem = task.problem(torch.device("cpu"), torch.float32)
    fine = problem.grid(teacher.grid, teacher.steps)
    for count in steps:
        fine_ends(fine, problem.grid(grid, count))
