"""Noise levels of a minibatch follow their law and stay on the schedule."""

import numpy as np
from scipy import stats

from sigbench.networks.edm_training import NoiseLevels
from sigbench.sde.schedule import VPLinear

SCHEDULE = VPLinear()


def test_levels_fill_their_law_and_stay_on_the_schedule() -> None:
    """Stratified draws: the largest distance of distribution functions is below one stratum, whatever the seed."""
    levels = NoiseLevels(log_mean=-0.5, log_std=1.0, uniform_share=0.25)
    drawn = levels.draw(np.random.default_rng(0), 400, SCHEDULE)
    assert drawn.shape == (400,)
    low, high = (-float(SCHEDULE.log_snr(t)) for t in (SCHEDULE.t_end, SCHEDULE.t_start))
    assert drawn.min() >= low
    assert drawn.max() <= high
    assert stats.kstest(drawn[:300], stats.norm(-0.5, 1.0).cdf).statistic < 1 / 300
    assert stats.kstest(drawn[300:], stats.uniform(low, high - low).cdf).statistic < 1 / 100


def test_no_share_is_uniform_where_none_is_asked_for() -> None:
    assert NoiseLevels(uniform_share=0.0).draw(np.random.default_rng(0), 8, SCHEDULE).shape == (8,)
