"""Rough Bergomi of a user's own: a file that names parameters, times and payoffs becomes a task."""
