"""The command line: ``python -m core COMMAND``.

Each command reads its options, calls one function of ``core`` and prints the result: results to
standard output, messages to standard error. Exit status: 0 done; 1 stopped before the end, saying
why and how to go on; 2 a usage error. What loads a heavy library is imported by the command that needs it.
"""

import json
import logging
import os
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from core import __version__
from core.collection.arguments import CollectArguments
from core.errors import AgeScopeError, InputError
from core.evaluation.arguments import AuditSampleArguments, EvaluateArguments, PrevalenceArguments
from core.importers.arguments import ImportArguments
from core.importers.results import ReadingChoices
from core.jobs.progress import Progress, recorded_result
from core.maintenance.arguments import (
    ForgetArguments,
    NewStudyArguments,
    PackStudyArguments,
    PseudonymsArguments,
    ReindexArguments,
    UnpackStudyArguments,
)
from core.maintenance.map_pseudonyms import map_pseudonyms
from core.maintenance.studies import list_studies, studies_with
from core.maintenance.studies import new_study as make_study
from core.models.folder import CARD_FILE, TRAINING_FILE, read_model_info
from core.prediction.arguments import ExportShardsArguments, PredictArguments, PredictShardArguments
from core.reporting.protocol import protocol, study_facts
from core.settings import PROJECT_DIR, get_settings, settings_of
from core.storage.own_names import say_of
from core.training.arguments import TrainArguments
from core.utils.options import Arguments, arguments_of, with_options
from core.utils.ranks import process_number, processes


class _Commands(TyperGroup):
    """Commands that take ``--study NAME`` before their name or after it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put it before the command, to which it belongs as little as to any other."""
        return super().parse_args(ctx, study_first(args))


def study_first(args: list[str]) -> list[str]:
    """The words of a command with ``--study NAME`` at their beginning; what follows ``--`` stays where it is."""
    end = args.index("--") if "--" in args else len(args)
    first, rest = list[str](), list[str]()
    words = iter(args[:end])
    for word in words:
        if word == "--study":
            first += [word, *([value] if (value := next(words, None)) is not None else [])]
        else:
            (first if word.startswith("--study=") else rest).append(word)
    return [*first, *rest, *args[end:]]


app = typer.Typer(
    cls=_Commands,
    help="AgeScope: learn from public captions which accounts belong to people of at least a given age.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # its tables cut long option names on narrow terminals
    pretty_exceptions_enable=False,
)
_messages = Console(stderr=True, highlight=False, markup=False, quiet=process_number() > 0)


def _command(run: Callable[[Arguments], None]) -> Callable[[Arguments], None]:
    """Make ``run`` a command whose options are the fields of the one object that it takes."""
    app.command(arguments_of(run).COMMAND)(with_options(run))
    return run


@_command
def scrape_users(arguments: CollectArguments) -> None:
    """Collect the public posts of a list of accounts; run it again to go on where it stopped."""
    from core.collection.collector import collect  # loads requests

    with Progress("accounts") as progress:
        _say(collect(arguments, progress))


@_command
def train(arguments: TrainArguments) -> None:
    """Train a model on labelled accounts; run it again to go on after an interruption."""
    with Progress("accounts") as progress:
        if processes() == 1:
            _train(arguments, progress)
            return
        from core.training.finetune import help_finetune  # loads torch
        from core.training.ranks import joined  # loads torch

        with joined(arguments) as ranks:
            if ranks.is_first:
                _train(arguments, progress)
            else:
                help_finetune(arguments.device, progress)


def _train(arguments: TrainArguments, progress: Progress) -> None:
    if arguments.compare:
        from core.training.compare_methods import compare  # loads torch

        folder = compare(arguments, progress, folds=arguments.folds or None)
        _say(f"The models and their table are in {folder}")
        print((folder / "comparison.csv").read_text(), end="")
    else:
        from core.training.train import train as run  # loads torch

        began = time.time()
        _say(_model_sentence(run(arguments, progress), began))


@_command
def predict(arguments: PredictArguments) -> None:
    """Predict for every account of a folder; run it again to go on after an interruption."""
    if arguments.in_shards:
        from core.prediction.predict_shards import predict_shards as run  # loads torch
    else:
        from core.prediction.predict import predict as run  # loads torch

    folder = arguments.prediction_output_file.parent
    if (arguments.name or arguments.note) and folder.resolve().parent != get_settings().predictions_dir:
        raise InputError("--name and --note are kept in the study: write into data/predictions/FOLDER/.")
    with Progress("accounts") as progress:
        _say(run(arguments, progress))
    _keep_name(folder, arguments.name, arguments.note)


@_command
def predict_shard(arguments: PredictShardArguments) -> None:
    """Do one shard of a prediction, or every n-th: what a task of a queue's array runs."""
    from core.prediction.predict_shards import predict_some_shards  # loads torch

    with Progress("shards") as progress:
        _say(predict_some_shards(arguments, progress))


@_command
def export_shards(arguments: ExportShardsArguments) -> None:
    """Write accounts as Parquet files, to any address; run it again to go on after an interruption."""
    from core.prediction.export_shards import export_shards as run  # loads pyarrow

    with Progress("accounts") as progress:
        _say(run(arguments, progress))


@_command
def import_(arguments: ImportArguments) -> None:
    """Turn other tools' files, exports and tables of posts into account files."""
    from core.importers.importer import import_files  # loads DuckDB
    from core.importers.preview import preview  # loads DuckDB

    choices = ReadingChoices.of(arguments)
    if arguments.dry_run:
        print(preview(arguments.source_path, arguments.username, choices))
        return
    with Progress("accounts") as progress:
        summary = import_files(arguments.source_path, arguments.output_dir, arguments.username, progress, choices)
        _say(summary)
    if not summary.is_whole:
        raise AgeScopeError("Not everything could be read, as said above; what could be is kept.")


@_command
def reindex(arguments: ReindexArguments) -> None:
    """Rebuild the DuckDB index from the files."""
    from core.index import Store  # loads DuckDB and pandas

    with Progress("files") as progress, Store(get_settings()) as store:
        store.rebuild(progress, arguments.workers)
        _say(store.counts())


@_command
def evaluate(arguments: EvaluateArguments) -> None:
    """Compare predictions with labels and print the metrics as one JSON object."""
    from core.evaluation.evaluate import evaluate as run  # loads scikit-learn

    of = arguments
    found = run(of.predictions, of.labels, of.age_cutoff, include_training=of.include_training)
    print(json.dumps(found, indent=2))


@_command
def audit_sample(arguments: AuditSampleArguments) -> None:
    """Draw accounts at random to be labelled by a person, whose share needs no belief in the model."""
    from core.evaluation.audit import audit_sample as run  # loads scikit-learn

    _say(run(arguments))


@_command
def prevalence(arguments: PrevalenceArguments) -> None:
    """Estimate the share at least at the cutoff, raw, corrected and audited, with intervals, as JSON."""
    from core.evaluation.shares import shares  # loads scikit-learn

    print(json.dumps(shares(arguments), indent=2))


@app.command("check-instagram")
def check_instagram() -> None:
    """Ask each route once for a public account, within the limits, and say which work from here."""
    from core.instagram.check import check_instagram as run  # loads requests

    with Progress("routes") as progress:
        for check in run(progress):
            print(check)


@_command
def forget(arguments: ForgetArguments) -> None:
    """Remove accounts from everything that names them, say what was removed, and search for what is left."""
    from core.maintenance.delete_accounts import accounts_to_forget  # loads DuckDB
    from core.maintenance.delete_accounts import forget as run  # loads DuckDB

    names = accounts_to_forget(arguments, get_settings())
    must_ask = arguments.older_than is not None and bool(names) and not arguments.yes
    if arguments.dry_run or must_ask:
        for sentence in run(names, get_settings(), really=False):
            print(sentence)
    if must_ask and not arguments.dry_run:
        _ask(f"Remove {len(names)} accounts for good?")
    if not arguments.dry_run:
        for sentence in run(names, get_settings()):
            print(sentence)
        if others := studies_with(names):
            print(f"Still known in other studies, where one forgets with --study NAME: {', '.join(others)}.")


@_command
def pseudonyms(arguments: PseudonymsArguments) -> None:
    """Tell which pseudonym is whose, or turn the names of a table into pseudonyms and back; needs the study's key."""
    print(map_pseudonyms(arguments, get_settings()))


@app.command("protocol")
def print_protocol() -> None:
    """Print drafts of a data-protection impact assessment and of a review board's application, from the study."""
    print(protocol(study_facts(get_settings())), end="")


@app.command("studies")
def print_studies() -> None:
    """Print the studies that there are, each with its title and folder."""
    for study in list_studies():
        print("\t".join([study.name, study.title, str(settings_of(study.name).data_dir)]))


@_command
def new_study(arguments: NewStudyArguments) -> None:
    """Make an empty study beside the others."""
    made = make_study(arguments)
    _say(f"The study {made.study} is in {made.data_dir}. Work in it with --study {made.study}")


@_command
def pack_study(arguments: PackStudyArguments) -> None:
    """Put the study into one file without captions and names, for whoever checks it."""
    from core.maintenance.pack_study import pack_study as run  # loads pyarrow

    _say(run(arguments, get_settings()))


@_command
def unpack_study(arguments: UnpackStudyArguments) -> None:
    """Check what pack-study wrote, and lay it down in a new folder."""
    from core.maintenance.pack_study import unpack_study as run  # loads pyarrow

    for sentence in run(arguments):
        print(sentence)


@app.command("app", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def start_dashboard(context: typer.Context) -> None:
    """Start the dashboard; what follows goes to Streamlit, for example --server.port 8502."""
    page = PROJECT_DIR / "app.py"
    if not page.is_file():
        raise AgeScopeError(f"The dashboard's file {page} is not there. Install AgeScope anew.")
    sys.argv = ["streamlit", "run", str(page), *context.args]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)  # core itself knows no Streamlit


def _keep_name(folder: Path, name: str, note: str) -> None:
    """Write down what a person calls what was made, where they said it."""
    if name or note:
        say_of(folder, name=name, note=note)


def _model_sentence(folder: Path, began: float) -> str:
    """Where a model is, and what it is worth on accounts it has not seen; also if it was there before."""
    training = read_model_info(folder).training
    found = ", ".join(f"{figures['auc'].in_words()} at {cutoff} years" for cutoff, figures in training.figures.items())
    accounts = f"{training.measured_accounts} {training.measured_on} accounts"
    told = f"The model is in {folder}. AUC on {accounts}: {found}. Its card: {folder / CARD_FILE}"
    if (folder / TRAINING_FILE).stat().st_mtime >= began - 0.01:  # a file's clock is a tick behind
        return told
    return (
        f"This training was done before, on {training.created_at:%Y-%m-%d at %H:%M} UTC, and nothing was made now: "
        f"labels and accounts that have changed since are not in it. {told}"
    )


def _ask(question: str) -> None:
    """Go on only if a person says yes."""
    if not sys.stdin.isatty():
        raise InputError("Nothing was removed: nobody is there to be asked. Say --yes to remove what stands above.")
    if not typer.confirm(question, err=True):
        raise AgeScopeError("Nothing was removed.")


def _say(message: object) -> None:
    _messages.print(str(message), soft_wrap=True)


def _version(show: bool) -> None:
    if show:
        print(__version__)
        raise typer.Exit


@app.callback()
def _common(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
    study: Annotated[
        str | None, typer.Option("--study", metavar="NAME", help="The study to work in, for every command.")
    ] = None,
) -> None:
    if processes() > 1 and context.invoked_subcommand != "train":
        raise InputError(f"torchrun is for train. Leave it out for {context.invoked_subcommand}.")
    if study is not None:  # for the processes that a command starts as well
        os.environ["AGESCOPE_STUDY"] = study
        get_settings.cache_clear()
        get_settings()
    level = logging.INFO if process_number() == 0 else logging.ERROR  # others help the first, which tells
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s")


def main() -> None:
    """Run the command line; errors a person can mend become one line and an exit status."""
    with recorded_result():
        try:
            app()
        except AgeScopeError as error:
            _messages.print(str(error), style="red" if error.exit_status == 2 else "", soft_wrap=True)
            sys.exit(error.exit_status)
