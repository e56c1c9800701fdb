"""How good predictions are: reads files, asks :mod:`core.statistics`."""
