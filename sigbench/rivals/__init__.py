"""Rivals of Sig-DEG: other students of the same teachers, each its sampler and how it is trained."""
