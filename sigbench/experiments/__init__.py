"""Experiments: a task, a sampler and a budget in; records out."""
