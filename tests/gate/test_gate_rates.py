"""How often the gate is wrong: false alarms where nothing changed, and degraded samplers that it misses.

200 checks have a binomial standard error of 1.5 % at 5 %; the seeds are fixed, and the slow test takes 2,000.
"""

from collections import Counter

import numpy as np
import pytest
from gate_worlds import CURVES, LAWS, POOL, REPEATS, Pool, check, degraded_pool, pool


def alarms(runs: int, seed: int) -> Counter[str]:
    """The verdicts of checks where nothing changed but the seeds, which are as independent as can be.

    A changed verdict on any metric of any point counts as an alarm, under "changed".
    """
    rng = np.random.default_rng(seed)

    def pick(sampler: str, steps: int, law: str) -> tuple[Pool, Pool]:
        chosen = rng.permutation(POOL)[: 2 * REPEATS]
        return pool(law)[chosen[:REPEATS]], pool(law)[chosen[REPEATS:]]

    found: Counter[str] = Counter()
    for _ in range(runs):
        judged = check(pick)
        words = {metric["verdict"] for point in judged.points for metric in point["metrics"].values()}
        found[judged.run["verdict"]] += 1
        found["changed"] += bool(words & {"regressed", "improved"})
    return found


def outcomes(bad: str, defect: str, runs: int, seed: int, steps: tuple[int, ...] = (5, 10, 20)) -> Counter[str]:
    """The verdicts of checks on the same noise where one sampler's W1 is 20 % worse at `steps`, and nothing else."""
    rng = np.random.default_rng(seed)

    def pick(sampler: str, at: int, law: str) -> tuple[Pool, Pool]:
        before = rng.permutation(POOL)[:REPEATS]
        now = degraded_pool(law, defect) if sampler == bad and at in steps else pool(law)
        return pool(law)[before], now[before]

    return Counter(check(pick).run["verdict"] for _ in range(runs))


def test_a_hundred_checks_of_nothing_raise_at_most_5_percent_false_alarms() -> None:
    found = alarms(100, seed=1)
    assert found["changed"] <= 0.05 * 100
    assert found["regressed"] <= 0.05 * 100


@pytest.mark.slow
def test_false_alarms_over_two_thousand_checks() -> None:
    """Regressed has half of the error rate; three standard errors of 2,000 checks are added."""
    found = alarms(2000, seed=2)
    assert found["changed"] / 2000 <= 0.05
    assert found["regressed"] / 2000 <= 0.025 + 0.0105


def test_the_same_noise_is_equivalent_to_the_last_bit() -> None:
    rng = np.random.default_rng(3)

    def pick(sampler: str, steps: int, law: str) -> tuple[Pool, Pool]:
        same = pool(law)[rng.permutation(POOL)[:REPEATS]]
        return same, same

    judged = check(pick)
    assert judged.run["verdict"] == "equivalent"
    assert judged.run["exit_code"] == 0
    assert all(metric["identical"] for point in judged.points for metric in point["metrics"].values())


def assert_20_percent(law: str, defect: str) -> None:
    assert degraded_pool(law, defect)[:, 0].mean() / pool(law)[:, 0].mean() == pytest.approx(1.2, abs=0.01)


@pytest.mark.parametrize("law", LAWS)
def test_more_noise_means_20_percent(law: str) -> None:
    """What the tests below call degraded is, on average over the pool."""
    assert_20_percent(law, "noise")


@pytest.mark.slow
@pytest.mark.parametrize("law", LAWS)
def test_more_tilt_means_20_percent(law: str) -> None:
    assert_20_percent(law, "tilt")


@pytest.mark.parametrize("bad", CURVES)
def test_twenty_percent_of_w1_is_caught(bad: str) -> None:
    assert outcomes(bad, "noise", 100, seed=4)["regressed"] >= 95


@pytest.mark.parametrize("steps", [5, 10, 20])
def test_even_at_a_single_point_at_the_floor(steps: int) -> None:
    """sigdeg cannot be told from the truth, where a repeat's W1 scatters by half of its value."""
    assert outcomes("sigdeg", "noise", 100, seed=5, steps=(steps,))["regressed"] >= 95


@pytest.mark.slow
@pytest.mark.parametrize("bad", ["euler-maruyama", "ddim", "heun"])
def test_lost_weight_is_caught_above_the_floor(bad: str) -> None:
    assert outcomes(bad, "tilt", 100, seed=6)["regressed"] >= 95


@pytest.mark.slow
def test_what_is_not_caught_does_not_pass() -> None:
    """Weight that moves between modes at the floor is as often good luck as bad: no verdict, and no pass."""
    found = outcomes("sigdeg", "tilt", 200, seed=7)
    assert found["equivalent"] + found["improved"] == 0
    assert found["inconclusive"] > 0
