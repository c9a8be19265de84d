"""Teacher paths on disk: every fine state, once, and the signatures of any stretch drawn again from their seeds.

A costly teacher walks each path once. Any two of its fine times are then the ends of a coarse step, whose target is
the stored state and whose signature is folded from the normals of the fine steps between, which a seed gives back.
"""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import factorial, prod
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sigbench.errors import BadInput
from sigbench.files import Missing, document, read_file
from sigbench.progress import Listener, Progress, ignore
from sigbench.records.store import make_folder, replacing
from sigbench.sampler import Sampler
from sigbench.sde.brownian import FreshBrownian
from sigbench.sde.grid import Grid
from sigbench.sde.noise import NoiseStream, seed_of
from sigbench.sde.problem import ReverseDiffusion
from sigbench.sde.signature import moment_factor, whitening_factor

MOST_MOMENTS = 4  # normals that are set aside for each fine step; a signature may read fewer


def group_of(shape: tuple[int, ...]) -> int:
    """Returns how many paths of `shape` are drawn together, about 4,096 normals at a time."""
    return max(1, 4096 // prod(shape))


@dataclass(frozen=True, slots=True)
class PathFacts:
    """What determines stored paths: the teacher, its grid, how many paths, and the seed of their noise."""

    task: str
    task_version: int
    teacher: str
    network: str
    grid: str
    steps: int
    paths: int
    seed: int
    guidance: float = 0.0


class StoredPaths:
    """The fine states (paths, steps + 1, *shape) of a teacher, float16 in a memory map, with the paths' labels.

    `done` paths are there, and `seconds` were spent on them. The signatures of `group` paths are drawn together.
    """

    def __init__(self, folder: Path, facts: PathFacts, grid: Grid, shape: tuple[int, ...]) -> None:
        self.folder, self.facts, self.grid, self.shape = folder, facts, grid, shape
        size = (facts.paths, facts.steps + 1, *shape)
        with document(f"the folder of paths {folder}"):
            self.done, self.seconds = int(_number(folder / "done")), _number(folder / "seconds")
            if not 0 <= self.done <= facts.paths:
                raise ValueError(f"{self.done} of {facts.paths} paths cannot be done")
        mode = "r+" if (folder / "states.npy").exists() else "w+"
        if mode == "w+":
            _check_room(folder, prod(size) * np.dtype(np.float16).itemsize)
        with document(f"the folder of paths {folder}"):
            self.states = np.lib.format.open_memmap(folder / "states.npy", mode=mode, dtype=np.float16, shape=size)
            labels = folder / "labels.npy"
            self.labels: NDArray[np.int64] = np.load(labels) if labels.exists() else np.zeros(facts.paths, np.int64)
            if self.states.shape != size or self.labels.shape != (facts.paths,):
                raise ValueError("it holds arrays of other shapes")
        self._noise = NoiseStream(seed_of(seed=facts.seed, purpose="path"), shape)
        self.group = group_of(shape)
        self._folding = lru_cache(maxsize=4096)(self._compute_folding)

    @staticmethod
    def open(folder: Path, facts: PathFacts, grid: Grid, shape: tuple[int, ...]) -> "StoredPaths":
        """Opens paths of these facts, or makes room for them.

        Raises BadInput where the folder holds others, or the disk has no room for them.
        """
        make_folder(folder, "the folder of the teacher's paths")
        file = folder / "facts.json"
        try:
            with document(f"the paths' facts {file}"):
                known = json.loads(read_file(file, "the paths' facts"))
        except Missing:
            known = asdict(facts)
            with replacing(file) as temporary:
                temporary.write_text(json.dumps(known, indent=2) + "\n")
        if known != asdict(facts):
            raise BadInput(f"the folder {folder} holds paths of another teacher or seed: choose another one.")
        return StoredPaths(folder, facts, grid, shape)

    def walk(self, problem: ReverseDiffusion, teacher: Sampler, batch: int, report: Listener = ignore) -> None:
        """Walks the paths that are missing, `batch` at a time; what is done stays done when it is interrupted."""
        noise, start = (
            NoiseStream(seed_of(seed=self.facts.seed, purpose=purpose), self.shape, device=problem.device)
            for purpose in ("path", "initial")
        )
        choice = NoiseStream(seed_of(seed=self.facts.seed, purpose="class"), (1,))
        while self.done < self.facts.paths:
            began = perf_counter()
            first, count = self.done, min(batch, self.facts.paths - self.done)
            labels = problem.labels_from(choice.normal(first, count, 0).flatten())
            of_batch = problem.labelled(labels)
            if labels is not None:
                self.labels[first : first + count] = labels.cpu().numpy()
            x = problem.initial(start.normal(first, count, 0))
            driver = FreshBrownian(noise, first, count, MOST_MOMENTS)
            self.states[first : first + count, 0] = x.cpu().half().numpy()
            with torch.no_grad():
                for index, state in enumerate(teacher.walk(of_batch, x, self.grid, driver), start=1):
                    self.states[first : first + count, index] = state.cpu().half().numpy()
            self.states.flush()
            np.save(self.folder / "labels.npy", self.labels)
            self.done, self.seconds = first + count, self.seconds + perf_counter() - began
            for name, value in (("seconds", self.seconds), ("done", self.done)):
                temporary = self.folder / f".{name}.writing"
                temporary.write_text(str(value))
                os.replace(temporary, self.folder / name)
            report(Progress("teacher paths", self.done, self.facts.paths))

    def _compute_folding(self, first: int, last: int, order: int) -> Tensor:
        """The matrix (order, (last − first)·order) from the normals of fine steps to the stretch's whitened moments."""
        steps = list(self.grid)[first:last]
        total = steps[-1].end - steps[0].start
        factor = moment_factor(order)
        columns = []
        for step in steps:
            ahead = steps[-1].end - step.end
            shift = np.array(
                [[ahead ** (k - j) / factorial(k - j) if j <= k else 0.0 for j in range(order)] for k in range(order)]
            )
            columns.append(shift @ (factor * (step.h ** (np.arange(order) + 0.5))[:, None]))
        whiten = whitening_factor(order) * total ** -(np.arange(order) + 0.5)
        return torch.from_numpy(whiten @ np.concatenate(columns, axis=1)).float()

    def whitened(self, group: int, first: int, last: int, order: int) -> Tensor:
        """Returns the whitened moments of a group's paths over a stretch, shape (group, order, *shape)."""
        drawn = [
            self._noise.normal(group * self.group, self.group, step * MOST_MOMENTS + k).flatten()
            for step in range(first, last)
            for k in range(order)
        ]
        moments = self._folding(first, last, order) @ torch.stack(drawn)
        return moments.view(order, self.group, *self.shape).transpose(0, 1)


def _number(file: Path) -> float:
    """The number that a file holds, 0 where there is none."""
    try:
        return float(read_file(file, "the number"))
    except Missing:
        return 0.0


def _check_room(folder: Path, needed: int) -> None:
    """A memory map is given its room only as it is filled: a full disk would end the walk without a word."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BadInput(
            f"the teacher's paths take {needed / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB free: choose "
            "another folder by --keep-paths."
        )
