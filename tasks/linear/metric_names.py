"""The names of what `metrics` of the tasks returns, known before the tasks and torch are loaded."""

METRICS: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("ou", "gbm"), ("w1", "w2", "ks", "mean-error", "var-error", "duplicates")
)
