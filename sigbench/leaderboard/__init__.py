"""Records turned into tables and charts."""
