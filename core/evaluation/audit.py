"""An audit sample: accounts drawn at random from a prediction run, and the share that they tell once labelled.

The share is of **all accounts of the predictions file**: also of those without a caption, who have no
probability and are drawn like the others, and of those that the model learnt from. The formulas are
those of :mod:`core.statistics.audit`.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import InputError
from core.evaluation.arguments import AuditSampleArguments
from core.evaluation.evaluate import read_predictions
from core.evaluation.share_records import AuditRecord
from core.statistics.audit import STRATA, AuditPopulation, Places, allocation, bounded_share, strata_by_probability
from core.statistics.calibration import Floats
from core.storage.age_answers import AgeAnswer
from core.storage.audit_file import (
    Design,
    Draw,
    FilledSample,
    drawing_order,
    fingerprint,
    read_filled_sample,
    sample_as_csv,
)
from core.storage.listed import NamedList, read_named_list
from core.utils.formatting import count, number
from core.utils.io import write_atomically

AUDIT_FILE = "audit.csv"
"""Beside a run's predictions: the audit sample that was filled in."""

FEWEST_DRAWN: dict[Design, int] = {"simple": 2, "stratified": 2 * STRATA}


def audit_sample(arguments: AuditSampleArguments) -> str:
    """Draw accounts of a predictions file and write them down to be labelled.

    Returns:
        What was drawn, and what to do with it.

    Raises:
        InputError: the predictions cannot be used, or the output holds a person's work.
    """
    table = read_predictions(arguments.predictions)
    if arguments.user_file:
        table = members_of(table, read_named_list(arguments.user_file))
    draw, drawn = draw_sample(table, arguments.size, arguments.seed, arguments.design)
    _refuse_to_overwrite(arguments.output)
    write_atomically(arguments.output, sample_as_csv(drawn, draw))
    silent = int(table.set_index("username").loc[drawn, "probability"].isna().sum())
    return (
        f"{count(len(drawn), 'account')} drawn from {number(len(table))}: {arguments.output}\n"
        f"{number(silent)} of them have no captions; they belong to the share like the others. "
        "Write each one's age into the column age ('cannot tell' where it cannot be told), then ask "
        "prevalence for the share with --audit."
    )


def members_of(table: pd.DataFrame, of: NamedList) -> pd.DataFrame:
    """The rows of ``table`` whose accounts are on a list.

    Raises:
        InputError: there is none.
    """
    found = table[table["username"].isin(of.usernames)].reset_index(drop=True)
    if found.empty:
        raise InputError(f"No account of {' and '.join(of.names)} is among the predictions. Predict for them first.")
    return found


def draw_sample(table: pd.DataFrame, size: int, seed: int, design: Design = "simple") -> tuple[Draw, list[str]]:
    """Draw accounts at random.

    Args:
        table: ``username`` and ``probability`` of the accounts that the share is about.
        size: how many; all of them where there are no more.
        seed: of the draw.
        design: every account with the same chance, or the same number from each stratum of probability.

    Returns:
        How the accounts were drawn, and their usernames in the order of the draw.

    Raises:
        InputError: there are not enough accounts.
    """
    fewest = FEWEST_DRAWN[design]
    if min(size, len(table)) < fewest:
        raise InputError(
            f"A {design} audit sample needs at least {fewest} accounts; {number(size)} are asked for, of "
            f"{number(len(table))}. Draw more, or predict for more accounts."
        )
    draw = Draw(design, size, seed, fingerprint(table["username"], table["probability"]))
    return draw, table["username"].iloc[_drawn(table, draw)].tolist()


def audited(table: pd.DataFrame, audit: Path | bytes, cutoff: float, name: str = "the audit sample") -> AuditRecord:
    """The share of all accounts of ``table`` that is at least ``cutoff`` years, from a filled-in audit sample.

    Accounts whose age the file leaves open may be of either side: the interval reaches from where
    none of them is at least at the cutoff to where all of them are.

    Args:
        table: ``username`` and ``probability`` of the accounts that the sample was drawn from.
        audit: the file, or an upload.
        cutoff: in years.
        name: what messages call an upload.

    Returns:
        Ready for JSON: ``value``, ``low``, ``high``, ``method``, ``sample`` and ``population`` (accounts),
        the counts behind them and what to know, as sentences.

    Raises:
        InputError: the file is no audit sample of these accounts, or tells no age.
    """
    sample = read_filled_sample(audit, name)
    _refuse_others(table, sample)
    places = np.array(_drawn(table, sample.draw), dtype=np.intp)
    names = table["username"].iloc[places].tolist()
    answers = [sample.answers.get(name) for name in names]
    told = np.array([math.nan if (side := _side(answer, cutoff)) is None else side for answer in answers])
    if np.isnan(told).all():
        raise InputError("The audit sample tells the age of no account yet. Fill in the column age, then ask again.")
    probability = table["probability"].to_numpy(dtype=float)
    found = bounded_share(told, places, AuditPopulation(probability, _strata(table, sample.draw)))
    counts = _counts(names, answers, told, sample)
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "method": found.method,
        "weight": found.weight,
        "sample": len(names),
        "population": len(table),
        "age_cutoff": cutoff,
        "design": sample.draw.design,
        "worth_accounts": round(found.worth, 1),
        "accounts": counts | {"population_without_captions": int(np.isnan(probability).sum())},
        "notes": _notes(counts),
    }


def keep_audit(table: pd.DataFrame, upload: bytes, name: str, cutoff: float, path: Path) -> AuditRecord:
    """Estimate from an upload, and keep it at ``path`` if that can be done.

    Raises:
        InputError: as :func:`audited`; nothing is kept then.
    """
    found = audited(table, upload, cutoff, name)
    write_atomically(path, read_filled_sample(upload, name).as_csv())
    return found


def _side(answer: AgeAnswer | None, cutoff: float) -> float | None:
    side = None if answer is None else answer.at_least(cutoff)
    return None if side is None else float(side)


def _refuse_others(table: pd.DataFrame, sample: FilledSample) -> None:
    if fingerprint(table["username"], table["probability"]) != sample.draw.population:
        raise InputError(
            "The audit sample was drawn from other predictions, or from another list of accounts, than those given. "
            "Give those it was drawn from; or draw anew from these with the same seed, which draws the accounts that "
            "both have again, and copy their ages."
        )


def _counts(
    names: Sequence[str], answers: Sequence[AgeAnswer | None], told: Floats, sample: FilledSample
) -> dict[str, int]:
    is_told = ~np.isnan(told)
    return {
        "told": int(is_told.sum()),
        "at_least": int(np.nansum(told)),
        "cannot_tell": sum(answer is not None and not known for answer, known in zip(answers, is_told, strict=True)),
        "empty": sum(answer is None and name in sample.answers for name, answer in zip(names, answers, strict=True)),
        "missing_rows": sum(name not in sample.answers for name in names),
        "rows_not_drawn": len(sample.answers.keys() - set(names)),
    }


def _notes(counts: dict[str, int]) -> list[str]:
    """What is unusual about a filled-in file, and what was made of it."""
    open_ages = {
        "cannot_tell": "of the drawn accounts cannot be told",
        "empty": "of the drawn accounts have no age filled in",
        "missing_rows": "of the drawn accounts are missing from the file",
    }
    notes = [f"{number(counts[key])} {words}." for key, words in open_ages.items() if counts[key]]
    if notes:
        notes.append("The interval reaches from where none of them is at least at the cutoff to where all are.")
    if counts["rows_not_drawn"]:
        notes.append(
            f"{count(counts['rows_not_drawn'], 'row')} of the file were not drawn, or a spreadsheet changed their "
            "names; they are not counted."
        )
    return notes


def _refuse_to_overwrite(output: Path) -> None:
    if not output.exists():
        return
    try:
        is_filled = any(answer is not None for answer in read_filled_sample(output).answers.values())
    except InputError:
        is_filled = True
    if is_filled:
        raise InputError(f"{output} is there already and may hold ages. Choose another name, or remove it first.")


def _drawn(table: pd.DataFrame, draw: Draw) -> list[int]:
    """The places in ``table`` of the accounts that belong to a sample, in the order of the draw."""
    order = drawing_order(table["username"].tolist(), draw.seed)
    if draw.design == "simple":
        return order[: draw.size]
    strata = _strata(table, draw)
    left = allocation(np.bincount(strata), draw.size)
    places = []
    for at in order:
        if left[strata[at]]:
            left[strata[at]] -= 1
            places.append(at)
    return places


def _strata(table: pd.DataFrame, draw: Draw) -> Places:
    """From which stratum each account of ``table`` is drawn; all from one in a simple random sample."""
    if draw.design == "simple":
        return np.zeros(len(table), dtype=np.intp)
    order = np.array(drawing_order(table["username"].tolist(), draw.seed), dtype=np.intp)
    return strata_by_probability(table["probability"].to_numpy(dtype=float), order)
