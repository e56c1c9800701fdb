"""``python -m core COMMAND``; see :mod:`core.cli`."""

from core.cli import main

main()
