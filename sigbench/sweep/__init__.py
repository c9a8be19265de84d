"""Many cells: a file that asks for them, their plan, and the worker processes that measure them."""
