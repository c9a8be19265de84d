"""A file that makes a task of a rough Bergomi model, as people write it:

    name = "rough-low-vol"               # what tables and records call it; `version` counts its changes, 1 left out
    steps = [5, 10]                      # and grid, batch: defaults of its runs

    [rbergomi]
    hurst = 0.12                         # H in (0, ½)
    eta = 1.6                            # volatility of volatility, above 0
    rho = -0.7                           # correlation, −1 to 1
    xi = 0.04                            # forward variance a year, or { times = [...], values = [...] }, piecewise
    horizon = 1.0                        # years
    points = 64                          # observed times, equally far apart; or times = [...] in years
    fine_steps = 1024                    # of the simulator up to the horizon; about 1,024 where it is left out

    [model]
    network = "rough-low-vol-teacher"    # of `sigbench train --what teacher`; left out, FILE-teacher beside the file

    [judge]
    samples = 10_000

    [payoffs]                            # each a table or a list of tables; without any there are some of each kind
    european = { strikes = [0.9, 1.0, 1.1], maturities = [0.5, 1.0] }  # option, unit
    asian = { option = "call", strikes = [1.0], maturities = [1.0] }
    barrier = { side = "down-and-out", barrier = 0.8, option = "call", strikes = [1.0], maturities = [1.0] }
    vix = { times = [0.5], window = 0.0833 }  # option, strikes

    [teacher]                            # the slow sampler; these are the defaults
    scheme = "euler-maruyama"
    steps = 300
    grid = "quadratic"

Paths are seen from the file's folder.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec

from sigbench.errors import BadInput
from sigbench.models.file import Count, Name, Steps, TeacherTable, read_as
from sigbench_tasks.rbergomi.model import ForwardVariance, RoughBergomi
from sigbench_tasks.rbergomi.own.times import observed_places
from sigbench_tasks.rbergomi.specification import Specification

_POINTS, _FINE_STEPS, _MOST_STEPS = 64, 1024, 4096


class CurveTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A piecewise constant forward variance: the ends of its pieces in years, and their values."""

    times: tuple[float, ...]
    values: tuple[float, ...]


class ModelTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The parameters, the horizon, and the times at which paths are seen."""

    hurst: float
    eta: float
    rho: float
    xi: float | CurveTable
    horizon: float = 1.0
    points: Annotated[int, msgspec.Meta(ge=2, le=1024)] | None = None
    times: Annotated[tuple[float, ...], msgspec.Meta(min_length=2, max_length=1024)] | None = None
    fine_steps: Annotated[int, msgspec.Meta(ge=2, le=_MOST_STEPS)] | None = None


class NetworkTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Where the trained denoiser is."""

    network: str | None = None


class JudgeTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """How many samples judge."""

    samples: Count = 10_000


class RoughBergomiFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The whole file, every value of its kind; payoffs are read by `payoffs_of`."""

    name: Name
    rbergomi: ModelTable
    model: NetworkTable = NetworkTable()
    judge: JudgeTable = JudgeTable()
    teacher: TeacherTable = TeacherTable(scheme="euler-maruyama", grid="quadratic")
    payoffs: dict[str, Any] | None = None
    version: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    title: str = ""
    steps: Annotated[tuple[Steps, ...], msgspec.Meta(min_length=1)] = (5, 10)
    grid: str = "quadratic"
    batch: Count = 1_024


def read_rough_bergomi_file(path: Path) -> RoughBergomiFile:
    """Returns what a file says; raises BadInput, naming the key, for what is not as it should be."""
    return read_as(path, RoughBergomiFile)


def specification_of(table: ModelTable) -> Specification:
    """Returns the model, the simulator's grid and the observed times; raises BadInput, naming the key.

    H = ½ is refused here, as every H beyond: there Y is W itself, and nothing about the model is rough. So is η = 0,
    where log V is no random variable that could be standardised.
    """
    if not 0 < table.hurst < 0.5:
        raise BadInput(f"rbergomi.hurst: H of a rough model lies in (0, ½), not {table.hurst:g}.")
    if not 0 < table.eta < float("inf"):
        raise BadInput(f"rbergomi.eta: the volatility of volatility lies in (0, ∞), not {table.eta:g}.")
    if not -1 <= table.rho <= 1:
        raise BadInput(f"rbergomi.rho: a correlation lies in [-1, 1], not {table.rho:g}.")
    if not 0 < table.horizon < float("inf"):
        raise BadInput(f"rbergomi.horizon: years in (0, ∞), not {table.horizon:g}.")
    try:
        xi = table.xi
        model = RoughBergomi(
            table.hurst,
            table.eta,
            table.rho,
            ForwardVariance(xi.times, xi.values) if isinstance(xi, CurveTable) else xi,
        )
    except BadInput as error:
        raise BadInput(f"rbergomi.xi: {error}") from None
    if isinstance(xi, CurveTable) and xi.times[-1] > table.horizon * (1 + 1e-9):
        raise BadInput(f"rbergomi.xi: the time {xi.times[-1]:g} lies beyond the horizon of {table.horizon:g} years.")
    if table.times is None:
        return _equal(model, table)
    if table.points is not None:
        raise BadInput("rbergomi: name either points or times, not both.")
    steps, places = observed_places(table.times, table.horizon, table.fine_steps, (_FINE_STEPS, _MOST_STEPS))
    return Specification(model, table.horizon, steps, places)


def _equal(model: RoughBergomi, table: ModelTable) -> Specification:
    points = _POINTS if table.points is None else table.points
    fine, left = (-(-_FINE_STEPS // points), 0) if table.fine_steps is None else divmod(table.fine_steps, points)
    if left or not fine:
        raise BadInput(f"rbergomi.fine_steps: {table.fine_steps} is no multiple of the {points} points.")
    return Specification.equal(model, table.horizon, points, fine)
