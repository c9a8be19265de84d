"""Classical and third-party samplers, one file a family.

A new one is found once pyproject.toml names it under `sigbench.samplers` and the package is installed again.
"""
