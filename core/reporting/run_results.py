"""One prediction run seen at one threshold: every figure and chart of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import altair as alt
import pandas as pd

from core.errors import InputError
from core.evaluation.audit import audited, members_of
from core.evaluation.evaluate import by_age_group, tables
from core.evaluation.groups import Asked, compare_groups, groups_of
from core.evaluation.holdout import HoldoutSet, error_rates, judged_accounts
from core.evaluation.likeness import Likeness
from core.evaluation.prevalence import CORRECTED, PrevalenceSample, predicted_accounts, prevalence_sample
from core.evaluation.share_records import AuditRecord, GroupsRecord, PrevalenceRecord, ShareName, ShareRecord
from core.models.comparison_record import ComparisonRecord
from core.models.folder import COMPARISON_FILE, ModelInfo, cutoff_index
from core.models.method_names import method_name
from core.reporting import charts
from core.statistics.calibration import Floats
from core.statistics.curves import calibration_curve, precision_recall_points, rates_by_threshold, roc_curve
from core.statistics.drift import Drift
from core.statistics.thresholds import Band, abstention_band
from core.storage.listed import Bounds, Interval, ListFlow, NamedList, flow_of
from core.storage.predictions_file import DECIMALS
from core.utils.formatting import count, number, percent, percent_interval
from core.utils.records import find_record

UNCERTAIN, TOO_FEW, SILENT = "uncertain", "too few captions", "no captions"
"""What an account is called that is called neither under nor at least."""

CALIBRATION = "Calibration"
"""The title of its chart."""

AUDITED = "From the audit sample"

ESTIMATES: dict[ShareName, str] = {
    "raw": "Counted",
    "rogan_gladen": "Corrected for both error rates (Rogan and Gladen)",
    "expectation_maximisation": "From the whole probabilities (expectation maximisation)",
}
_NOTES: dict[ShareName, str] = {
    "rogan_gladen": "for comparison",
    "expectation_maximisation": "depends on no threshold; for comparison",
}

_WITHHELD = "withheld; a sentence beside this table says why"

NEW = "new"
"""The part in the model of an account that it neither learnt from nor was chosen or tested by."""
_SHARE_COLUMNS = ["estimate", "share", "95 % interval", "of whom", "note"]
_NOT_MOVED = 0.005  # half a step of the slider
_FEWEST_SHOWN = 5  # accounts of an age or a number of posts; fewer could be told apart by those who know them

COMPARED = ("auc", "accuracy", "average_precision", "calibration_error")
"""The figures by which methods are shown side by side."""


@dataclass(frozen=True)
class Chart:
    """A chart with what it shows in words, and the figures behind it."""

    title: str
    drawn: alt.TopLevelMixin
    alt: str
    data: pd.DataFrame


@dataclass(frozen=True)
class Run:
    """A prediction run, and what of it does not depend on a threshold.

    Attributes:
        name: of its folder.
        predictions: ``username``, ``probability``, ``prediction``, ``posts``, ``age``; a row an account.
        model: what made them, or None where it is gone.
        cutoff: the age in years.
        likeness: how the accounts compare with the training ones.
        audit: the filled-in audit sample of these accounts; None where there is none.
        everybody: the whole run, where ``predictions`` are those of a list; it tells how good the model is.
        flow: what became of the accounts of that list; None where the run as a whole is meant.
        gone: how many accounts were predicted and are no longer among the predictions, because they were erased.
    """

    name: str
    predictions: pd.DataFrame
    model: ModelInfo | None
    cutoff: float
    likeness: Likeness | None = None
    audit: bytes | None = None
    everybody: pd.DataFrame | None = None
    flow: ListFlow | None = None
    gone: int = 0

    def of_list(self, of: NamedList, folder: Path) -> "Run":
        """The run for the accounts of a list; ``folder`` has the accounts' files, which say why some are missing.

        Raises:
            InputError: none of them is among the predictions.
        """
        members = members_of(self.predictions, of)
        predicted = dict(zip(members["username"], members["probability"].notna(), strict=True))
        flow = flow_of(of, predicted, set(self.parts), folder)
        return replace(self, predictions=members, everybody=self.predictions, flow=flow)

    def at_cutoff(self, cutoff: float, probability: Mapping[str, float]) -> "Run":
        """The run as a model of several cutoffs sees it at another one; ``probability`` by username.

        Whether the accounts are like those of the training is asked anew, since the classes are others.
        An audit sample was drawn by the probabilities at the run's own cutoff, and is left to it.
        """
        told = self.predictions["username"].map(probability)
        settled = self.predictions.assign(probability=told, prediction=float("nan"))
        likeness = replace(self.likeness, cutoff=cutoff, recorded=None) if self.likeness else None
        return replace(self, predictions=settled, cutoff=cutoff, likeness=likeness, audit=None)

    @cached_property
    def drift(self) -> Drift | None:
        """How the accounts differ from the training ones; None where that is not known."""
        return self.likeness.of(predicted_accounts(self.predictions)) if self.likeness else None

    @cached_property
    def audited(self) -> AuditRecord | str | None:
        """The share by the run's audit sample, or why it gives none; None where the run has no sample."""
        if self.audit is None:
            return None
        try:
            return audited(self.predictions, self.audit, self.cutoff)
        except InputError as error:
            return str(error)

    @cached_property
    def judged(self) -> HoldoutSet | None:
        """The labelled accounts that say how good the model is."""
        everybody = self.predictions if self.everybody is None else self.everybody
        return judged_accounts(everybody, self.model, self.cutoff)

    @cached_property
    def parts(self) -> dict[str, str]:
        """What each account that made the model was used for: train, validation or test."""
        split = self.model.training.split if self.model else {}
        return {username: part for part, usernames in split.items() for username in usernames}

    def part_of(self, usernames: "pd.Series[str]") -> "pd.Series[str]":
        """What each account was to the model; :data:`NEW` where it had no part in it."""
        return usernames.map(lambda username: self.parts.get(username, NEW))

    @cached_property
    def is_new(self) -> "pd.Series[bool]":
        """Of each account, whether the model neither learnt from it nor was chosen or tested by it."""
        return ~self.predictions["username"].isin(list(self.parts))

    @cached_property
    def histogram(self) -> pd.DataFrame:
        """Accounts by probability and labelled group."""
        return charts.histogram(self.predictions, self.cutoff)

    @cached_property
    def histogram_of_new(self) -> pd.DataFrame:
        """The same of the accounts that are new to the model."""
        return charts.histogram(self.predictions[self.is_new], self.cutoff)

    @cached_property
    def counted(self) -> Floats:
        """The probabilities of the accounts that shares are about: new to the model, where there are such."""
        if isinstance(self.sample, str):
            return self.predictions["probability"].dropna().to_numpy(dtype=float)
        return self.sample.probability

    @property
    def counted_in_words(self) -> str:
        """Which accounts these are, in one sentence or more."""
        listed = f"{self.flow.in_words()} " if self.flow else ""
        were = "was" if self.gone == 1 else "were"
        gone = f" {count(self.gone, 'further account')} of these predictions {were} erased since." if self.gone else ""
        if isinstance(self.sample, str):
            return f"{listed}Of all {count(len(self.counted), 'predicted account')}.{gone}"
        left_out = self.sample.about["accounts"]["left_out_known_to_the_model"]
        known = f"; {number(left_out)} that made it or tell its errors are left out" if left_out else ""
        return f"{listed}Of the {count(len(self.counted), 'account')} that the model had not seen{known}.{gone}"

    @cached_property
    def sample(self) -> PrevalenceSample | str:
        """What the corrected shares are estimated from, or why they cannot be."""
        if self.model is None:
            return "The model's folder is gone, so its errors are unknown and the share cannot be corrected."
        try:
            return prevalence_sample(self.predictions, self.model, self.cutoff, self.drift)
        except InputError as error:
            return str(error)


@dataclass(frozen=True)
class RunAtThreshold:
    """A prediction run at a threshold.

    Attributes:
        run: what does not depend on the threshold.
        threshold: from which probability on "at least" is predicted.
        wanted: the accuracy below which an account is called uncertain; None calls none so.
        fewest: with fewer captions an account is called by none of both sides, whatever its probability.
    """

    run: Run
    threshold: float
    wanted: float | None = None
    fewest: int = 1

    @property
    def cutoff(self) -> float:
        """The age in years."""
        return self.run.cutoff

    @property
    def judged(self) -> HoldoutSet | None:
        """The labelled accounts that say how good the model is."""
        return self.run.judged

    @property
    def is_moved(self) -> bool:
        """Whether the threshold is another than the model's own, so that the accounts that test it chose it."""
        if self.run.model is None:
            return False
        settings = self.run.model.settings
        return abs(self.threshold - settings.thresholds[cutoff_index(settings, self.cutoff)]) > _NOT_MOVED

    @cached_property
    def band(self) -> Band | None:
        """Where the model is called uncertain; None where it never is, or no band gives the wanted accuracy."""
        if self.judged is None or self.wanted is None:
            return None
        return abstention_band(self.judged.known.at_least, self.judged.known.probability, self.wanted, self.threshold)

    @cached_property
    def called(self) -> "pd.Series[str]":
        """What each account is called, in the same words on every page and in every download."""
        return self._called(self.run.predictions)

    def _is_uncertain(self, table: pd.DataFrame) -> "pd.Series[bool]":
        probability = table["probability"]
        if self.band is None:
            return pd.Series(False, index=probability.index)
        return pd.Series(self.band.holds(probability.to_numpy(dtype=float)), probability.index) & probability.notna()

    def _called(self, table: pd.DataFrame) -> "pd.Series[str]":
        below, at_least, _ = charts.group_names(self.cutoff)
        called = (table["probability"] >= self.threshold).map({True: at_least, False: below})
        called = called.where(~self._is_uncertain(table), UNCERTAIN)
        called = called.where(table["posts"] >= self.fewest, TOO_FEW)
        return called.where(table["probability"].notna(), SILENT)

    @property
    def too_few_in_words(self) -> str:
        """How many accounts have too few captions, and what the counted share is without them."""
        has_probability = self.run.predictions["probability"].notna()
        enough = self.run.predictions["probability"][has_probability & (self.run.predictions["posts"] >= self.fewest)]
        few = int(has_probability.sum()) - len(enough)
        if not few:
            return ""
        whole = self.run.predictions["probability"][has_probability]
        with_them = percent(float((whole >= self.threshold).mean()), 1)
        without = percent(float((enough >= self.threshold).mean()), 1) if len(enough) else "–"
        return (
            f"{count(few, 'account')} with fewer than {count(self.fewest, 'caption')} are called by neither side. They "
            f"stay in every share; {with_them} of all predicted accounts are at or above the threshold, {without} "
            "without them."
        )

    @property
    def counted(self) -> tuple[int, int]:
        """How many accounts of the sample are predicted to be at least at the cutoff, and how many it has."""
        return int((self.run.counted >= self.threshold).sum()), len(self.run.counted)

    @cached_property
    def prevalence(self) -> PrevalenceRecord | str:
        """The shares as :func:`core.evaluation.prevalence.prevalence` gives them, or why there are none."""
        sample = self.run.sample
        if isinstance(sample, str):
            return sample
        try:
            return sample.at(self.threshold)
        except InputError as error:
            return str(error)

    def groups(self, lists: Sequence[Path], by: str) -> GroupsRecord:
        """The shares of groups of lists and their differences; see :func:`core.evaluation.groups.compare_groups`.

        Raises:
            InputError: the lists have no such groups.
        """
        asked: Asked = {"threshold": self.threshold, "age_cutoff": self.cutoff, "withheld": self.withheld}
        return compare_groups(by, groups_of(lists, by), self.run.predictions, asked, self.run.likeness)

    @property
    def withheld(self) -> list[str]:
        """Why there is no corrected share although the model's errors are known; none where there is one."""
        return [] if isinstance(self.prevalence, str) else self.prevalence["withheld"]

    @property
    def corrected(self) -> ShareRecord | None:
        """The corrected share to report; its value is None where it is withheld or cannot be told."""
        if isinstance(self.prevalence, str):
            return None
        return self.prevalence[self.prevalence["recommended"]]

    @property
    def shares(self) -> pd.DataFrame:
        """Each estimate of the share with its interval, in words: estimate, share, interval, of whom, note."""
        found, table = self.prevalence, self.run.predictions
        rows = []
        if isinstance(self.run.audited, dict):
            everybody = f"all {number(self.run.audited['population'])} of the predictions, with captions or without"
            rows.append(_figures(AUDITED, self.run.audited, everybody, _audit_note(self.run.audited)))
        if not isinstance(found, str):
            who = f"{number(len(self.run.counted))} new to the model"
            of_these = "the one to report" + " of these accounts" * (self.known_and_corrected is not None)
            notes = {**_NOTES, found["recommended"]: of_these}
            said = {key: found[key]["note"] or notes.get(key) for key in ESTIMATES}
            if self.withheld:
                said |= dict.fromkeys(CORRECTED, _WITHHELD)
            rows += [_figures(name, found[key], who, said[key]) for key, name in ESTIMATES.items()]
        if (known := self.known_and_corrected) is not None:
            all_of_them = int((table["age"].notna() | table["probability"].notna()).sum())
            who = f"all {number(all_of_them)} of known age or with captions"
            note = f"the one to report of all of them: {known['note']}"
            rows.append(_figures("Known ages as known, the others corrected", known, who, note))
        rows += [
            (
                f"Of the whole list: {name}",
                f"{percent(low, 1)} to {percent(high, 1)}",
                percent_interval(*ends),
                f"all {number(self.run.flow.listed)} of the list" if self.run.flow else "",
                note,
            )
            for name, low, high, ends, note in self._whole_list_rows()
        ]
        return pd.DataFrame(rows, columns=_SHARE_COLUMNS)

    @property
    def answer_in_words(self) -> str:
        """Which of :attr:`shares` answers the question about everybody who was meant."""
        if self.run.flow is not None:
            if not self.whole_list:
                return "No estimate answers the question about the whole list yet."
            return (
                "The rows *of the whole list* answer the question about the list: the accounts that are missing may be "
                "of either side."
            ).replace("*", "")
        if isinstance(self.run.audited, dict):
            return f"{AUDITED!r} answers the question about all accounts of these predictions."
        if self.known_and_corrected is not None:
            return (
                "'Known ages as known, the others corrected' answers the question about all accounts with captions or "
                "a known age. Of a whole list: choose it under Of whom."
            )
        if isinstance(self.prevalence, str) or self.withheld:
            return "No estimate answers the question about all accounts yet; an audit sample would."
        return (
            f"{ESTIMATES[self.prevalence['recommended']]!r} answers the question about the accounts with captions that "
            "are new to the model. Of a whole list: choose it under Of whom."
        )

    def shares_chart(self) -> Chart | None:
        """Every estimate of the share as a point with its interval; None where there are none."""
        found = self.prevalence
        estimates: dict[str, Interval | AuditRecord] = {}
        if not isinstance(found, str):
            estimates = {
                name: found[key] for key, name in ESTIMATES.items() if self.withheld or found[key]["low"] is not None
            }
        if isinstance(self.run.audited, dict):
            estimates["From the audit sample"] = self.run.audited
        if not estimates:
            return None
        if self.known_and_corrected is not None:
            estimates["Known ages as known, the others corrected"] = self.known_and_corrected
        data = pd.DataFrame(
            [
                {"estimate": name} | {key: share[key] for key in ("value", "low", "high")}
                for name, share in estimates.items()
            ]
        )
        title = f"Share at least {self.cutoff:g}"
        text = "; ".join(
            f"{name} {'withheld' if share['value'] is None else percent(share['value'], 1)}"
            for name, share in estimates.items()
        )
        return Chart(title, charts.estimates(data, title.lower()), f"{title} with 95 % intervals: {text}", data)

    def _whole_list_rows(
        self,
    ) -> Iterator[tuple[str, float | None, float | None, tuple[float | None, float | None], str]]:
        for name, (bounds, missing) in self.whole_list.items():
            note = f"from none to all of the {number(missing)} missing at least {self.cutoff:g}"
            yield name, bounds["none_at_least"], bounds["all_at_least"], (bounds["low"], bounds["high"]), note

    @cached_property
    def whole_list(self) -> dict[str, tuple[Bounds, int]]:
        """The share of everybody on the list by estimate: its bounds, and how many accounts no estimate is about."""
        flow, table = self.run.flow, self.run.predictions
        if flow is None:
            return {}
        found: dict[str, tuple[Bounds, int]] = {}
        if isinstance(self.run.audited, dict):
            found["audited"] = flow.bounds(*_ends(self.run.audited), missing := flow.listed - len(table)), missing
        if self.known_and_corrected is not None:
            missing = flow.listed - int((table["age"].notna() | table["probability"].notna()).sum())
            found["corrected"] = flow.bounds(*_ends(self.known_and_corrected), missing), missing
        elif self.corrected is not None and self.corrected["value"] is not None:
            found["corrected"] = flow.bounds(*_ends(self.corrected)), flow.missing
        return found

    @cached_property
    def known_and_corrected(self) -> ShareRecord | None:
        """The share among all accounts with a known age or a probability; None where no age is known.

        A known age is counted as it is; the share of the others is corrected by the recommended method.
        """
        table = self.run.predictions
        ages = table["age"].dropna()
        others = table["probability"][table["age"].isna()].dropna().to_numpy(dtype=float)
        if isinstance(self.prevalence, str) or isinstance(self.run.sample, str) or ages.empty or not len(others):
            return None
        rest = self.run.sample.corrected(others, self.threshold)
        if self.withheld or rest.value is None or rest.low is None or rest.high is None:
            return None
        at_least, total = int((ages >= self.cutoff).sum()), len(ages) + len(others)
        shares = [(at_least + share * len(others)) / total for share in (rest.value, rest.low, rest.high)]
        note = (
            f"{count(len(ages), 'account')} of known age, {number(at_least)} of them at least {self.cutoff:g}; "
            f"{number(len(others))} others corrected"
        )
        return {"value": shares[0], "low": shares[1], "high": shares[2], "note": note}

    @property
    def errors(self) -> pd.DataFrame:
        """The confusion at the threshold with both error rates, in words; empty where nothing is known."""
        if self.judged is None:
            return pd.DataFrame()
        below, at_least, _ = charts.group_names(self.cutoff)
        names = {"under": (below, at_least), "at_least": (at_least, below)}
        rows = [
            {
                "label": names[row.group][0],
                f"predicted {below}": row.right if row.group == "under" else row.wrong,
                f"predicted {at_least}": row.wrong if row.group == "under" else row.right,
                "in error": percent(row.rate, 1),
                "95 % interval": percent_interval(*row.interval),
            }
            for row in error_rates(self.judged.known, self.threshold)
        ]
        return pd.DataFrame(rows)

    def distributed(self, everybody: bool = False) -> tuple[pd.DataFrame, str]:
        """The accounts that the histogram shows, and who they are; see :meth:`distribution`."""
        if everybody or self.run.is_new.all() or not self.run.is_new.any():
            return self.run.predictions, "all predicted accounts"
        return self.run.predictions[self.run.is_new], "accounts new to the model"

    def distribution(self, everybody: bool = False) -> Chart:
        """Accounts by probability, with the threshold and the band.

        Args:
            everybody: with the accounts that made the model, which it parts better than any others.
        """
        shown, who = self.distributed(everybody)
        counts = self.run.histogram if len(shown) == len(self.run.predictions) else self.run.histogram_of_new
        band = (self.band.low, self.band.high) if self.band and self.band.low < self.band.high else None
        drawn = charts.probabilities(counts, self.cutoff, self.threshold, band)
        probability = shown["probability"].dropna()
        at_least = int((probability >= self.threshold).sum())
        text = f"{who[:1].upper()}{who[1:]} by probability of being at least {self.cutoff:g}; "
        text += f"{at_least:,} of {len(probability):,} at or above the threshold {self.threshold:.2f}"
        return Chart(f"Probabilities of {who}", drawn, text, counts)

    def quality_charts(self) -> Iterator[Chart]:
        """Error rates by threshold, ROC, precision and recall, calibration; none where nothing is known."""
        if self.judged is None:
            return
        truth, probability = self.judged.known.at_least, self.judged.known.probability
        rates = rates_by_threshold(truth, probability)
        now = rates.iloc[[int((rates["threshold"] - self.threshold).abs().argmin())]]
        yield Chart(
            "Both error rates by threshold",
            charts.rates(rates, self.cutoff, self.threshold),
            "Share in error of both groups by threshold",
            rates,
        )
        roc = roc_curve(truth, probability)
        at = now.assign(true_positive_rate=now["recall_at_least"], false_positive_rate=1 - now["recall_under"])
        yield Chart("ROC curve", charts.roc(roc, at), "ROC curve, with the threshold on it", roc)
        precision = precision_recall_points(truth, probability)
        hits, called = now["at_least_predicted_at_least"], now["under_predicted_at_least"]
        at = now.assign(recall=now["recall_at_least"], precision=hits / (hits + called))
        drawn = charts.precision_recall(precision, at.dropna(subset=["precision"]))
        yield Chart("Precision and recall", drawn, "Precision by recall, with the threshold on it", precision)
        bins = calibration_curve(truth, probability)
        yield Chart(
            CALIBRATION, charts.calibration(bins), "Observed share at least by probability, with intervals", bins
        )

    def error_charts(self) -> Iterator[Chart]:
        """Where the errors sit: by age and by number of posts; none where the run has no labels of its own."""
        if self.judged is None or self.judged.source != "run":
            return
        by_posts = tables(self.judged.table, self.threshold)["by_posts"]
        by_age = by_age_group(self.judged.table, self.cutoff, self.threshold)
        for rows, title in ((by_age, "known age"), (by_posts, "captions used")):
            data = pd.DataFrame(rows)
            data = data[data["accounts"] >= _FEWEST_SHOWN].assign(group=data["group"].astype(str))
            if data.empty:
                continue
            drawn = charts.accuracy_by(data, f"{title}; groups of {_FEWEST_SHOWN} accounts or more")
            yield Chart(f"Accuracy by {title}", drawn, f"Accuracy by {title}", data)

    @property
    def counted_uncertain(self) -> int:
        """How many of the accounts that shares are about lie inside the band."""
        if self.band is None:
            return 0
        return int(self.band.holds(self.run.counted).sum())

    def downloads(self) -> pd.DataFrame:
        """The rows of all accounts of the run; see :meth:`rows`."""
        return self.rows(self.run.predictions)

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """A row an account of ``table``, with all that the figures on the page are made from.

        The first columns are those of the command line's file, so that ``evaluate`` reads it.
        """
        probability = table["probability"]
        predicted = (probability >= self.threshold).astype("Int8").where(probability.notna())
        return pd.DataFrame(
            {
                "username": table["username"],
                "probability": probability.round(DECIMALS),
                "prediction": predicted,
                "posts": table["posts"],
                "known_age": table["age"],
                "part": self.run.part_of(table["username"]),
                "uncertain": self._is_uncertain(table),
                "called": self._called(table),
                "cutoff": self.cutoff,
                "threshold": self.threshold,
                "run": self.run.name,
                "model": self.run.model.name if self.run.model else None,
            }
        )


def baselines(model: ModelInfo, cutoff: float) -> pd.DataFrame:
    """Every method of the comparison that a model is part of, in words, best first; empty where it is part of none."""
    record = find_record(ComparisonRecord, model.folder.parent / COMPARISON_FILE)
    rows = [row for row in record.rows if row.cutoff == cutoff] if record else []
    return pd.DataFrame(
        [
            {"method": method_name(row.method) + " (this one)" * (row.method == model.folder.name)}
            | {name.replace("_", " "): row.metrics[name].in_words() for name in COMPARED}
            for row in sorted(rows, key=lambda row: row.auc, reverse=True)
        ]
    )


def _ends(share: Interval | AuditRecord) -> tuple[float | None, float | None, float | None]:
    return share["value"], share["low"], share["high"]


def _figures(
    name: str, share: Interval | AuditRecord, who: str, note: str | None
) -> tuple[str, str, str, str, str | None]:
    return name, percent(share["value"], 1), percent_interval(share["low"], share["high"]), who, note


def audited_in_words(found: AuditRecord) -> str:
    """The audited share with what it rests on, as a sentence for a paper."""
    silent = found["accounts"]["population_without_captions"]
    without = f" ({number(silent)} of them without captions)" if silent else ""
    untold = found["sample"] - found["accounts"]["told"]
    bounds = f"; the ages of {number(untold)} could not be told, for which the interval allows" if untold else ""
    return (
        f"By a random sample of {count(found['sample'], 'account')} whose ages a person found out{bounds}, "
        f"{percent(found['value'], 1)} of all {count(found['population'], 'account')}{without} are at least "
        f"{found['age_cutoff']:g} (95 % interval {percent_interval(found['low'], found['high'])}; {found['method']})."
    )


def _audit_note(found: AuditRecord) -> str:
    told = count(found["accounts"]["told"], "account")
    return f"needs no belief in the model; {told} told of {number(found['population'])}, those without captions too"


def drift_in_words(found: Drift) -> list[str]:
    """What :mod:`core.statistics.drift` found, as sentences."""
    return [*found.warnings] or ["In length, number, language and vocabulary of their captions they do."]
