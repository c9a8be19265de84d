"""The one place where numbers become text, tables and charts."""
