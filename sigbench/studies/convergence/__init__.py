"""How fast does a scheme converge? Strong and weak orders on shared paths, with intervals."""
