"""Where the cells of a sweep run: an engine takes a cell and gives the future of what comes of it."""
