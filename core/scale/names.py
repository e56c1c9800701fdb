"""Which engines there are."""

from typing import Literal

EngineName = Literal["local", "ray", "slurm", "array"]
"""Processes of this machine; actors of Ray; jobs of Slurm; scripts of ``deploy/`` that a person submits."""
