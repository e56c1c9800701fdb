"""How good predictions are, with the uncertainty of every figure.

Accounts are the unit of everything here: an account counts once, however many posts it has, and
intervals come from drawing accounts anew (bootstrap), not posts. "At least" means an age of at
least the cutoff, and is the positive class: its recall is the sensitivity, the recall of "under"
the specificity. A figure that cannot be had (for example an AUC where all accounts are of one
class) is None with a note that says why.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from core.errors import InputError
from core.evaluation.share_records import EstimateRecord, estimate_record
from core.models.folder import read_model_info
from core.privacy.pseudonyms import is_pseudonym
from core.statistics.calibration import Bools, Floats, calibration_bins
from core.statistics.metrics import LEVEL, RESAMPLES, SEED, auc, confusion, metrics, share_interval
from core.storage.predictions_file import HEADER, is_parquet, read_table, run_file
from core.storage.run_record import RunRecord
from core.storage.user_lists import UserList, read_labels
from core.storage.usernames import canonical_username
from core.utils.records import find_record
from core.utils.spreadsheets import plain_name

POSTS_GROUPS = (1, 2, 5, 10, 20, 50, 100)
"""Where the groups of the table by number of posts begin; the last is open."""

AGE_GROUPS = (13, 16, 18, 21, 25, 30, 40, 50)
"""Where groups of years of age begin, and one more at the cutoff; the last is open."""

_OWN_COLUMNS = (*HEADER, "age", "at_least", "predicted")
_MAX_GROUPS = 12


def read_predictions(path: Path) -> pd.DataFrame:
    """Read a predictions file: username, probability (NaN without a caption), prediction, posts.

    Raises:
        InputError: the file cannot be read, lacks a column, or holds values that are none.
    """
    table = read_table(path).to_pandas() if is_parquet(path) else _numbers_of(path)
    table["username"] = [canonical_username(name) for name in table["username"]]
    _refuse(path, table["username"].duplicated(), "this account stands twice")
    if table["username"].map(is_pseudonym).any():
        raise InputError(
            f"{path} names accounts by pseudonyms, so those that made the model cannot be told from the others. Turn "
            f"them back first: python -m core pseudonyms --table {path} --reverse --output NAMES.csv"
        )
    _refuse(path, ~table["probability"].dropna().between(0, 1), "the probability is not between 0 and 1")
    return table


def _numbers_of(path: Path) -> pd.DataFrame:
    """A CSV of predictions, which people may have edited; texts that are no numbers are refused with their line."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as predictions: {error}.") from error
    missing = [column for column in HEADER if column not in table]
    if missing:
        raise InputError(f"{path} is no predictions file: it has no column {missing[0]!r}. Make one with `predict`.")
    table["username"] = table["username"].map(plain_name)
    for column in HEADER[1:]:
        text = table[column]
        table[column] = pd.to_numeric(text.where(text != "", None), errors="coerce")
        _refuse(path, (text != "") & table[column].isna(), f"the {column} is not a number")
    return table


def _refuse(path: Path, wrong: "pd.Series[bool]", reason: str) -> None:
    """Name the first row that is wrong; ``wrong`` has the table's index, or a part of it."""
    if wrong.any():
        row = int(wrong.index[int(np.argmax(wrong.to_numpy()))])
        place = f"row {row + 1}" if is_parquet(path) else f"line {row + 2}"
        raise InputError(f"{path}, {place}: {reason}. Make the file anew with `predict`.")


class Rates(TypedDict):
    """Counts and error rates of some accounts; None where a rate is undefined."""

    accounts: int
    at_least: int
    predicted_at_least: int
    errors: int
    accuracy: float
    accuracy_low: float | None
    accuracy_high: float | None
    recall_at_least: float | None
    recall_under: float | None
    auc: float | None


class GroupRow(Rates):
    """The same of one group."""

    group: str | int | float


class ErrorTables(TypedDict):
    """Where the errors sit.

    Attributes:
        by_posts, by_age: by number of captions, and by year of age.
        by: a further column of the labels file -> its groups.
        columns_left_out: with one value or too many.
    """

    by_posts: list[GroupRow]
    by_age: list[GroupRow]
    by: dict[str, list[GroupRow]]
    columns_left_out: list[str]


class EvaluationRecord(ErrorTables):
    """What ``evaluate`` prints.

    Attributes:
        age_cutoff: in years.
        threshold: from which probability on "at least" was predicted.
        warnings: sentences.
        accounts: the counts.
        metrics: each with its interval.
        confusion: the counts by truth and prediction.
        settings: how the intervals were made.
    """

    age_cutoff: float
    threshold: float | None
    warnings: list[str]
    accounts: dict[str, int]
    metrics: dict[str, EstimateRecord]
    confusion: dict[str, int]
    settings: dict[str, str | int]


def evaluate(
    predictions: Path,
    labels: Path,
    age_cutoff: float = 21,
    threshold: float | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    include_training: bool = False,
) -> EvaluationRecord:
    """Compare a predictions file with a labels file.

    Accounts that made the model are left out: it knows them by heart, and figures on them flatter.
    Which they are is found through the run file beside the predictions.

    Args:
        predictions: CSV of ``username,probability,prediction,posts``.
        labels: CSV of ``username,age`` and any further columns.
        age_cutoff: the age in years that the predictions are about.
        threshold: predict "at least" from this probability on; None keeps the file's predictions.
        resamples: how many times the accounts are drawn anew for the intervals.
        seed: of those draws.
        include_training: count accounts that made the model as well.

    Raises:
        InputError: a file cannot be used, or no account stands in both with a probability.
    """
    table, users = read_predictions(predictions), read_labels(labels)
    run = read_run(predictions)
    labelled = join_labels(table, users, age_cutoff)
    made_the_model = labelled["username"].isin(run.made_from)
    joined = labelled if include_training else labelled[~made_the_model]
    if joined.empty:
        raise InputError(_nobody_to_judge(predictions, labels, are_labelled=not labelled.empty))
    at_least, probability, predicted = arrays(joined, threshold)
    figures = metrics(at_least, probability, predicted, resamples, seed)
    return {
        "age_cutoff": age_cutoff,
        "threshold": run.threshold if threshold is None else threshold,
        "warnings": _warnings(run, age_cutoff, int(made_the_model.sum()) if include_training else 0),
        "accounts": count_accounts(table, users, age_cutoff)
        | {"made_the_model": int(made_the_model.sum()), "evaluated": len(joined)},
        "metrics": {name: estimate_record(found) for name, found in figures.items()},
        "confusion": confusion(at_least, predicted),
        **tables(joined, threshold),
        "settings": _settings(probability, resamples, seed),
    }


def _nobody_to_judge(predictions: Path, labels: Path, are_labelled: bool) -> str:
    """Why no account can be judged by, and what to do."""
    if not are_labelled:
        return f"No account of {labels} has a prediction in {predictions}. Check that both name the same accounts."
    return (
        f"Every labelled account of {predictions} made the model, which knows them by heart. "
        "Label further accounts, or count these with --include-training."
    )


def _settings(probability: Floats, resamples: int, seed: int) -> dict[str, str | int]:
    """How the intervals and the bins of the calibration were made."""
    return {
        "interval": f"{LEVEL:.0%} bias-corrected bootstrap over accounts, {resamples} resamples, seed {seed}",
        "calibration_bins": int(calibration_bins(probability).max()) + 1,
        "calibration_binning": "equal numbers of accounts",
    }


@dataclass(frozen=True)
class Run:
    """What is known of the making of a predictions file.

    Attributes:
        made_from: the accounts that made the model; empty where that is not known.
        threshold: from which probability on "at least" was predicted; None where that is not known.
        age_cutoff: in years; None where that is not known.
        unknown: why it is not known which accounts made the model, as a sentence; None where it is.
        input_dir: the folder of the accounts' files; None where that is not known, or gone.
    """

    made_from: frozenset[str] = frozenset()
    threshold: float | None = None
    age_cutoff: float | None = None
    unknown: str | None = None
    input_dir: Path | None = None


def read_run(predictions: Path) -> Run:
    """Read the run file beside a predictions file, and which accounts made the model it names."""
    path = run_file(predictions)
    record = find_record(RunRecord, path)
    if record is None or record.model is None:
        return Run(unknown=f"{path.name} is not beside the predictions, or damaged.")
    accounts = Path(record.input_dir) if record.input_dir else None
    known = Run(
        threshold=record.threshold,
        age_cutoff=record.age_cutoff,
        input_dir=accounts if accounts and accounts.is_dir() else None,
    )
    model = Path(record.model)
    try:
        info = read_model_info(model if model.is_dir() else model.parent)
    except InputError:
        return replace(known, unknown="The model is not where the run file says, or no model folder.")
    return replace(known, made_from=frozenset(info.made_from))


def _warnings(run: Run, age_cutoff: float, counted_training: int) -> list[str]:
    """What flatters or confuses the figures."""
    found = []
    if run.unknown:
        found.append(
            f"It is not known which accounts made the model: {run.unknown} If some of these did, the figures flatter."
        )
    if counted_training:
        found.append(f"{counted_training} of these accounts made the model; it knows them by heart.")
    if run.age_cutoff not in (None, age_cutoff):
        found.append(f"The predictions are about {run.age_cutoff:g} years, these figures about {age_cutoff:g}.")
    return found


def join_labels(predictions: pd.DataFrame, labels: UserList, age_cutoff: float) -> pd.DataFrame:
    """The accounts that have both a probability and a label, with ``age``, ``at_least`` and the labels' columns."""
    known = pd.DataFrame({"username": list(labels.ages), "age": list(labels.ages.values())})
    extra = pd.DataFrame([labels.extra.get(username, {}) for username in labels.ages], index=known.index)
    extra = extra.drop(columns=[column for column in extra if column in _OWN_COLUMNS])
    usable = predictions.loc[predictions["probability"].notna(), [*HEADER]]  # a download has columns of its own
    joined = usable.merge(pd.concat([known, extra], axis=1), on="username", how="inner")
    joined["at_least"] = joined["age"] >= age_cutoff
    return joined


def arrays(joined: pd.DataFrame, threshold: float | None = None) -> tuple[Bools, Floats, Bools]:
    """``at_least``, ``probability`` and ``predicted`` of a joined table; see :func:`evaluate` for the threshold."""
    probability = joined["probability"].to_numpy(dtype=float)
    own = joined["prediction"].fillna((joined["probability"] >= 0.5).astype(float)).to_numpy(dtype=float) >= 0.5
    predicted = own if threshold is None else probability >= threshold
    return joined["at_least"].to_numpy(dtype=bool), probability, predicted


def count_accounts(predictions: pd.DataFrame, labels: UserList, age_cutoff: float) -> dict[str, int]:
    """How many accounts are predicted, labelled, both, and without captions."""
    joined = join_labels(predictions, labels, age_cutoff)
    return {
        "predicted": int(predictions["probability"].notna().sum()),
        "without_captions": int(predictions["probability"].isna().sum()),
        "labelled": len(labels.ages),
        "both": len(joined),
        "at_least_cutoff": int(joined["at_least"].sum()),
        "labels_rejected": len(labels.rejected),
    }


def tables(joined: pd.DataFrame, threshold: float | None = None) -> ErrorTables:
    """Where the errors sit: by number of posts, by year of age, by each further column of the labels."""
    _, _, predicted = arrays(joined, threshold)
    data = joined.assign(predicted=predicted)
    extra = [str(column) for column in data if column not in _OWN_COLUMNS]
    usable = [column for column in extra if 2 <= data[column].nunique() <= _MAX_GROUPS]
    return {
        "by_posts": by_group(data, _posts_group(data["posts"])),
        "by_age": by_group(data, np.floor(data["age"]).astype(int)),
        "by": {column: by_group(data, data[column].fillna("").replace("", "not given")) for column in usable},
        "columns_left_out": [column for column in extra if column not in usable],
    }


def by_age_group(joined: pd.DataFrame, age_cutoff: float, threshold: float | None = None) -> list[GroupRow]:
    """Like the table by year of age, in groups of years of which none lies on both sides of the cutoff."""
    _, _, predicted = arrays(joined, threshold)
    return by_group(joined.assign(predicted=predicted), _age_group(joined["age"], age_cutoff))


def by_group(data: pd.DataFrame, group: "pd.Series[Any]") -> list[GroupRow]:
    """One row of counts and error rates a group, in the groups' order; None where a rate is undefined."""
    return [{"group": _plain(key), **_rates(rows)} for key, rows in data.groupby(group, sort=True, observed=True)]


def _rates(rows: pd.DataFrame) -> Rates:
    truth, predicted = rows["at_least"].to_numpy(dtype=bool), rows["predicted"].to_numpy(dtype=bool)
    right = int((truth == predicted).sum())
    low, high = share_interval(right, len(rows))
    mixed = truth.any() and not truth.all()
    return {
        "accounts": len(rows),
        "at_least": int(truth.sum()),
        "predicted_at_least": int(predicted.sum()),
        "errors": len(rows) - right,
        "accuracy": right / len(rows),
        "accuracy_low": low,
        "accuracy_high": high,
        "recall_at_least": float(predicted[truth].mean()) if truth.any() else None,
        "recall_under": float((~predicted[~truth]).mean()) if not truth.all() else None,
        "auc": auc(truth, rows["probability"].to_numpy()) if mixed else None,
    }


def _posts_group(posts: "pd.Series[Any]") -> "pd.Series[Any]":
    ends = [start - 1 for start in POSTS_GROUPS[1:]]
    names = [f"{a}" if a == b else f"{a} to {b}" for a, b in zip(POSTS_GROUPS, ends, strict=False)]
    edges = [float("-inf"), *ends, float("inf")]
    return pd.cut(posts.fillna(0), edges, labels=[*names, f"{POSTS_GROUPS[-1]} or more"])


def _age_group(ages: "pd.Series[float]", age_cutoff: float) -> "pd.Series[Any]":
    starts = sorted({*AGE_GROUPS, age_cutoff})
    middle = [_years(start, end) for start, end in pairwise(starts)]
    names = [f"under {starts[0]:g}", *middle, f"{starts[-1]:g} or more"]
    return pd.cut(ages, [float("-inf"), *starts, float("inf")], labels=names, right=False)


def _years(start: float, end: float) -> str:
    """What ages from ``start`` to below ``end`` are called; whole years, unless the cutoff lies within one."""
    if start != int(start) or end != int(end):
        return f"{start:g} to under {end:g}"
    return f"{start:g}" if end - start == 1 else f"{start:g} to {end - 1:g}"


def _plain(key: object) -> str | int:
    return int(key) if isinstance(key, int | np.integer) else str(key)
