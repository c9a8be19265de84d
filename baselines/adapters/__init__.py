"""Samplers of other libraries as samplers of this one: diffusers' schedulers and k-diffusion's functions."""
