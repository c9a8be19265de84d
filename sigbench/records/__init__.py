"""What a measurement is: the record of a cell, its store, its provenance and its timing."""
