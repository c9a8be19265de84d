"""The page: boards as one HTML file that holds everything it needs, of the parts in `template/`."""
