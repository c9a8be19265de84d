"""Many cells: a file that asks for them, their plan, and the engines whose workers measure them."""
