"""The mathematics that a sampler integrates: schedule, grid, signature, Brownian motion, problem, denoiser."""
