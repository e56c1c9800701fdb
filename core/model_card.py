"""The model card: a README written from what happened while the model was made."""

from typing import Any

_SHOWN = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "auc": "AUC",
    "precision_at_least": "Precision, at least",
    "recall_at_least": "Recall, at least",
    "f1_at_least": "F1, at least",
    "precision_under": "Precision, under",
    "recall_under": "Recall, under",
    "f1_under": "F1, under",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "calibration_error": "Expected calibration error",
    "majority_share": "Share of the larger class",
}


def model_card(record: dict[str, Any]) -> str:
    """The card of a model.

    Args:
        record: the content of ``training.json``.
    """
    parts = [_head(record), _data(record), _figures(record), _use(), _settings(record)]
    return "\n\n".join(parts) + "\n"


def _head(record: dict[str, Any]) -> str:
    settings = record["settings"]
    cutoffs = " and ".join(f"{cutoff:g}" for cutoff in settings["age_cutoffs"])
    stopped = (
        "\n\n**Training was stopped before its end**; this is the best epoch until then." if record["stopped"] else ""
    )
    return (
        f"# Who is at least {cutoffs}?\n\n"
        f"A model that estimates from an account's public captions whether its owner is at least {cutoffs} years old. "
        f"Trained with AgeScope {record['versions']['agescope']} on {record['created_at'][:10]} "
        f"from the encoder `{settings['encoder']}`, at most {settings['max_seq_len']} tokens a caption.{stopped}"
    )


def _data(record: dict[str, Any]) -> str:
    labels, split = record["labels"], record["split"]
    shares = ", ".join(f"{count} of them at least {cutoff}" for cutoff, count in labels["at_least"].items())
    lines = [
        "## Data",
        f"{labels['usable']} labelled accounts with captions, {shares}. "
        f"Trained on {len(split['train'])}, best epoch chosen on {len(split['validation'])}, "
        f"tested once on {len(split['test'])}; no account is in two parts, and accounts with largely the same texts "
        "are in one.",
    ]
    if labels["problems"]:
        lines.append("\n".join(f"- {problem}" for problem in labels["problems"]))
    return "\n\n".join(lines)


def _figures(record: dict[str, Any]) -> str:
    part, what = ("test", "test") if record["test"] else ("validation", "validation")
    note = (
        "Measured once, on accounts that played no part in training or choosing."
        if part == "test"
        else "Measured on the accounts that chose the epoch, and therefore too good; there was no test."
    )
    tables = [f"## Figures\n\n{note} Intervals are 95 %, over accounts."]
    for cutoff, metrics in record[part].items():
        rows = "\n".join(f"| {name} | {_estimate(metrics[key])} |" for key, name in _SHOWN.items())
        tables.append(f"At least {cutoff}, on the {what} accounts:\n\n| | |\n|---|---|\n{rows}")
    return "\n\n".join(tables)


def _use() -> str:
    return (
        "## Use\n\nFor research on groups of accounts: shares, comparisons, and screening that a person checks. "
        "**Not for decisions about a single person**: a probability is no proof of an age, and the errors fall most "
        "often on those near the cutoff. A model moves badly between kinds of text; before it is used on accounts "
        "unlike those above (another network, language, country or year), measure its errors on labelled accounts of "
        "that kind."
    )


def _settings(record: dict[str, Any]) -> str:
    rows = [f"| {name} | {_plain(value)} |" for name, value in record["arguments"].items() if name not in _PATHS]
    best = f"Epoch {record['best_epoch']} of {len(record['epochs'])} was kept" if record["epochs"] else "No epochs"
    packages = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    table = "\n".join(rows)
    return (
        f"## How it was made\n\n{best}; it took {record['seconds']:.0f} s.\n\n| setting | value |\n|---|---|\n{table}"
        f"\n\nVersions: {packages}."
    )


_PATHS = ("input_dir", "labels", "model_output_dir", "split")


def _estimate(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return f"– ({figure['note']})" if figure["note"] else "–"
    interval = "" if figure["low"] is None else f" ({figure['low']:.3f} to {figure['high']:.3f})"
    return f"{figure['value']:.3f}{interval}"


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
