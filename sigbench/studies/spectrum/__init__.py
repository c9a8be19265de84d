"""Which frequencies are missing? The power spectrum of samples against that of the truth."""
