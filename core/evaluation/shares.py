"""Everything that ``prevalence`` says of a share: counted, corrected for the model's errors, audited."""

from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import InputError
from core.evaluation.arguments import PrevalenceArguments
from core.evaluation.audit import audited, members_of
from core.evaluation.evaluate import read_predictions, read_run
from core.evaluation.group_audits import sort_audits
from core.evaluation.groups import compare_groups, groups_of, members_of_groups
from core.evaluation.likeness import likeness_of
from core.evaluation.prevalence import CORRECTED, predicted_accounts, prevalence_of
from core.evaluation.share_records import PrevalenceRecord, ShareName
from core.models.folder import ModelInfo, cutoff_index, read_model_info
from core.statistics.metrics import share_interval
from core.storage.listed import NamedList, flow_of, read_named_list

SHARES: tuple[ShareName, ...] = ("raw", *CORRECTED)

DEFAULT_CUTOFF = 21.0
DEFAULT_THRESHOLD = 0.5


def shares(arguments: PrevalenceArguments) -> PrevalenceRecord:
    """The share at least at the cutoff by every method that the given files allow, ready for JSON.

    Raises:
        InputError: a file cannot be used, or there is neither a model nor an audit sample.
    """
    if arguments.model is None and not arguments.audit:
        raise InputError("Give --model to correct for its errors, or --audit, a filled-in audit sample, or both.")
    if arguments.by is not None and not arguments.user_file:
        raise InputError("--by compares groups of a list: give --user-file as well.")
    table = everybody = read_predictions(arguments.predictions)
    of = read_named_list(arguments.user_file) if arguments.user_file else None
    if of is not None:
        table = members_of(everybody, of)
    known: set[str] = set()
    info, likeness = None, None
    if arguments.model is not None:
        info = read_model_info(arguments.model)
        known = set(info.training.known_accounts)
        cutoff = _cutoff_of(arguments, info)
        likeness = likeness_of(arguments.predictions, info, cutoff, predicted_accounts(everybody), arguments.input_dir)
        found = prevalence_of(table, info, cutoff, arguments.threshold, likeness.of(predicted_accounts(table)))
    else:
        found = _counted(table, arguments)
    groups = groups_of(arguments.user_file, arguments.by) if arguments.by is not None else {}
    audit, audits = sort_audits(arguments.audit, table, members_of_groups(groups, table))
    if audit is not None:
        found["audited"] = audited(table, audit, found["age_cutoff"])
    if groups:
        found["groups"] = compare_groups(arguments.by or "", groups, table, found, likeness, audits)
    if of is not None:
        _add_the_list(found, of, table, known, arguments.predictions)
    return found


def _cutoff_of(arguments: PrevalenceArguments, info: ModelInfo) -> float:
    """The age that the predictions are about, which is the only one that a model's errors are known of.

    Raises:
        InputError: another one is asked for.
    """
    predicted = read_run(arguments.predictions).age_cutoff
    asked = predicted if arguments.age_cutoff is None else arguments.age_cutoff
    cutoff = info.settings.age_cutoffs[cutoff_index(info.settings, asked)]
    if predicted not in (None, cutoff):
        raise InputError(
            f"The predictions are about {predicted:g} years, not {cutoff:g}. Predict with --age-cutoff {cutoff:g}, "
            "then ask again."
        )
    return cutoff


def _add_the_list(
    found: PrevalenceRecord, of: NamedList, table: pd.DataFrame, known: set[str], predictions: Path
) -> None:
    """Add the list's flow from listed to estimated, and to each share what the missing accounts may make of it."""
    predicted = dict(zip(table["username"], table["probability"].notna(), strict=True))
    flow = flow_of(of, predicted, known, read_run(predictions).input_dir)
    found["of"] = flow.as_json()
    for name in SHARES:
        if name in found:
            share = found[name]
            share["whole_list"] = flow.bounds(share["value"], share["low"], share["high"])
    if "audited" in found:
        missing = flow.listed - len(table)  # whoever has a row may be drawn, without captions too
        audit = found["audited"]
        audit["whole_list"] = flow.bounds(audit["value"], audit["low"], audit["high"], missing)


def _counted(table: pd.DataFrame, arguments: PrevalenceArguments) -> PrevalenceRecord:
    """What can be said without a model: the count at the threshold, which is no estimate of the share."""
    run = read_run(arguments.predictions)
    threshold = arguments.threshold if arguments.threshold is not None else run.threshold or DEFAULT_THRESHOLD
    cutoff = arguments.age_cutoff or run.age_cutoff or DEFAULT_CUTOFF
    probability = table["probability"].dropna().to_numpy(dtype=float)
    count, total = int(np.sum(probability >= threshold)), len(probability)
    low, high = share_interval(count, total)
    note = "counts the model's errors too; it is no estimate of the share"
    return {
        "age_cutoff": cutoff,
        "accounts": {"predicted": total, "without_captions": len(table) - total},
        "threshold": threshold,
        "raw": {"value": count / total if total else None, "low": low, "high": high, "note": note},
        "warnings": _warnings(run.age_cutoff, cutoff),
    }


def _warnings(predicted: float | None, cutoff: float) -> list[str]:
    if predicted in (None, cutoff):
        return []
    return [f"The predictions are about {predicted:g} years, the audited share about {cutoff:g}: the count is not."]
