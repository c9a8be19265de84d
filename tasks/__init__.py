"""The benchmark's tasks, each with its reference and its artifacts."""
