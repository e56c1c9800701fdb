"""The model card: a README written from what happened while the model was made."""

import re

from core.models.method_names import method_name
from core.models.settings import MAX_AUC_LOSS, ModelSettings
from core.models.training_record import TrainingRecord
from core.statistics.estimate import Estimate
from core.utils.formatting import with_interval

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


_METHODS = {
    "majority": "It knows nothing of an account and says of everybody what is true of most.",
    "tfidf": "TF-IDF of words, pairs of words and 2 to 4 characters, with logistic regression.",
    "frozen": "The encoder `{encoder}` as it is, at most {max_seq_len} tokens a caption; only the head was learnt.",
    "finetuned": (
        "The published method, which AgeScope's README describes: the encoder `{encoder}`, fine-tuned together with a "
        "head on the [CLS] vectors of its last four layers, averaged over an account's captions, of which it reads at "
        "most {max_seq_len} tokens each."
    ),
    "combined": (
        "It is one linear model of words, pairs of words and sequences of 2 to 5 characters, together with the vectors "
        "of the encoder `{encoder}` (at most {max_seq_len} tokens a caption). Its probabilities are calibrated by "
        "cross-validation among the accounts that it learnt from."
    ),
}

_HIDDEN = ("input_dir", "labels", "model_output_dir", "split", "recipe", "freeze_encoder")  # paths, and the method
_NAMES = {
    "learn_rate": "learning rate",
    "epoch_num": "epochs at most",
    "max_seq_len": "tokens of a caption",
    "accumulation_steps": "accounts a step",
    "print_step": "loss reported every so many accounts",
    "model_name_or_path": "encoder",
    "finetuned_model_name": "weights file",
    "age_cutoff": "cutoffs in years",
    "max_posts": "captions of an account at most",
    "mask_self_reports": "phrases that tell an age taken out",
    "warmup_share": "share of the steps in which the learning rate rises",
    "linear_decay": "learning rate falls to 0",
    "patience": "stops after so many epochs without a better validation AUC",
    "balanced": "both classes count alike",
    "cache": "users' vectors kept on disk",
    "calibrate": "calibration",
    "folds": "further models, for the errors",
}
_OF_NONE = {"max_posts": "all", "patience": "never", "threshold": "0.5, not chosen"}
_MEASURES = {
    "balanced_accuracy": "the best balanced accuracy",
    "f1": "the best F1",
    "accuracy": "the best accuracy",
}
_FINE_TUNING = (
    "learn_rate", "epoch_num", "accumulation_steps", "print_step", "warmup_share", "linear_decay", "patience"
)  # fmt: skip


def model_card(record: TrainingRecord) -> str:
    """The card of a model.

    Args:
        record: how it was made.
    """
    parts = [
        _head(record),
        _data(record),
        _figures(record),
        _calibration(record),
        *_subgroups(record),
        _use(),
        _settings(record),
    ]
    return "\n\n".join(parts) + "\n"


def _head(record: TrainingRecord) -> str:
    cutoffs = " and ".join(f"{cutoff:g}" for cutoff in record.settings.age_cutoffs)
    text = (
        f"# Who is at least {cutoffs}?\n\n"
        f"A model that estimates from an account's public captions whether its owner is at least {cutoffs} years old, "
        f"made with AgeScope {record.versions['agescope']} on {record.created_at:%Y-%m-%d} by the method "
        f"*{method_name(record.method)}*.\n\n" + method_in_words(record.method, record.settings)
    )
    if record.stopped:
        text += "\n\n**Training was stopped before its end**; this is the best epoch until then."
    return text


def method_in_words(method: str, settings: ModelSettings) -> str:
    """What a model is, in a sentence or two."""
    if method not in _METHODS:
        return f"It was made by the method {method}, which a later version of AgeScope knows."
    return _METHODS[method].format(**settings.as_dict())


def _data(record: TrainingRecord) -> str:
    labels, split = record.labels, record.split
    shares = ", ".join(f"{count} of them at least {cutoff}" for cutoff, count in labels.at_least.items())
    apart = (
        "accounts with largely the same texts are in one part only"
        if not record.twins_apart
        else f"**{record.twins_apart} groups of accounts with largely the same texts are in more than one part**"
    )
    nothing = "for validation, by which this method chooses nothing unless asked to"
    choice = "to choose the best epoch by" if record.epochs else nothing
    lines = [
        "## Data",
        f"{labels.usable} labelled accounts with captions, {shares}. {len(split['train'])} to train on, "
        f"{len(split['validation'])} {choice}, {len(split['test'])} to test with; no account is in two parts, and "
        f"{apart}.",
    ]
    if labels.problems:
        lines.append("\n".join(f"- {problem}" for problem in labels.problems))
    return "\n\n".join(lines)


def _figures(record: TrainingRecord) -> str:
    note = {
        "test": "Measured once, on test accounts that played no part in training or choosing.",
        "validation": "Measured on the validation accounts, which may also have chosen; there was no test.",
    }[record.measured_on]
    tables = [f"## Figures\n\n{note} Intervals are 95 %, over accounts."]
    for (cutoff, metrics), threshold in zip(record.figures.items(), record.settings.thresholds, strict=True):
        rows = "\n".join(f"| {name} | {_figure(key, metrics[key])} |" for key, name in _SHOWN.items())
        said = f"At least {cutoff}, said from a probability of {threshold:.3g} on:"
        tables.append(f"{said}\n\n| | |\n|---|---|\n{rows}")
    return "\n\n".join([*tables, *_cross_fitted(record)])


def _figure(key: str, figure: Estimate) -> str:
    """A figure in words; the calibration error, which has no interval, beside what chance gives."""
    beside = f"; {figure.note}" if key == "calibration_error" and figure.value is not None and figure.note else ""
    return figure.in_words() + beside


def _cross_fitted(record: TrainingRecord) -> list[str]:
    """What all labelled accounts say, where they were asked."""
    told = record.cross_fitted
    if told is None:
        return []
    shown = ("auc", "accuracy", "recall_at_least", "recall_under")
    rows = [
        f"| {_SHOWN[name]}, at {cutoff} | {metrics[name].in_words()} |"
        for cutoff, metrics in told.metrics.items()
        for name in shown
    ]
    said = (
        f"On all {told.accounts} labelled accounts, each told by a model that had not seen it: {told.folds} further "
        "models were made, each without a fold of the accounts and with a threshold that the other folds chose. "
        "Corrected shares take the errors from here (`unseen.csv`)."
    )
    return [f"{said}\n\n| | |\n|---|---|\n" + "\n".join(rows)]


def _calibration(record: TrainingRecord) -> str:
    """What was said against what was so, in groups of accounts of rising probability."""
    said = f"What was said of the {record.measured_on} accounts, and what was so, in groups of equal size."
    tables = [f"## Calibration\n\n{said}"]
    for cutoff, rows in record.calibration.items():
        lines = [f"At least {cutoff}:", "", "| accounts | mean probability | share that is | |", "|---|---|---|---|"]
        for row in rows:
            share = with_interval(row.share, row.low, row.high, 2)
            lines.append(f"| {row.accounts} | {row.probability:.2f} | {share} | {'█' * round(20 * row.share)} |")
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _subgroups(record: TrainingRecord) -> list[str]:
    """What it is worth by language, number of captions and columns of the labels file."""
    if not record.subgroups:
        return []
    rows = [
        f"| {_cell(each.by)} | {_cell(each.group)} | {each.accounts} ({each.at_least} at least) | "
        f"{each.accuracy.in_words(2)} | {each.sensitivity.in_words(2)} | {each.specificity.in_words(2)} | "
        f"{each.auc.in_words(2)} |"
        for each in record.subgroups
    ]
    head = "| by | group | accounts | accuracy | sensitivity | specificity | AUC |\n|---|---|---|---|---|---|---|"
    said = "Groups with fewer than 10 labelled accounts on a side of the cutoff are left out."
    return ["## By groups of accounts\n\n" + said + "\n\n" + "\n".join([head, *rows])]


def _cell(text: str) -> str:
    """Other people's words in a table of Markdown."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))[:60]


def _use() -> str:
    return (
        "## Use\n\nFor research on groups of accounts: shares, comparisons, and screening that a person checks. "
        "**Not for decisions about a single person**: a probability is no proof of an age, and the errors fall most "
        "often on those near the cutoff. A model moves badly between kinds of text; before it is used on accounts "
        "unlike those above (another network, language, country or year), measure its errors on labelled accounts of "
        "that kind."
    )


def _settings(record: TrainingRecord) -> str:
    hidden = _HIDDEN if record.method == "finetuned" else (*_HIDDEN, *_FINE_TUNING)
    settings = record.settings.as_dict()
    arguments = {**record.arguments, **{name: value for name, value in settings.items() if name in record.arguments}}
    shown = {name: value for name, value in arguments.items() if name not in hidden}
    rows = [f"| {_NAMES.get(name, name)} | {_value(name, value, record)} |" for name, value in shown.items()]
    best = f"Epoch {record.best_epoch} of {len(record.epochs)} was kept. " if record.epochs else ""
    packages = ", ".join(f"{name} {number}" for name, number in record.versions.items())
    table = "\n".join(rows)
    return (
        f"## How it was made\n\n{best}It took {record.seconds:.0f} s.\n\n| setting | value |\n|---|---|\n{table}"
        f"{_auc_losses(record)}\n\nVersions: {packages}."
    )


def _change(value: float) -> str:
    """A change of the AUC in words; one that four decimals do not show has no sign."""
    return "by less than 0.0001" if abs(value) < 0.00005 else f"by {value:+.4f}"


def _auc_losses(record: TrainingRecord) -> str:
    """What computing in other numbers costs, where it was measured."""
    losses = record.settings.auc_losses
    if not losses:
        return ""
    changes = ", ".join(f"{_change(-loss)} in {numbers}" for numbers, loss in losses.items())
    return (
        f"\n\nIt computes in {record.settings.numbers}. In other numbers, the AUC on the validation accounts "
        f"changes {changes}. `--precision fast` takes none that cost more than {MAX_AUC_LOSS:g}."
    )


def _value(name: str, value: object, record: TrainingRecord) -> str:
    """A setting as a reader understands it; what calibrates is what the method does and what was asked for."""
    chosen_on = "the accounts told by models that had not seen them" if record.cross_fitted else "validation accounts"
    if name == "calibrate":
        own = ["by cross-validation among the accounts that it learnt from"] if record.method == "combined" else []
        return " and ".join([*own, *([f"on {chosen_on}"] if value else [])]) or "none"
    if name == "folds" and record.cross_fitted:  # where none was asked for, the method has made its own number
        return str(record.cross_fitted.folds)
    if name == "threshold" and value is not None:
        return f"{_MEASURES.get(str(value), value)} on {chosen_on}"
    return _OF_NONE.get(name, "none") if value is None else _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
