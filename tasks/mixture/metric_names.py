"""The names of what `metrics` of the tasks returns, known before the tasks and torch are loaded."""

METRICS: dict[str, tuple[str, ...]] = {
    "gmm": ("w1", "w2", "ks", "mode-tv", "mean-error", "var-error", "lost-variance", "mmd2", "duplicates"),
    "gmm2d": ("sliced-w2", "emd-w2", "mode-tv", "mean-error", "var-error", "lost-variance", "mmd2", "duplicates"),
}
