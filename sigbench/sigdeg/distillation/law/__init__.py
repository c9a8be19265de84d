"""Students whose states should have the law of noised data."""
