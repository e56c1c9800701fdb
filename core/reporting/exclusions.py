"""The flow of accounts of a study, from those that were looked for to those that an estimate is made of."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from core.index import Counts
from core.models.method_names import ALIKE
from core.reporting.charts import flow
from core.reporting.run_results import Chart, RunAtThreshold
from core.storage.listed import STEPS
from core.utils.formatting import count, number

_GONE = {"private": "private", "not_found": "not found", "failed": "failed to be collected"}
_PARTS = {
    "train": "the model learnt from",
    "validation": "chose the model's settings",
    "test": "kept to test the model",
}


@dataclass(frozen=True)
class Stage:
    """Accounts that came so far, and why some went no further.

    Attributes:
        name: of the stage.
        accounts: that reached it.
        left_out: reason -> accounts; with those of the next stage they add up to ``accounts``.
    """

    name: str
    accounts: int
    left_out: Mapping[str, int]


def stages(view: RunAtThreshold, counts: Counts) -> list[Stage]:
    """The stages of a run, or of the list that was chosen; at each the numbers add up."""
    table = view.run.predictions
    told = int(table["probability"].notna().sum())
    used = told - len(view.run.counted)
    before = _before_of_list(view) if view.run.flow else _before(counts, len(table), len(table) - told)
    return [
        *before,
        Stage("With captions, and a probability", told, _without_zeros(_known_to_the_model(view, used))),
        Stage("The share is estimated from", told - used, {}),
    ]


def flow_chart(view: RunAtThreshold, counts: Counts) -> Chart:
    """The stages as a picture."""
    found = stages(view, counts)
    rows = pd.DataFrame(
        [(stage.name, stage.accounts, reason, lost) for stage in found for reason, lost in _lines(stage).items()],
        columns=["stage", "accounts", "left out because", "left out"],
    )
    text = "; ".join(f"{stage.name}: {number(stage.accounts)}" for stage in found)
    drawn = flow([(stage.name, stage.accounts, dict(stage.left_out)) for stage in found])
    return Chart("Flow of accounts", drawn, f"Flow of accounts. {text}", rows)


def _lines(stage: Stage) -> Mapping[str, int]:
    return stage.left_out or {"": 0}


def _before_of_list(view: RunAtThreshold) -> list[Stage]:
    """Of a list: how many it names, and how many of them have no probability."""
    list_flow = view.run.flow
    assert list_flow is not None
    steps = list_flow.steps
    rows = {name: steps[key] for key, name in STEPS.items() if key not in ("known_to_the_model", "estimated")}
    names = " and ".join(list_flow.of.names)
    return [Stage(f"On the list {names}", list_flow.listed, _without_zeros(rows))]


def _before(counts: Counts, rows: int, silent: int) -> list[Stage]:
    """Of a whole study: those known, those with a file, those in the run."""
    gone = {name: counts.outcomes.get(key, 0) for key, name in _GONE.items()}
    others = counts.collected - rows
    if others < 0:  # accounts were removed since the prediction
        return [Stage("Accounts of these predictions", rows, _without_zeros({"no captions": silent}))]
    reasons = gone if not others and sum(gone.values()) <= silent else {}
    lost = {**reasons, "no captions": silent - sum(reasons.values())}
    found = [Stage("Accounts of these predictions", rows, _without_zeros(lost))]
    if others:
        found.insert(0, Stage("Collected or imported", counts.collected, {"not among these predictions": others}))
    if counts.missing:
        known = counts.missing + counts.collected
        found.insert(0, Stage("Listed, collected or imported", known, {"not collected": counts.missing}))
    return found


def _known_to_the_model(view: RunAtThreshold, used: int) -> dict[str, int]:
    """Of the accounts with a probability that no estimate is made of, what each was to the model."""
    known = view.run.predictions.loc[view.run.predictions["probability"].notna(), "username"]
    parts = view.run.part_of(known).value_counts()
    is_measuring = view.run.model is not None and view.run.model.training.method in ALIKE
    words = _PARTS | ({"validation": "measured the model, and chose nothing"} if is_measuring else {})
    found = {said: int(parts.get(part, 0)) for part, said in words.items()}
    return found if sum(found.values()) == used else {"made the model or tell its errors": used}


def _without_zeros(reasons: dict[str, int]) -> dict[str, int]:
    return {reason: accounts for reason, accounts in reasons.items() if accounts}


def flow_in_words(view: RunAtThreshold, counts: Counts) -> str:
    """The stages as sentences."""
    told = []
    for stage in stages(view, counts):
        lost = "; ".join(f"{number(accounts)} {reason}" for reason, accounts in stage.left_out.items())
        told.append(f"{stage.name}: {count(stage.accounts, 'account')}" + (f" (less {lost})." if lost else "."))
    return " ".join(told)
