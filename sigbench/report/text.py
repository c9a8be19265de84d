"""Text as terminals show it."""


def printable(text: str) -> str:
    """Returns text whose control characters are shown and do nothing: names in records may hold anything."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
