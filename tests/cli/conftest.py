"""The fixtures of this folder."""

from commandline import sigbench, spawn, student

__all__ = ["sigbench", "spawn", "student"]
