"""Classical and third-party samplers, one file a family."""
