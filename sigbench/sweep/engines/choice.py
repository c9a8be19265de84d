"""Which engine a command is asked for: NAME, or NAME:ADDRESS or NAME:option=value,… of it."""

import importlib.util
from dataclasses import dataclass

from sigbench.errors import BadInput, unknown_name
from sigbench.sweep.engines.engine import Engine

ENGINES = {"local": "", "ray": "ray", "dask": "distributed", "slurm": "submitit"}  # each with the package that it needs


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine by its name, and what follows the colon."""

    name: str
    rest: str

    @property
    def is_elsewhere(self) -> bool:
        """Whether cells run on other machines than this one, perhaps."""
        return self.name != "local"

    def open(self, workers: int | None, threads: int | None) -> Engine:
        """Returns the engine, its workers reached; raises BadInput where they are not."""
        if self.name == "ray":
            from sigbench.sweep.engines.ray import RayEngine

            return RayEngine(self.rest, workers, threads)
        if self.name == "dask":
            from sigbench.sweep.engines.dask import DaskEngine

            return DaskEngine(self.rest, workers, threads)
        if self.name == "slurm":
            from sigbench.sweep.engines.slurm import SlurmEngine, read_options

            return SlurmEngine(read_options(self.rest), workers, threads)
        from sigbench.sweep.engines.local import LocalEngine

        return LocalEngine(workers, threads)


def read_engine(text: str) -> Choice:
    """Returns the engine that a text names; raises BadInput for one that there is not, or that is not installed."""
    name, _, rest = text.partition(":")
    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    if name == "local" and rest:
        raise BadInput(f"the engine local takes nothing behind a colon, got {rest!r}.")
    if (package := ENGINES[name]) and importlib.util.find_spec(package) is None:
        raise BadInput(f"the engine {name} is not installed: pip install 'sigbench[{name}]'.")
    return Choice(name, rest)
