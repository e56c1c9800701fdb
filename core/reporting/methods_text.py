"""The paragraph that a paper's methods section needs, with the figures of one run at one threshold."""

from core import __version__
from core.evaluation.holdout import Source
from core.models.card import method_in_words
from core.models.folder import UNSEEN_FILE, ModelInfo
from core.models.method_names import ALIKE
from core.reporting.exclusions import flow_in_words
from core.reporting.references import references_in
from core.reporting.run_results import RunAtThreshold, audited_in_words
from core.reporting.study_facts import StudyFacts, ages_in_words
from core.statistics.metrics import accuracy_interval, share_interval
from core.storage.listed import Interval
from core.utils.formatting import count, number, percent, percent_interval

NO_ESTIMATE = (
    "This count is no estimate of the share, and no corrected share is given, since the model's errors on such "
    "accounts are not known."
)
"""Where a corrected share is withheld."""

_INTERVALS = (
    "Intervals are 95 %: of counted shares and of rates Wilson's (1927), of the accuracy by a bias-corrected bootstrap "
    "over accounts (Efron 1981)."
)
_CHOOSING = "chose the best of its states"
_MEASURING = "served only to measure it"
_JUDGED_ON: dict[Source, str] = {
    "run": "of known age that it had not learnt from",
    "unseen": "of known age, each told by a model that had not seen it (cross-fitting),",
    "test": "kept for testing",
    "validation": "kept for choosing its settings",
    "both": "kept for testing or for choosing its settings",
}


def methods_section(view: RunAtThreshold, facts: StudyFacts | None = None) -> str:
    """Sentences to copy into a paper: the accounts, the model, how it was tested, and the share that it gives.

    Args:
        view: the run.
        facts: of the study; None leaves out where its posts come from, and the flow of its accounts.
    """
    parts = [
        *([facts.posts_in_words(), flow_in_words(view, facts.counts)] if facts else []),
        _model(view.run.model, view.cutoff),
        ages_in_words(view.run.model),
        _errors(view),
        _share(view),
        _audited(view),
        _whole_list(view),
        _INTERVALS,
    ]
    return " ".join(part for part in parts if part)


def methods_with_references(view: RunAtThreshold, facts: StudyFacts | None = None) -> str:
    """The same, and below it the papers that it names."""
    text = methods_section(view, facts)
    return "\n".join([text, "", *references_in(text)])


def _model(model: ModelInfo | None, cutoff: float) -> str:
    aim = f"Whether an account's owner is at least {cutoff:g} years old was estimated from its public captions"
    if model is None:
        return f"{aim} with AgeScope {__version__}."
    split, made_by = model.training.split, model.training.method
    method = method_in_words(made_by, model.settings).replace("`", "")
    return (
        f"{aim} with AgeScope {__version__}. {method} It learnt from {count(len(split['train']), 'account')} of known "
        f"age; {number(len(split['validation']))} others {_MEASURING if made_by in ALIKE else _CHOOSING}, and "
        f"{number(len(split['test']))} were kept for testing."
    )


def _errors(view: RunAtThreshold) -> str:
    if view.judged is None:
        return ""
    right, total = view.judged.right_at(view.threshold)
    accuracy = f"{percent(right / total, 1)}; 95 % interval {percent_interval(*accuracy_interval(right, total))}"
    chosen = ", chosen in view of these very accounts, which flatters the accuracy," if view.is_moved else ""
    return (
        f"At a threshold of {view.threshold:.2f}{chosen} it was right on {number(right)} of {count(total, 'account')} "
        f"{_JUDGED_ON[view.judged.source]} ({accuracy})."
    )


def _share(view: RunAtThreshold) -> str:
    at_least, counted = view.counted
    found = view.prevalence
    who = "predicted" if isinstance(view.run.sample, str) else "that the model had not seen"
    share = _with_interval(at_least / counted if counted else None, *share_interval(at_least, counted))
    text = (
        f"{_silent(view)}Of {count(counted, 'account')} {who}, {number(at_least)} ({share}) were predicted to be at "
        f"least {view.cutoff:g}."
    )
    if view.withheld:
        return f"{text} {NO_ESTIMATE} {' '.join(view.withheld)}"
    corrected = view.corrected
    if isinstance(found, str) or corrected is None or corrected["value"] is None:
        return f"{text} The model's errors are not known well enough to correct this share for them."
    rates, interval = found["error_rates"], percent_interval(corrected["low"], corrected["high"])
    sensitivity, specificity = _rate(rates["sensitivity"]), _rate(rates["specificity"])
    labelled = rates["labelled_at_least"] + rates["labelled_under"]
    seen = ", each told by a model that had not seen it" if found["error_rates_from"] == UNSEEN_FILE else ""
    told = f"on {count(labelled, 'labelled account')}{seen}"
    if found["recommended"] == "rogan_gladen":
        return (
            f"{text} Corrected for its sensitivity ({sensitivity}) and specificity ({specificity}), {told}, after "
            f"Rogan and Gladen (1978), the share is {percent(corrected['value'], 1)} (95 % interval of Lang and "
            f"Reiczigel 2014: {interval})."
            f"{_known_and_corrected(view)}"
        )
    return (
        f"{text} Its sensitivity is {sensitivity}, its specificity {specificity}, {told}. Estimated from the whole "
        "probabilities by expectation maximisation (Saerens, Latinne and Decaestecker 2002), corrected by what "
        f"labelled accounts of each class got, the share is {percent(corrected['value'], 1)} (95 % interval of Fieller "
        f"1954: {interval}).{_known_and_corrected(view)}"
    )


def _known_and_corrected(view: RunAtThreshold) -> str:
    found = view.known_and_corrected
    if found is None:
        return ""
    table = view.run.predictions
    accounts = int((table["age"].notna() | table["probability"].notna()).sum())
    return (
        f" Of the {count(accounts, 'account')} of known age or with captions, known ages taken as known and the others "
        f"corrected, the share is {percent(found['value'], 1)} (95 % interval "
        f"{percent_interval(found['low'], found['high'])})."
    )


def _whole_list(view: RunAtThreshold) -> str:
    """What the missing accounts of the list may make of it; nothing where the run as a whole is meant."""
    if view.run.flow is None:
        return ""
    listed = count(view.run.flow.listed, "account")
    sentences = [
        f"Of all {listed} of the list, {percent(bounds['none_at_least'], 1)} are at least {view.cutoff:g} if none of "
        f"the {number(missing)} missing is, and {percent(bounds['all_at_least'], 1)} if all are ({name}; with the "
        f"95 % interval, {percent_interval(bounds['low'], bounds['high'])})."
        for name, (bounds, missing) in view.whole_list.items()
        if missing
    ]
    return " ".join(sentences) if view.whole_list else f"The share of all {listed} of the list is not known."


def _audited(view: RunAtThreshold) -> str:
    found = view.run.audited
    return audited_in_words(found) if isinstance(found, dict) else ""


def _silent(view: RunAtThreshold) -> str:
    if view.run.flow is not None:
        return f"{view.run.flow.in_words()} "
    silent = int(view.run.predictions["probability"].isna().sum())
    total = count(len(view.run.predictions), "account")
    return f"Of {total}, {number(silent)} without captions could not be predicted. " if silent else ""


def _with_interval(share: float | None, low: float | None, high: float | None) -> str:
    return f"{percent(share, 1)}; {percent_interval(low, high)}"


def _rate(rate: Interval) -> str:
    return _with_interval(rate["value"], rate["low"], rate["high"])
