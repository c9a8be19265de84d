"""Its folder is where the tests of the folders below find `walking` and `elsewhere`."""
