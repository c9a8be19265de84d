"""Payoffs as a file names them: tables of strikes and times, by kind."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec

from sigbench.errors import BadInput, unknown_name
from sigbench.models.file import in_words
from sigbench_tasks.rbergomi.own.times import place_of
from sigbench_tasks.rbergomi.payoffs.kinds import Asian, Barrier, European, Option, Payoff, Side, Vix
from sigbench_tasks.rbergomi.specification import Specification

_MONTH = 30 / 365  # the window of the market's index
_MOST = 64  # payoffs of a file: each is a column

Numbers = Annotated[tuple[float, ...], msgspec.Meta(min_length=1, max_length=_MOST)]


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    pass


class EuropeanTable(_Table, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Calls or puts; without an option the one that is out of the money, without a unit as implied volatilities."""

    strikes: Numbers
    maturities: Numbers
    option: Option | None = None
    unit: Literal["volatility", "price"] = "volatility"


class AsianTable(_Table, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Calls or puts on the mean of S."""

    strikes: Numbers
    maturities: Numbers
    option: Option = "call"


class BarrierTable(_Table, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Calls or puts that a barrier ends."""

    side: Side
    barrier: float
    strikes: Numbers
    maturities: Numbers
    option: Option = "call"


class VixTable(_Table, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The VIX-like index at some times, or calls or puts on it where there are strikes."""

    times: Numbers
    window: float = _MONTH
    strikes: tuple[float, ...] = ()
    option: Option = "call"


def payoffs_of(tables: Mapping[str, Any] | None, specification: Specification) -> tuple[Payoff, ...]:
    """Returns the payoffs that a file names, some of each kind where it names none.

    Raises BadInput, naming the key, for an unknown kind, and for what is no payoff on these paths.
    """
    if tables is None:
        return usual_payoffs(specification)
    found: list[Payoff] = []
    for kind, given in tables.items():
        if kind not in _KINDS:
            raise unknown_name("payoff", kind, _KINDS)
        table, read = _KINDS[kind]
        for each in given if isinstance(given, list) else [given]:
            found += read(_converted(each, table, kind), specification)
    if len(found) > _MOST:
        raise BadInput(f"payoffs: {len(found)} payoffs are more than the {_MOST} that a task may have.")
    names = [payoff.name for payoff in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadInput(f"payoffs: there are two payoffs {twice}.")
    return tuple(found)


def usual_payoffs(specification: Specification) -> tuple[Payoff, ...]:
    """Returns what a file without payoffs is judged by.

    At the last time: implied volatilities at the money and half a deviation of log S to either side, an Asian and a
    down-and-out call at the money, its barrier a deviation below; and the index at the last time whose month fits.
    """
    last, place = specification.last, len(specification.places) - 1
    deviation = math.sqrt(float(specification.model.forward.mean_over(specification.times[-1:])[0]) * last)
    strikes = (round(math.exp(-0.5 * deviation), 4), 1.0, round(math.exp(0.5 * deviation), 4))
    found: list[Payoff] = [
        European(place, last, "put" if strike < 1 else "call", strike, True, False) for strike in dict.fromkeys(strikes)
    ]
    found.append(Asian(place, last, "call", 1.0))
    if (barrier := round(math.exp(-deviation), 4)) < 1:
        found.append(Barrier(place, last, "call", 1.0, barrier, "down-and-out"))
    fitting = [k for k, time in enumerate(specification.times) if time + _MONTH <= specification.horizon]
    if fitting:
        found.append(Vix(fitting[-1], float(specification.times[fitting[-1]]), specification, _MONTH))
    return tuple(found)


def _converted(given: Any, table: type[_Table], kind: str) -> Any:
    if isinstance(given, dict):
        for key in given:
            if key not in table.__struct_fields__:
                raise unknown_name(f"key of payoffs.{kind}", key, table.__struct_fields__)
    try:
        return msgspec.convert(given, table)
    except msgspec.ValidationError as error:
        raise BadInput(f"payoffs.{kind}: {in_words(str(error))}.") from None


def _european(table: EuropeanTable, specification: Specification) -> Iterator[Payoff]:
    for place, time in _times(table.maturities, specification, "european.maturities"):
        for strike in _strikes(table.strikes, "european"):
            option = table.option or ("put" if strike < 1 else "call")
            in_volatility = table.unit == "volatility"
            yield European(place, time, option, strike, in_volatility, table.option is not None or not in_volatility)


def _asian(table: AsianTable, specification: Specification) -> Iterator[Payoff]:
    for place, time in _times(table.maturities, specification, "asian.maturities"):
        for strike in _strikes(table.strikes, "asian"):
            yield Asian(place, time, table.option, strike)


def _barrier(table: BarrierTable, specification: Specification) -> Iterator[Payoff]:
    down = table.side == "down-and-out"
    if not (0 < table.barrier < 1 if down else 1 < table.barrier < math.inf):
        raise BadInput(
            f"payoffs.barrier: the barrier of a {table.side} option lies {'below' if down else 'above'} S₀ = 1, and "
            f"{table.barrier:g} does not."
        )
    for place, time in _times(table.maturities, specification, "barrier.maturities"):
        for strike in _strikes(table.strikes, "barrier"):
            if table.option == ("put" if down else "call") and (table.barrier - strike) * (1 if down else -1) >= 0:
                raise BadInput(
                    f"payoffs.barrier: a {table.side} {table.option} of strike {strike:g} never pays within the "
                    f"barrier {table.barrier:g}."
                )
            yield Barrier(place, time, table.option, strike, table.barrier, table.side)


def _vix(table: VixTable, specification: Specification) -> Iterator[Payoff]:
    if not 0 < table.window < math.inf:
        raise BadInput(f"payoffs.vix.window: years in (0, ∞), not {table.window:g}.")
    for place, time in _times(table.times, specification, "vix.times"):
        if time + table.window > specification.horizon * (1 + 1e-9):
            raise BadInput(
                f"payoffs.vix: the window of {table.window:g} years from {time:g} leaves the horizon of "
                f"{specification.horizon:g} years, where the forward variance ends."
            )
        for strike in _strikes(table.strikes, "vix") if table.strikes else (None,):
            yield Vix(place, time, specification, table.window, strike, table.option)


_KINDS: dict[str, tuple[type[_Table], Callable[[Any, Specification], Iterator[Payoff]]]] = {
    "european": (EuropeanTable, _european),
    "asian": (AsianTable, _asian),
    "barrier": (BarrierTable, _barrier),
    "vix": (VixTable, _vix),
}


def _times(times: tuple[float, ...], specification: Specification, where: str) -> Iterator[tuple[int, float]]:
    for time in times:
        place = place_of(specification, time, f"payoffs.{where}")
        yield place, float(specification.times[place])


def _strikes(strikes: tuple[float, ...], kind: str) -> tuple[float, ...]:
    for strike in strikes:
        if not 0 < strike < math.inf:
            raise BadInput(f"payoffs.{kind}.strikes: a strike lies in (0, ∞), in units of S₀, not {strike:g}.")
    return strikes
