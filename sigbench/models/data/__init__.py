"""Data as people have them: images in a folder or an archive, arrays of vectors or series, statistics of features."""
