"""Schedulers of diffusers: which are taken, which refused, how they are told the levels, and how winners are set up."""
