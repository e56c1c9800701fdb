"""What is said of a share, as ``prevalence`` prints it and pages show it."""

from typing import Literal, NotRequired, TypedDict

from core.statistics.estimate import Estimate
from core.storage.listed import Bounds, Interval, ListFlowRecord

CorrectedName = Literal["rogan_gladen", "expectation_maximisation"]
ShareName = Literal["raw", "rogan_gladen", "expectation_maximisation"]


class EstimateRecord(Interval):
    """A :class:`core.statistics.estimate.Estimate`."""

    note: str | None


def estimate_record(estimate: Estimate) -> EstimateRecord:
    """An estimate as it is printed."""
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high, "note": estimate.note}


class ShareRecord(EstimateRecord):
    """An estimate of a share; see :class:`core.statistics.prevalence.Share`. Where it is withheld, its note says why.

    Attributes:
        unclipped, interval_impossible, impossible: whether it was possible at all; only of one that rests on a model.
        whole_list: what the accounts that are missing may make of it, where it is about a list.
    """

    unclipped: NotRequired[float | None]
    interval_impossible: NotRequired[bool]
    impossible: NotRequired[bool]
    whole_list: NotRequired[Bounds]


class AuditRecord(TypedDict):
    """A share from an audit sample; see :func:`core.evaluation.audit.audited`.

    Attributes:
        value, low, high: with its 95 % interval.
        method: how the interval was made.
        weight: of the probabilities; 0 where they do not help.
        sample, population: accounts.
        age_cutoff: in years.
        design: how the sample was drawn.
        worth_accounts: of how many accounts without a model the sample is worth.
        accounts: what became of the drawn ones, and how many of the population have no captions.
        notes: what to know, as sentences.
        whole_list: as in :class:`ShareRecord`.
    """

    value: float
    low: float
    high: float
    method: str
    weight: float
    sample: int
    population: int
    age_cutoff: float
    design: str
    worth_accounts: float
    accounts: dict[str, int]
    notes: list[str]
    whole_list: NotRequired[Bounds]


class ErrorRates(TypedDict):
    """What is known of a model's errors, and from how many labelled accounts of each side."""

    labelled_at_least: int
    labelled_under: int
    sensitivity: Interval
    specificity: Interval


class About(TypedDict):
    """Of what a share is.

    Attributes:
        age_cutoff: in years.
        accounts: how many are predicted, counted and left out.
        error_rates_from: the file that tells the model's errors.
    """

    age_cutoff: float
    accounts: dict[str, int]
    error_rates_from: str


class GroupShareRecord(TypedDict):
    """A group's shares.

    Attributes:
        group: its name.
        listed: how many accounts it has.
        counted: how many of them have a probability.
        raw: the share counted at the threshold.
        rogan_gladen: corrected for the model's errors, where these are known.
        audited: by an audit sample of the group, where there is one.
    """

    group: str
    listed: int
    counted: int
    raw: Interval
    rogan_gladen: NotRequired[EstimateRecord]
    audited: NotRequired[AuditRecord]


class GroupDifferenceRecord(TypedDict):
    """By how much the share of the ``first`` group is above that of the ``second``; as in :class:`GroupShareRecord`."""

    first: str
    second: str
    raw: EstimateRecord
    rogan_gladen: NotRequired[EstimateRecord]
    audited: NotRequired[EstimateRecord]


class GroupsRecord(TypedDict):
    """Groups of a list side by side; ``by`` names the column that makes them, or ``list``."""

    by: str
    shares: list[GroupShareRecord]
    differences: list[GroupDifferenceRecord]


class PrevalenceRecord(TypedDict):
    """Every estimate of a share that can be had; the corrected ones need a model.

    Attributes:
        age_cutoff, accounts, error_rates_from: as in :class:`About`.
        threshold: from which probability on is counted.
        raw, rogan_gladen, expectation_maximisation: the estimates.
        recommended: the corrected one to report.
        withheld: why the corrected ones are; none where they are not.
        error_rates: the model's, at the threshold.
        mixture_p_value: of :func:`core.statistics.prevalence.mixture_p_value`.
        warnings: sentences.
        audited: by an audit sample.
        groups: of groups of a list; see :func:`core.evaluation.groups.compare_groups`.
        of: of which list, and what became of its accounts.
    """

    age_cutoff: float
    accounts: dict[str, int]
    error_rates_from: NotRequired[str]
    threshold: float
    raw: ShareRecord
    rogan_gladen: NotRequired[ShareRecord]
    expectation_maximisation: NotRequired[ShareRecord]
    recommended: NotRequired[CorrectedName]
    withheld: NotRequired[list[str]]
    error_rates: NotRequired[ErrorRates]
    mixture_p_value: NotRequired[float | None]
    warnings: list[str]
    audited: NotRequired[AuditRecord]
    groups: NotRequired[GroupsRecord]
    of: NotRequired[ListFlowRecord]
