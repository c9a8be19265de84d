"""sigbench: the benchmark and evaluation suite for fast samplers of diffusion models.

Importing this package loads neither torch nor a plug-in; heavy imports happen where they are used.
"""

__version__ = "0.1.0"
