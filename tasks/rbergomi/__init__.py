"""Rough Bergomi: simulator, paths task and smile."""
