"""Which times serve a sampler best: found along trajectories, or by what a metric says of candidates."""
