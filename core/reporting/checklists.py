"""Three reporting checklists, filled in as far as a study's files know the answer; the rest stays a question.

The items are told in words of our own, with the numbers of their sources, whose texts alone count:

- TRIPOD+AI: Collins et al., BMJ 2024; 385: e078378, doi:10.1136/bmj-2023-078378.
- REFORMS: Kapoor et al., Science Advances 2024; 10(18): eadk3452, doi:10.1126/sciadv.adk3452.
- CREMLS: El Emam et al., J Med Internet Res 2024; 26: e52508, doi:10.2196/52508, after Klement and El Emam,
  J Med Internet Res 2023; 25: e48763, doi:10.2196/48763. Its items are told by subject, without their numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core import __version__
from core.index import Counts
from core.models.card import method_in_words
from core.models.folder import ModelInfo
from core.privacy.study_settings import Study
from core.reporting.methods_text import methods_section
from core.reporting.protocol import OPEN
from core.reporting.run_results import RunAtThreshold, baselines, drift_in_words
from core.utils.formatting import count, number

Topic = Literal[
    "aim", "accounts", "data", "labels", "excluded", "outcome", "predictors", "missing", "split", "method",
    "hyperparameters", "baselines", "duplicates", "metrics", "performance", "output", "imbalance", "shift",
    "subgroups", "software", "ethics", "limits", "explained", "availability", "model_selection",
]  # fmt: skip
"""What the files of a study can say something about."""


@dataclass(frozen=True)
class Item:
    """One item of a checklist.

    Attributes:
        number: its own in the source; "" where it is told by subject.
        question: what it asks, in our words.
        topic: of the answer that the study's files have; None where only people know.
    """

    number: str
    question: str
    topic: Topic | None = None


SOURCES = {
    "TRIPOD+AI": "Collins et al., BMJ 2024; 385: e078378, https://doi.org/10.1136/bmj-2023-078378",
    "REFORMS": "Kapoor et al., Science Advances 2024; 10(18): eadk3452, https://doi.org/10.1126/sciadv.adk3452",
    "CREMLS": "El Emam et al., J Med Internet Res 2024; 26: e52508, https://doi.org/10.2196/52508",
}

CHECKLISTS: dict[str, tuple[Item, ...]] = {
    "TRIPOD+AI": (
        Item("1", "Does the title name the kind of study, the population and what is predicted?"),
        Item("2", "Is there a structured abstract?"),
        Item("3a", "Which setting is it for, why is a model wanted, and which exist?"),
        Item("3b", "For whom is it meant, and who is to use it how?", "aim"),
        Item("3c", "Which inequalities between groups are known here?"),
        Item("4", "What are the aims: to develop, to evaluate, or both?", "aim"),
        Item("5a", "Where do the data come from, for development and for evaluation, and why these?", "data"),
        Item("5b", "From when are the data?", "data"),
        Item("6a", "In which setting were they gathered?", "data"),
        Item("6b", "Who was taken in and who left out?", "excluded"),
        Item("6c", "Were the participants treated or acted upon, and how is that dealt with?"),
        Item("7", "How were the data prepared, and alike for all groups?", "predictors"),
        Item("8a", "What is the outcome, and how and when was it established?", "outcome"),
        Item("8b", "If people judged the outcome: who were they, with what training?"),
        Item("8c", "Did those who judged it know the predictors?"),
        Item("9a", "How were the first predictors chosen?", "predictors"),
        Item("9b", "What exactly is each predictor, and when is it measured?", "predictors"),
        Item("9c", "If people judged predictors: who were they?"),
        Item("10", "How was the number of participants arrived at, and is it enough?", "accounts"),
        Item("11", "How were missing values dealt with?", "missing"),
        Item("12a", "Which data served development and which evaluation?", "split"),
        Item("12b", "How did predictors enter the model?", "predictors"),
        Item("12c", "Which model, why, how was it built, tuned and validated internally?", "method"),
        Item("12d", "Were differences between clusters looked at?", "subgroups"),
        Item("12e", "Which measures of performance, and why?", "metrics"),
        Item("12f", "Was the model updated after its evaluation?"),
        Item("12g", "How were predictions computed for the evaluation?", "output"),
        Item("13", "Was class imbalance dealt with, and were probabilities calibrated again after it?", "imbalance"),
        Item("14", "What was done for fairness, and why?", "subgroups"),
        Item("15", "What does the model give: probability or class, and by which threshold?", "output"),
        Item("16", "How do development and evaluation data differ?", "shift"),
        Item("17", "Which board agreed, and was consent given or waived?", "ethics"),
        Item("18a", "Who paid, and with what part in it?"),
        Item("18b", "Which conflicts of interest are there?"),
        Item("18c", "Where is the protocol?"),
        Item("18d", "Was the study registered?"),
        Item("18e", "Are the data available?", "availability"),
        Item("18f", "Is the code available?", "software"),
        Item("19", "Did the people concerned, or the public, take part in it?"),
        Item("20a", "How many went through each stage, with and without the outcome?", "accounts"),
        Item("20b", "What are they like, group by group?", "labels"),
        Item("20c", "How do those of the evaluation compare with those of the development?", "shift"),
        Item("21", "How many participants and outcomes are behind each analysis?", "split"),
        Item("22", "Is the whole model given, so that others can predict with it?", "availability"),
        Item("23a", "How good is it, with intervals, also in groups?", "performance"),
        Item("23b", "How much does that differ between clusters?", "subgroups"),
        Item("24", "What came of an update?"),
        Item("25", "What do the results mean, also for fairness?"),
        Item("26", "What are the limits: sample, overfitting, missing data?", "limits"),
        Item("27a", "How is poor or missing input dealt with in use?", "missing"),
        Item("27b", "Must users take part or know something?"),
        Item("27c", "What should follow?"),
    ),
    "REFORMS": (
        Item("1a", "About which population is the claim?", "aim"),
        Item("1b", "Why that population?"),
        Item("1c", "Why machine learning?"),
        Item("2a", "Which data set exactly, and where is it?", "availability"),
        Item("2b", "Which code, in which version, and where?", "software"),
        Item("2c", "On what was it computed?", "software"),
        Item("2d", "Where is it described how to get the results?", "software"),
        Item("2e", "Is there a script that makes all results?", "software"),
        Item("3a", "From where and when are the data, and who labelled them how?", "data"),
        Item("3b", "From which frame was the sample drawn?"),
        Item("3c", "Why are these data fit for the question?"),
        Item("3d", "What is the outcome, and how is it spread?", "outcome"),
        Item("3e", "How large is the sample, and how large each class?", "labels"),
        Item("3f", "What is missing, and how often?", "missing"),
        Item("3g", "Does the evaluation sample stand for the population of the claim?", "shift"),
        Item("4a", "What was left out, and by which rule?", "excluded"),
        Item("4b", "What of impossible or damaged records?", "excluded"),
        Item("4c", "How were the data transformed?", "predictors"),
        Item("5a", "Which models, with inputs, outputs and kind?", "method"),
        Item("5b", "Why these?"),
        Item("5c", "How was it evaluated: parts, folds?", "split"),
        Item("5d", "How was the model selected?", "model_selection"),
        Item("5e", "How were hyperparameters chosen, and from which?", "hyperparameters"),
        Item("5f", "Against which baselines?", "baselines"),
        Item("6a", "Is training apart from testing in every step?", "split"),
        Item("6b", "What of duplicates and dependent records?", "duplicates"),
        Item("6c", "Is each input legitimate, and no stand-in for the outcome?", "predictors"),
        Item("7a", "Which metrics, and why?", "metrics"),
        Item("7b", "How uncertain are they, and how was that found?", "performance"),
        Item("7c", "Which tests were used, and do their assumptions hold?", "metrics"),
        Item("8a", "What speaks for validity outside of the sample?", "shift"),
        Item("8b", "Where is it not expected to hold?", "limits"),
    ),
    "CREMLS": (
        Item("", "Study: which task and question, and what is done in practice now?", "aim"),
        Item("", "Study: what is known to predict the outcome, or to confound it?"),
        Item("", "Study: the design, the setting and the population.", "data"),
        Item("", "Study: the use that is meant, and how good existing models are.", "baselines"),
        Item("", "Study: which board agreed?", "ethics"),
        Item("", "Data: who was taken in and left out?", "excluded"),
        Item("", "Data: how were they collected, and with which biases?", "data"),
        Item("", "Data: what are they like?", "accounts"),
        Item("", "Data: how were they transformed and cleaned?", "predictors"),
        Item("", "Data: which faults of quality are known?", "excluded"),
        Item("", "Data: how was the size of the sample arrived at?", "accounts"),
        Item("", "Data: are they available?", "availability"),
        Item("", "Method: how was missing input dealt with?", "missing"),
        Item("", "Method: how was imbalance dealt with?", "imbalance"),
        Item("", "Method: were dimensions reduced or data augmented?", "method"),
        Item("", "Method: how was the model chosen, trained and tuned?", "hyperparameters"),
        Item("", "Method: were probabilities calibrated?"),
        Item("", "Method: software, versions and computing.", "software"),
        Item("", "Evaluation: which measures, with which intervals?", "metrics"),
        Item("", "Evaluation: what does each kind of error cost?"),
        Item("", "Evaluation: what came of internal validation?", "performance"),
        Item("", "Evaluation: the final settings.", "hyperparameters"),
        Item("", "Evaluation: on data from elsewhere?", "shift"),
        Item("", "Evaluation: in groups, and where it fails.", "subgroups"),
        Item("", "Evaluation: by what would drift be seen?", "shift"),
        Item("", "Transparency: what matters most in the input, and how does it bear on the outcome?", "explained"),
        Item("", "Transparency: are the outputs plausible?"),
        Item("", "Transparency: how is a user to read a result?", "output"),
    ),
}


def checklists(view: RunAtThreshold, counts: Counts, study: Study) -> str:
    """All three as one Markdown text, for a supplement; it names no account.

    Args:
        view: the run that is reported, at its threshold.
        counts: where the study stands.
        study: what its people say of it.
    """
    answers = _answers(view, counts, study)
    known = sum(item.topic in answers for items in CHECKLISTS.values() for item in items)
    total = sum(len(items) for items in CHECKLISTS.values())
    head = (
        f"# Reporting checklists\n\nWritten by AgeScope {__version__} for the run {view.run.name}. Of {total} items, "
        f"{known} have something that the study's files say, which may not be all that is asked; **{OPEN}** stands "
        "where only people know. The questions are told in other words than the sources', which alone count."
    )
    return "\n\n".join([head, *(_checklist(name, answers) for name in CHECKLISTS)]) + "\n"


def _checklist(name: str, answers: dict[Topic, str]) -> str:
    lines = [f"## {name}", "", f"{SOURCES[name]}", "", "| item | asks | answer |", "|---|---|---|"]
    for item in CHECKLISTS[name]:
        answer = answers.get(item.topic, "") if item.topic else ""
        lines.append(f"| {item.number} | {item.question} | {_cell(answer) or f'**{OPEN}**'} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


def _answers(view: RunAtThreshold, counts: Counts, study: Study) -> dict[Topic, str]:
    """What is known, by subject."""
    silent = int(view.run.predictions["probability"].isna().sum())
    outcomes = _listed({name.replace("_", " "): found for name, found in counts.outcomes.items()})
    answers: dict[Topic, str] = {
        "data": f"Public captions of {count(counts.collected, 'account')} ({count(counts.posts, 'post')}); outcomes of "
        f"collecting: {outcomes}.",
        "accounts": f"{number(counts.listed)} listed, {number(counts.collected)} collected, "
        f"{number(counts.with_posts)} with captions, {number(counts.labelled)} of known age, "
        f"{number(counts.predicted)} predicted.",
        "missing": f"An account without captions gets no probability and is counted apart: {number(silent)} here.",
        "outcome": f"Whether an account's owner is at least {view.cutoff:g} years old, from a known age in years.",
        "output": f"A probability of being at least {view.cutoff:g}; predicted so from {view.threshold:.2f} on. It is "
        "no certainty about a person.",
        "software": f"AgeScope {__version__} (MIT licence); the report lists the versions and settings of the run.",
        "explained": "For a single account: by how much each caption moves its probability when left out. What "
        "matters over all accounts is not summarised.",
        "aim": study.purpose,
        "ethics": study.review_board,
        "performance": f"{view.judged.basis} {methods_section(view)}" if view.judged else "",
        "shift": " ".join(drift_in_words(view.run.drift)) if view.run.drift else "",
    }
    if view.run.model is not None:
        answers |= _of_model(view.run.model, view.cutoff)
    return {topic: answer.strip() for topic, answer in answers.items() if answer.strip()}


def _of_model(model: ModelInfo, cutoff: float) -> dict[Topic, str]:
    """What a model's record says."""
    made, settings = model.training, model.settings
    folds = f" Cross-fitted in {made.cross_fitted.folds} folds." if made.cross_fitted else ""
    left_out = {f"lines rejected ({why})": lines for why, lines in made.labels.rejected.items()} | {
        "not collected": made.labels.not_collected,
        "without captions": made.labels.without_captions,
        "unreadable": made.labels.unreadable,
    }
    compared = baselines(model, cutoff)
    return {
        "split": f"{_listed({part: len(names) for part, names in made.split.items()})}; no account is in two parts."
        f"{folds}",
        "method": method_in_words(made.method, settings).replace("`", ""),
        "labels": f"{number(made.labels.usable)} usable; at least at the cutoff: {_listed(made.labels.at_least)}.",
        "excluded": f"Of {number(made.labels.labelled)} labelled accounts: {_listed(left_out)}.",
        "predictors": "The texts of captions alone; no name, picture, count or contact.",
        "hyperparameters": f"{_hyperparameters(model)}. They are what the training was told; none were searched for.",
        "model_selection": f"Of {len(made.epochs)} epochs number {made.best_epoch} was the best on the validation "
        "accounts."
        if made.epochs
        else "",
        "duplicates": "Accounts with largely the same texts were looked for; groups of them in several parts: "
        f"{made.twins_apart}.",
        "metrics": f"On the {made.measured_on} accounts: AUC, accuracy, balanced accuracy, precision and recall of "
        "both groups, average precision, Brier score and calibration error, each with a 95 % interval over accounts.",
        "imbalance": "Both classes counted alike." if made.arguments.get("balanced") else "No class was weighted.",
        "baselines": f"On the same accounts: {', '.join(compared['method'])}." if len(compared) else "",
    }


def _hyperparameters(model: ModelInfo) -> str:
    told = model.training.arguments
    names = ["seed", *(("learn_rate", "epoch_num", "accumulation_steps") if model.training.epochs else ())]
    known = {name.replace("_", " "): told[name] for name in names if name in told}
    return _listed({**known, "tokens of a caption": model.settings.max_seq_len})


def _listed(values: Mapping[str, object]) -> str:
    shown = [f"{name}: {f'{value:,}' if isinstance(value, int) else value}" for name, value in values.items()]
    return ", ".join(shown) or "none"
