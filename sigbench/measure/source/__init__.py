"""The source code that numbers depend on."""
