"""A plug-in that does everything right, as the text of a file: what tests of broken ones begin with."""

SOURCE = """
import math, os, random, sys, time
import numpy as np
import torch
from sigbench.metrics.moments import MeanError
from sigbench.sampler import Sampler
from sigbench_tasks.mixture.task import GMM


class Loud(BaseException):
    pass


class Good(Sampler):
    name, citation, family = "good", "a test", "sde"

    def walk(self, problem, x, grid, brownian):
        for step in grid:
            noise = brownian.signature(step).increment
            x = x + step.h * problem.drift(step.start, x) + problem.diffusion(step.start, x) * noise
            yield x
"""
