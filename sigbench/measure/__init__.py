"""One cell in, one record out: what is measured, how it is drawn, and how it is timed."""
