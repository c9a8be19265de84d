"""The gate's error rates: false alarms, and how often 20 % of W1 is caught; about a minute on one core.

python tests/benchmarks/bench_gate.py [--runs 1000]
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "gate"))

from gate_worlds import CURVES
from test_gate_rates import alarms, outcomes


def main() -> None:
    """Prints the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    found = alarms(runs, seed=11)
    changed, regressed = (100 * found[word] / runs for word in ("changed", "regressed"))
    print(f"A against A, independent seeds, {runs} checks: {changed:.1f} % call anything changed, ", end="")
    print(f"{regressed:.1f} % regressed")
    print(f"{'20 % of W1, same noise':<32}{'regressed':>12}{'inconclusive':>14}{'passes':>8}")
    for defect in ("noise", "tilt"):
        for sampler in CURVES:
            print_rates(f"{sampler}: {defect}", sampler, defect, runs)
        print_rates(f"sigdeg at 10 steps only: {defect}", "sigdeg", defect, runs, (10,))


def print_rates(name: str, sampler: str, defect: str, runs: int, steps: tuple[int, ...] = (5, 10, 20)) -> None:
    """Prints one row."""
    found = outcomes(sampler, defect, runs, seed=12, steps=steps)
    passes = found["equivalent"] + found["improved"]
    shares = [f"{100 * count / runs:.1f} %" for count in (found["regressed"], found["inconclusive"], passes)]
    print(f"{name:<32}{shares[0]:>12}{shares[1]:>14}{shares[2]:>8}", flush=True)


if __name__ == "__main__":
    main()
