"""Sig-DEG, the reference entry (arXiv 2508.16939): a student that reads partial signatures."""
