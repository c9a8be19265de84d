"""Trained networks as people have them: in diffusers' folders, as denoisers of EDM's kind, or made by a Python file."""
