"""Fixtures that every test may use."""

from tests.stand_in.fixtures import stand_in

__all__ = ["stand_in"]
