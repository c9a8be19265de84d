"""The simulator's own means of payoffs as an artifact, so that they can be looked at."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import NoReturn

import msgspec
import torch

from sigbench.errors import BadInput
from sigbench.networks.recipe import Trained
from sigbench.progress import Listener
from sigbench_tasks.rbergomi.payoffs.prices import Prices

KIND = "payoff-prices"


@dataclass(frozen=True)
class PricesRecipe:
    """Computes what metrics of payoffs compare with, into the cache and into an artifact's manifest."""

    prices: Prices
    iterations: int = 0

    def train(self, checkpoint: Path, report: Listener) -> Trained:
        """Computes what the cache has not; `report` hears of rounds of paths."""
        began = perf_counter()
        found = self.prices.find(report)
        weights = {
            "means": torch.tensor([price.mean for price in found.values()], dtype=torch.float64),
            "standard_errors": torch.tensor([price.error for price in found.values()], dtype=torch.float64),
        }
        data = {
            "specification": self.prices.specification.hash,
            "parameters": self.prices.specification.facts(),
            "samples": self.prices.samples,
            "prices": {payoff.name: msgspec.to_builtins(price) for payoff, price in found.items()},
        }
        cost = {"training_s": perf_counter() - began, "device": "cpu", "threads": torch.get_num_threads()}
        words = {payoff.name: payoff.words for payoff in found}
        return Trained(KIND, weights, {"payoffs": words}, data, cost)

    def shortened(self, iterations: int) -> NoReturn:
        """Raises BadInput: means are computed until they are known well enough."""
        raise BadInput("prices are computed until their errors are small enough: leave out --iterations.")

    def finish(self, folder: Path) -> None:
        """Adds nothing."""
