"""Gaussian mixtures: the tasks on which everything is known in closed form."""
