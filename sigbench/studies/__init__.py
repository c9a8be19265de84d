"""Questions beyond a single number, a folder each: its plan, the study itself, its verdict and its chart."""
