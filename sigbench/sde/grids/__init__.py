"""Where a reverse diffusion's steps lie: families, tables, and times that were computed for a sampler."""
