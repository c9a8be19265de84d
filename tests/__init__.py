"""The tests, a package so that `python -m tests.fuzz` is this one: torch-fidelity installs another of the name."""
