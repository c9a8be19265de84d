"""The simulator's own means of payoffs, with their Monte Carlo errors: computed once, and kept in the cache."""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from sigbench.errors import BadInput
from sigbench.files import cache_folder, read_file
from sigbench.progress import Listener, Progress, ignore
from sigbench.records.store import keep_in_cache
from sigbench.sde.noise import seed_of
from sigbench_tasks.rbergomi.payoffs.kinds import Array, Payoff
from sigbench_tasks.rbergomi.specification import Specification
from sigbench_tasks.rbergomi.truth import simulator

REVISION = 1  # of the way that means are computed: what an earlier one left in the cache is not read
ROUND = 8_000  # independent draws after which errors are looked at
_SHARE = 0.1  # of the samples' standard error that the simulator's may have
_NORMALS = 2  # for W⊥, of each W
_EACH = 4 * _NORMALS  # paths of a draw
_CONSTANT = 1e-12


class Price(msgspec.Struct, frozen=True):
    """The mean of a payoff, its standard error, the payoff's standard deviation, and how many draws of paths."""

    mean: float
    error: float
    deviation: float
    draws: int


class Prices:
    """The means of payoffs under a specification, each within a tenth of the standard error of `samples` samples."""

    def __init__(self, specification: Specification, payoffs: tuple[Payoff, ...], samples: int) -> None:
        self.specification, self.payoffs, self.samples = specification, payoffs, samples
        self._found: dict[Payoff, Price] = {}

    def __getstate__(self) -> dict[str, object]:
        """What it belongs to: not which other payoffs are asked for, and not what is found already."""
        return {"specification": self.specification.hash, "samples": self.samples}

    def of(self, payoff: Payoff) -> Price:
        """Returns the mean of one of the payoffs; the first call finds those of all."""
        if payoff not in self._found:
            self.find()
        return self._found[payoff]

    def find(self, report: Listener = ignore) -> dict[Payoff, Price]:
        """Returns the means of all: from the cache, and those that are not there from one simulation."""
        places = {payoff: self._place(payoff) for payoff in self.payoffs}
        self._found |= {payoff: price for payoff, place in places.items() if (price := _kept(place)) is not None}
        missing = [payoff for payoff in self.payoffs if payoff not in self._found]
        for payoff, price in _simulated(self.specification, missing, self.samples, report):
            self._found[payoff] = price
            keep_in_cache(places[payoff], msgspec.json.encode(price))
        return self._found

    def _place(self, payoff: Payoff) -> Path:
        named = json.dumps([REVISION, self.specification.facts(), payoff.name, payoff.words, self.samples])
        return cache_folder("payoffs") / f"{hashlib.blake2b(named.encode(), digest_size=12).hexdigest()}.json"


@lru_cache(maxsize=4)
def prices_of(specification: Specification, payoffs: tuple[Payoff, ...], samples: int) -> Prices:
    """Returns the same `Prices` for the same payoffs."""
    return Prices(specification, payoffs, samples)


def _kept(place: Path) -> Price | None:
    try:
        return msgspec.json.decode(read_file(place, "the price"), type=Price)
    except (BadInput, msgspec.MsgspecError, ValueError):
        return None  # there is none yet, or it is damaged: it is computed


def _simulated(
    specification: Specification, payoffs: Sequence[Payoff], samples: int, report: Listener
) -> Iterator[tuple[Payoff, Price]]:
    """Yields each payoff with its mean as soon as this is known well enough, a function of the payoff alone.

    `samples` divided by the square of the share are always enough draws: a value varies at most as one path's payoff.
    """
    means = {payoff: _Mean(specification, payoff) for payoff in payoffs}
    most = math.ceil(samples / _SHARE**2 / ROUND)
    for done in range(1, most + 1) if payoffs else ():
        for draw in _draws(specification, seed_of(task="rbergomi", purpose="payoffs", round=done)):
            for mean in means.values():
                mean.add(draw)
        prices = {payoff: mean.price() for payoff, mean in means.items()}
        for payoff, price in prices.items():
            if done == most or price.error <= _SHARE * price.deviation / math.sqrt(samples):
                del means[payoff]
                yield payoff, price
        report(Progress("rounds of paths", done, most if means else done))
        if not means:
            return


class _Draw(NamedTuple):
    """Paths (_EACH, n, T, 2), those in a column of one W or its mirror image, and ∫V until each time (_EACH, n, T)."""

    paths: Array
    spent: Array


def _draws(specification: Specification, seed: int) -> Iterator[_Draw]:
    """Yields a round of paths in parts: W and −W, each with normals for W⊥ and their negatives."""
    rng, rest = np.random.default_rng(seed), 1 - specification.model.rho**2
    for block in simulator(specification).conditional_laws(ROUND, seed, specification.places):
        drift, spent, log_v = (part.numpy() for part in block)
        normals = rng.standard_normal((_NORMALS, *drift.shape))
        beside = (np.sqrt(rest * np.diff(spent, axis=-1, prepend=0.0)) * normals).cumsum(-1)
        log_s = (drift + np.concatenate([beside, -beside])).reshape(_EACH, *drift.shape[1:])
        log_v, spent = (np.tile(part, (2 * _NORMALS, 1, 1)) for part in (log_v, spent))
        yield _Draw(np.stack([log_s, log_v], axis=-1), spent)


class _Mean:
    """The mean of a payoff over draws, less what controls of known mean explain of it by least squares.

    The controls, beside the payoff's own: S, log S and ∫V at the payoff's time.
    """

    def __init__(self, specification: Specification, payoff: Payoff) -> None:
        self._payoff, self._count = payoff, 0
        time = np.array([payoff.time])
        self._variance = float(specification.model.forward.mean_over(time)[0]) * payoff.time
        self._sums, self._squares = np.zeros(5), np.zeros((5, 5))
        self._single, self._paid = np.zeros(2), 0.0
        self._shift: float | None = None  # about the mean, so that little is lost where payoffs hardly vary

    def add(self, draw: _Draw) -> None:
        """Takes in a part of a round."""
        payoff, flat = self._payoff, draw.paths.reshape(-1, *draw.paths.shape[2:])
        single, log_s = payoff(flat), flat[:, payoff.place, 0]
        spent = draw.spent.reshape(len(flat), -1)[:, payoff.place]
        controls = (
            np.exp(log_s) - 1.0,
            log_s + 0.5 * self._variance,
            spent - self._variance,
            payoff.control(flat) - payoff.control_mean,
        )
        self._shift = float(single.mean()) if self._shift is None else self._shift
        self._paid = max(self._paid, float(single.max()))
        single = single - self._shift
        values = np.stack([v.reshape(_EACH, -1).mean(0) for v in (single, *controls)])
        self._count += values.shape[1]
        self._sums += values.sum(1)
        self._squares += values @ values.T
        self._single += single.sum(), single @ single

    def price(self) -> Price:
        """Returns what is known so far; raises BadInput where nothing was ever paid."""
        n, (single, squares) = self._count, self._single / (_EACH * self._count)
        if self._paid == 0.0 or self._shift is None:
            raise BadInput(f"the payoff {self._payoff.name} pays on none of {_EACH * n:,} paths: leave it out.")
        means = self._sums / n
        covariance = self._squares / n - np.outer(means, means)
        scale = np.sqrt(np.diag(covariance).clip(0.0))
        scale = np.where(scale > _CONSTANT, scale, np.inf)  # what does not vary explains nothing
        correlation = covariance / np.outer(scale, scale)
        slopes = np.linalg.pinv(correlation[1:, 1:], rcond=1e-9, hermitian=True) @ correlation[1:, 0]
        explained = float(slopes @ correlation[1:, 0])
        own = math.sqrt(max(covariance[0, 0], 0.0))
        error = own * math.sqrt(max(1 - explained, 0.0) / (n - len(means)))
        mean = self._shift + means[0] - own * float(slopes @ (means[1:] / scale[1:]))
        return Price(float(mean), error, math.sqrt(max(squares - single**2, 0.0)), n)
