"""Numbers with intervals and floors: what is measured between samples and the truth."""
