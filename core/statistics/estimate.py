"""A figure with its interval, and the figures of one group of accounts."""

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


@dataclass(frozen=True)
class Subgroup:
    """The figures of one group of labelled accounts.

    Attributes:
        by: what the accounts are grouped by, such as "language".
        group: which of them.
        accounts: how many.
        at_least: of these, how many are at least at the cutoff.
        accuracy, sensitivity, specificity, auc: with their 95 % intervals.
    """

    by: str
    group: str
    accounts: int
    at_least: int
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate
    auc: Estimate
