"""Backbones, the training loop, and artifacts (weights on disk with their manifest)."""
