"""What a measurement is: the record of a cell, its key, its store and its provenance, and comparing two."""
