"""A figure with its interval."""

from dataclasses import dataclass

from core.utils.formatting import with_interval


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; ``note`` says why a part of it is None, or what else to know."""

    value: float | None
    low: float | None = None
    high: float | None = None
    note: str | None = None

    def in_words(self, digits: int = 3) -> str:
        """``0.940 (0.919 to 0.958)``, or why there is none."""
        because = f" ({self.note})" if self.value is None and self.note else ""
        return with_interval(self.value, self.low, self.high, digits) + because
