"""Prediction: a folder of accounts and a model in, a table with a row for every account out."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from core.encoder.vector_cache import open_cache
from core.errors import InputError
from core.jobs.progress import Progress
from core.models.folder import cutoff_index, is_model_folder, locate_model, read_model_info, versions
from core.models.settings import ModelSettings
from core.prediction.account_rows import ACCOUNTS_AT_ONCE, AccountPredictor, AccountReader, load_account_predictor
from core.prediction.arguments import PredictArguments
from core.privacy.pseudonyms import open_pseudonyms
from core.settings import get_settings
from core.statistics.drift import Drift, compare, read_profile
from core.storage.account_files import account_files, read_accounts
from core.storage.listed import ListFlow, NamedList, flow_of, read_named_list, wanted_files
from core.storage.predictions_file import PartialPredictions, check_output, run_file
from core.storage.run_record import RunRecord
from core.utils.iteration import batched, prefetch
from core.utils.records import utc_now, write_record

DRIFT_SAMPLE = 2_000


@dataclass(frozen=True)
class PredictSummary:
    """What a prediction run did.

    Attributes:
        output: the predictions.
        run_file: what made them: ``<stem>.run.json`` beside them.
        accounts: rows written.
        predicted: of these, accounts with captions.
        at_least: of these, accounts predicted to be at least at the cutoff.
        without_captions: rows with an empty probability.
        warnings: in what the accounts do not look like those that the model learnt from.
        no_estimate: whether they look so different, or so little is known of it, that their share cannot be told.
        unreadable: files that hold no account: name -> reason.
        flow: what became of the accounts of the list; None where there was none.
        age_cutoff: in years.
        threshold: from which probability on "at least" is predicted.
    """

    output: Path
    run_file: Path
    accounts: int
    predicted: int
    at_least: int
    without_captions: int
    unreadable: dict[str, str]
    warnings: list[str]
    age_cutoff: float
    threshold: float
    no_estimate: bool = False
    flow: ListFlow | None = None

    def __str__(self) -> str:
        share = f" ({100 * self.at_least / self.predicted:.1f} %)" if self.predicted else ""
        lines = [
            f"{self.at_least} of {self.predicted} accounts{share} are predicted to be at least {self.age_cutoff:g}. "
            f"{self.without_captions} have no caption. Predictions: {self.output}"
        ]
        if self.unreadable:
            lines.append(f"{len(self.unreadable)} files could not be read; {self.run_file} names them.")
        if self.no_estimate:
            lines.append(
                "This count is no estimate of the share: the accounts are too unlike those that the model learnt from, "
                "or cannot be compared with them. Label a random sample of them."
            )
        return "\n".join([*([self.flow.in_words()] if self.flow else []), *lines, *self.warnings])


def predict(arguments: PredictArguments, progress: Progress) -> PredictSummary:
    """Predict for every account of a folder.

    Rows go to ``<output>.part`` as they come; the output appears when all are there. The same call,
    after an interruption, goes on from what is written. A file that holds no account is left out
    and named in the summary.

    Raises:
        InputError: the folder, the model or a setting cannot be used, or no file holds an account.
        Stopped: asked to stop.
    """
    of = read_named_list(arguments.user_file) if arguments.user_file else None
    folder = arguments.folder
    files = [*wanted_files(account_files(folder), of)]
    if of is not None and not files:
        raise InputError(f"No account of {' and '.join(of.names)} is in {folder}. Collect them first.")
    output = arguments.prediction_output_file.resolve()
    check_output(output)
    if arguments.pseudonymise and output.is_relative_to(get_settings().predictions_dir):
        raise InputError(
            f"{output.parent} is where the dashboard looks for predictions, which it joins with ages by name. "
            "Write pseudonyms to another folder; what one downloads from the dashboard holds them anyway."
        )
    with open_cache(get_settings().cache_dir if arguments.cache else None) as cache:
        model = load_account_predictor(arguments, cache)
        run = PredictionRun(arguments, model.predictor.settings, of)
        cutoffs = model.predictor.settings.age_cutoffs
        with PartialPredictions(arguments.prediction_output_file, run.identity(), cutoffs) as written:
            run.predict_files(model, files, written, progress)
            if not written.usernames:
                raise InputError(f"{folder} holds no account files. Collect or import accounts first.")
            rows = written.finish()
    return run.summary(rows)


class PredictionRun:
    """A run from its start to the record of what made its predictions.

    Attributes:
        settings: the model's, as they were used.
        unreadable: why files have no row, by name.
        outcomes: what became of accounts without captions, where no file tells it.
        sample: captions of accounts that did not make the model.
        labelled: the accounts that did.
        numbers, precision: in which workers computed; "" where there was none but this process.
    """

    def __init__(self, arguments: PredictArguments, settings: ModelSettings, of: NamedList | None) -> None:
        self.arguments, self.settings, self.of = arguments, settings, of
        column = cutoff_index(settings, arguments.age_cutoff)
        self.cutoff, self.threshold = settings.age_cutoffs[column], settings.thresholds[column]
        self.numbers = self.precision = ""
        self.unreadable: dict[str, str] = {}
        self.outcomes: dict[str, str] = {}
        self.sample = Sample(DRIFT_SAMPLE)
        self.model = model_folder(arguments.finetuned_model_path)
        self.labelled = labelled_accounts(self.model)
        self.name_in_file = open_pseudonyms(get_settings()).of if arguments.pseudonymise else str
        self.started_at = datetime.now(UTC)

    def predict_files(
        self, model: AccountPredictor, files: Sequence[Path], written: PartialPredictions, progress: Progress
    ) -> None:
        """Add a row for every account that has none yet."""
        reader = AccountReader(
            lambda account: self.sample.add(account.captions), self.labelled, self._leave_out, self.name_in_file
        )
        progress.update(0, len(files), message="predicting")
        seen, started, predicted = set(written.usernames), time.monotonic(), 0
        batches = [*batched(files, ACCOUNTS_AT_ONCE[self.arguments.device])]
        done = 0
        for batch, accounts in zip(
            batches, prefetch(reader.read(read_accounts(batch), seen) for batch in batches), strict=True
        ):
            progress.check()
            written.add(model.rows(accounts, self.name_in_file))
            done, predicted = done + len(batch), predicted + len(accounts)
            each = (time.monotonic() - started) / max(1, predicted)  # those of an earlier run cost nothing
            progress.update(done, seconds_left=round(each * (len(files) - done), 1) if predicted else None)

    def _leave_out(self, name: str, reason: str) -> None:
        """Write down why a file has no row; the reason may hold its name, which pseudonyms are to hide."""
        if self.arguments.pseudonymise:
            self.unreadable[self.name_in_file(Path(name).stem)] = "its file holds no account that can be used"
        else:
            self.unreadable[name] = reason

    def identity(self) -> dict[str, object]:
        """What the rows depend on; rows of an interrupted run with another identity are not used."""
        weights = locate_model(self.arguments.finetuned_model_path).weights_file.stat()
        return {
            "arguments": self.arguments.what_is_computed(),
            "settings": self.settings.as_dict(),
            "weights": [weights.st_size, weights.st_mtime_ns],
            "listed": None if self.of is None else sorted(self.of.usernames),
        }

    def summary(self, rows: pa.Table) -> PredictSummary:
        """Count ``rows``, of a predictions file, and write down beside it what made them."""
        output = self.arguments.prediction_output_file
        predicted = len(rows) - rows["probability"].null_count
        drift = self._drift()
        summary = PredictSummary(
            output=output,
            run_file=run_file(output),
            accounts=len(rows),
            predicted=predicted,
            at_least=pc.sum(rows["prediction"]).as_py() or 0,
            without_captions=len(rows) - predicted,
            unreadable=self.unreadable,
            warnings=[] if drift is None else [*drift.warnings],
            no_estimate=drift is not None and (bool(drift.forbidding) or not drift.is_by_texts),
            age_cutoff=self.cutoff,
            threshold=self.threshold,
            flow=self._flow(rows),
        )
        write_record(summary.run_file, self._record(summary, drift))
        return summary

    def _flow(self, rows: pa.Table) -> ListFlow | None:
        if self.of is None:
            return None
        has_probability = pc.is_valid(rows["probability"])
        predicted = dict(zip(rows["username"].to_pylist(), has_probability.to_pylist(), strict=True))
        return flow_of(self.of, predicted, folder=self.arguments.input_dir, outcomes=self.outcomes)

    def _drift(self) -> Drift | None:
        """A sample of the accounts against those that the model learnt from; None where nothing is known of them."""
        profile = read_profile(self.model) if self.model else None
        if profile is None or not self.sample.kept:
            return None
        return Drift.of(compare(profile, self.sample.kept, self.cutoff))

    def _record(self, summary: PredictSummary, drift: Drift | None) -> RunRecord:
        settings = self.settings
        return RunRecord(
            created_at=utc_now(),
            model=str(self.arguments.finetuned_model_path),
            model_made_at=read_model_info(self.model).training.created_at if self.model else None,
            encoder=settings.encoder,
            age_cutoff=self.cutoff,
            threshold=self.threshold,
            precision=self.precision or settings.precision,
            precision_asked_for=self.arguments.precision,
            numbers=self.numbers or settings.numbers,
            max_seq_len=settings.max_seq_len,
            input_dir=None if self.arguments.input_dir is None else str(self.arguments.input_dir),
            shards_from=self.arguments.shards_from,
            accounts=summary.accounts,
            predicted=summary.predicted,
            at_least=summary.at_least,
            without_captions=summary.without_captions,
            unreadable=summary.unreadable,
            seconds=round((datetime.now(UTC) - self.started_at).total_seconds(), 1),
            versions=versions(),
            of=None if summary.flow is None else summary.flow.as_json(),
            drift=drift and drift.model_dump(mode="json"),
        )


def model_folder(path: Path) -> Path | None:
    """The folder of a model, or None of a bare state dict."""
    folder = locate_model(path).weights_file.parent
    return folder if is_model_folder(folder) else None


def labelled_accounts(folder: Path | None) -> frozenset[str]:
    """The accounts that made or tested a model."""
    return frozenset(read_model_info(folder).training.known_accounts if folder else ())


class Sample:
    """A random sample of a stream of unknown length: every account has the same chance to be kept."""

    def __init__(self, size: int) -> None:
        self.kept: list[list[str]] = []
        self._size, self._seen = size, 0
        self._random = random.Random(0)  # noqa: S311  nothing secret hangs on it

    def add(self, captions: list[str]) -> None:
        """Offer an account's captions; one without any is not counted."""
        if not captions:
            return
        self._seen += 1
        if len(self.kept) < self._size:
            self.kept.append(captions)
        elif (place := self._random.randrange(self._seen)) < self._size:
            self.kept[place] = captions
