"""Linear equations: the tasks whose paths are known exactly."""
