"""The command line: ``python -m core COMMAND``.

Each command reads its options, calls one function of ``core`` and prints the result: results to
standard output, messages to standard error. Exit status: 0 done; 1 stopped before the end, saying
why and how to go on; 2 a usage error. Heavy libraries are imported by the command that needs them.
"""

import json
import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from core import __version__
from core.errors import AgeScopeError
from core.jobs.progress import Progress, recorded_result
from core.settings import get_settings

app = typer.Typer(
    help="AgeScope: learn from public captions which accounts belong to people of at least a given age.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # its tables cut long option names on narrow terminals
    pretty_exceptions_enable=False,
)
_messages = Console(stderr=True, highlight=False, markup=False)


class Device(StrEnum):
    """Where the encoder runs."""

    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class Precision(StrEnum):
    """How exactly the encoder computes."""

    exact = "exact"
    fast = "fast"


class Source(StrEnum):
    """What is asked for posts."""

    web = "web"
    graph = "graph"
    instaloader = "instaloader"


class Best(StrEnum):
    """What a threshold is to be best for."""

    balanced_accuracy = "balanced_accuracy"
    f1 = "f1"
    accuracy = "accuracy"


class Recipe(StrEnum):
    """How a model is trained."""

    published = "published"
    best = "best"


@app.command("scrape-users")
def scrape_users(
    user_file: Annotated[Path, typer.Option(help="The user list: one username a line, or a CSV.", exists=True)],
    output_dir: Annotated[Path, typer.Option(help="Where the accounts' files go.", file_okay=False)],
    posts_per_user: Annotated[int, typer.Option(help="Collect at most this many posts of an account.", min=1)] = 100,
    backoff_mult: Annotated[float | None, typer.Option(help="The k-th wait is MULT * EXP ** k seconds.")] = None,
    backoff_exp: Annotated[float | None, typer.Option(help="See --backoff-mult; give both or neither.")] = None,
    ratelimit: Annotated[
        list[str] | None,
        typer.Option(metavar="N,SECONDS", help="At most N requests in SECONDS; repeatable. Default: 1,30 and 60,3600."),
    ] = None,
    useproxies: Annotated[
        bool, typer.Option("--useproxies/--no-useproxies", help="Go through public proxies; these rarely help.")
    ] = False,
    proxy_list: Annotated[
        Path | None,
        typer.Option(help="Your own proxies, one a line: http, https, socks4 or socks5.", exists=True, dir_okay=False),
    ] = None,
    source: Annotated[Source, typer.Option(help="What to ask.")] = Source.web,
    jitter: Annotated[float, typer.Option(help="Up to so many seconds at random before a request.", min=0)] = 0,
    refresh: Annotated[
        float | None, typer.Option(metavar="DAYS", help="Collect anew what is older than this.", min=0)
    ] = None,
) -> None:
    """Collect the public posts of a list of accounts; run it again to go on where it stopped."""
    from core.collection.arguments import CollectArguments
    from core.collection.collector import collect
    from core.instagram.rate_limit import parse_limit

    arguments = CollectArguments(
        user_file=user_file,
        output_dir=output_dir,
        posts_per_user=posts_per_user,
        backoff_mult=backoff_mult,
        backoff_exp=backoff_exp,
        **({"limits": [parse_limit(text) for text in ratelimit]} if ratelimit else {}),
        useproxies=useproxies,
        proxy_list=proxy_list,
        source=source.value,
        jitter=jitter,
        refresh_days=refresh,
    )
    with Progress("accounts") as progress:
        _say(collect(arguments, progress))


@app.command()
def train(
    input_dir: Annotated[Path, typer.Option(help="The folder of the accounts' files.", exists=True, file_okay=False)],
    labels: Annotated[Path, typer.Option(help="A CSV with the columns username and age.", exists=True)],
    model_output_dir: Annotated[Path, typer.Option(help="The folder of the new model.", file_okay=False)],
    learn_rate: Annotated[float, typer.Option(help="Learning rate of AdamW.")] = 2e-5,
    epoch_num: Annotated[int, typer.Option(help="Passes over the training accounts.", min=1)] = 10,
    max_seq_len: Annotated[int, typer.Option(help="Tokens of a caption, special ones included.", min=3)] = 18,
    print_step: Annotated[int, typer.Option(help="Report the loss every so many accounts.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the split, the head and the order.")] = 2021,
    accumulation_steps: Annotated[int, typer.Option(help="Accounts whose gradients make one step.", min=1)] = 10,
    model_name_or_path: Annotated[str, typer.Option(help="Encoder: a name or a folder.")] = "bert-base-uncased",
    finetuned_model_name: Annotated[str, typer.Option(help="Name of the weights file.")] = "finetuned_model.pth",
    age_cutoff: Annotated[
        list[float] | None,
        typer.Option(metavar="YEARS", help="Learn who is at least this old; repeatable. Default: 21.", min=5, max=120),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.cpu,
    recipe: Annotated[
        Recipe,
        typer.Option(
            help="published: the encoder is fine-tuned, its [CLS] vectors of the last four layers averaged over an "
            "account's captions. best: words, letters and the encoder's vectors in one calibrated linear model."
        ),
    ] = Recipe.published,
    freeze_encoder: Annotated[
        bool,
        typer.Option(
            "--freeze-encoder",
            help="The published method with a frozen encoder: only the head learns; users' vectors are computed once.",
        ),
    ] = False,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Make a model by each method (majority, TF-IDF, frozen encoder, published, best) on the same "
            "accounts, and one table of them.",
        ),
    ] = False,
    folds: Annotated[
        int | None, typer.Option(help="With --compare: test every account once, by cross-validation.", min=2)
    ] = None,
    max_posts: Annotated[int | None, typer.Option(help="Use at most so many captions of an account.", min=1)] = None,
    split: Annotated[
        Path | None,
        typer.Option(help="A CSV of username,part (train, validation, test) instead of a drawn split.", exists=True),
    ] = None,
    warmup_share: Annotated[float, typer.Option(help="Share of the steps in which the learning rate rises.")] = 0,
    linear_decay: Annotated[bool, typer.Option("--linear-decay", help="Let the learning rate fall to 0.")] = False,
    patience: Annotated[
        int | None, typer.Option(help="Stop after so many epochs without a better validation AUC.", min=1)
    ] = None,
    balanced: Annotated[bool, typer.Option("--balanced", help="Let both classes count alike.")] = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Make probabilities agree with the validation accounts.")
    ] = False,
    threshold: Annotated[
        Best | None, typer.Option(help="Choose the threshold on the validation accounts. Default: 0.5.")
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="exact: 32 bits; fast: 16 bits where the device computes in them.")
    ] = Precision.exact,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Keep users' vectors on disk.")] = True,
) -> None:
    """Train a model on labelled accounts; run it again to go on after an interruption."""
    from core.training.arguments import TrainArguments
    from core.training.train import train as run

    arguments = TrainArguments(
        input_dir=input_dir,
        labels=labels,
        model_output_dir=model_output_dir,
        learn_rate=learn_rate,
        epoch_num=epoch_num,
        max_seq_len=max_seq_len,
        print_step=print_step,
        seed=seed,
        accumulation_steps=accumulation_steps,
        model_name_or_path=model_name_or_path,
        finetuned_model_name=finetuned_model_name,
        age_cutoff=age_cutoff or 21,
        device=device.value,
        recipe=recipe.value,
        freeze_encoder=freeze_encoder,
        max_posts=max_posts,
        split=split,
        warmup_share=warmup_share,
        linear_decay=linear_decay,
        patience=patience,
        balanced=balanced,
        calibrate=calibrate,
        threshold=threshold.value if threshold else None,
        precision=precision.value,
        cache=cache,
    )
    with Progress("accounts") as progress:
        if compare:
            from core.training.compare_methods import compare as run_all

            folder = run_all(arguments, progress, folds=folds)
            _say(f"The models and their table are in {folder}")
            print((folder / "comparison.csv").read_text(), end="")
        else:
            _say(_model_sentence(run(arguments, progress)))


@app.command()
def predict(
    input_dir: Annotated[Path, typer.Option(help="The folder of the accounts' files.", exists=True, file_okay=False)],
    finetuned_model_path: Annotated[Path, typer.Option(help="A model's folder, or its weights file.", exists=True)],
    prediction_output_file: Annotated[Path, typer.Option(help="The CSV to write.", dir_okay=False)],
    max_seq_len: Annotated[int | None, typer.Option(help="Tokens of a caption. Default: the model's, or 18.")] = None,
    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.cpu,
    age_cutoff: Annotated[
        float | None, typer.Option(help="One of the model's cutoffs. Default: 21, or its lowest.")
    ] = None,
    model_name_or_path: Annotated[
        str | None,
        typer.Option(help="Encoder of a bare state dict. Default: the model's, or bert-base-uncased."),
    ] = None,
    precision: Annotated[Precision, typer.Option(help="How exactly to compute.")] = Precision.exact,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Keep users' vectors on disk.")] = True,
) -> None:
    """Predict for every account of a folder; run it again to go on after an interruption."""
    from core.prediction.arguments import PredictArguments
    from core.prediction.predict import predict as run

    given: dict[str, Any] = {
        "max_seq_len": max_seq_len,
        "age_cutoff": age_cutoff,
        "model_name_or_path": model_name_or_path,
    }
    arguments = PredictArguments(
        input_dir=input_dir,
        finetuned_model_path=finetuned_model_path,
        prediction_output_file=prediction_output_file,
        device=device.value,
        precision=precision.value,
        cache=cache,
        **{name: value for name, value in given.items() if value is not None},
    )
    with Progress("accounts") as progress:
        _say(run(arguments, progress))


@app.command("import")
def import_(
    source_path: Annotated[Path, typer.Argument(help="A file or a folder, recognised by its content.", exists=True)],
    output_dir: Annotated[Path, typer.Option(help="Where the accounts' files go.", file_okay=False)],
    username: Annotated[str | None, typer.Option(help="Whose posts they are, where the source does not say.")] = None,
) -> None:
    """Turn other tools' files, exports and tables of posts into account files."""
    from core.importers import import_files

    with Progress("accounts") as progress:
        _say(import_files(source_path, output_dir, username, progress))


@app.command()
def reindex() -> None:
    """Rebuild the DuckDB index from the files."""
    from core.index import Store

    with Progress("files") as progress, Store(get_settings()) as store:
        store.rebuild(progress)
        _say(store.counts())


@app.command()
def evaluate(
    predictions: Annotated[Path, typer.Option(help="The CSV that predict wrote.", exists=True)],
    labels: Annotated[Path, typer.Option(help="A CSV with the columns username and age.", exists=True)],
    age_cutoff: Annotated[float, typer.Option(help="Who counts as at least at the cutoff.")] = 21,
    include_training: Annotated[
        bool, typer.Option("--include-training", help="Count accounts that made the model as well.")
    ] = False,
) -> None:
    """Compare predictions with labels and print the metrics as one JSON object."""
    from core.evaluation.evaluate import evaluate as run

    print(json.dumps(run(predictions, labels, age_cutoff, include_training=include_training), indent=2))


@app.command()
def prevalence(
    predictions: Annotated[Path, typer.Option(help="The CSV that predict wrote.", exists=True)],
    model: Annotated[Path, typer.Option(help="The folder of the model that made it.", exists=True, file_okay=False)],
    age_cutoff: Annotated[
        float | None, typer.Option(help="One of the model's cutoffs. Default: 21, or its lowest.")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Count from here on. Default: the model's.")] = None,
) -> None:
    """Estimate the share at least at the cutoff, raw and corrected, with intervals, as JSON."""
    from core.evaluation.prevalence import prevalence as run

    print(json.dumps(run(predictions, model, age_cutoff, threshold), indent=2))


@app.command("check-instagram")
def check_instagram() -> None:
    """Ask each route once for a public account, within the limits, and say which work from here."""
    from core.instagram.check import check_instagram as run

    with Progress("routes") as progress:
        for check in run(progress):
            print(check)


@app.command()
def forget(
    usernames: Annotated[list[str], typer.Argument(help="The accounts to remove.", metavar="USERNAME...")],
) -> None:
    """Remove accounts from files, lists, labels, predictions and reports, and say what was removed."""
    from core.maintenance.delete_accounts import forget as run

    for sentence in run(usernames, get_settings()):
        print(sentence)


def _model_sentence(folder: Path) -> str:
    """Where a new model is, and what it is worth on accounts it has not seen."""
    from core.models.card import estimate_in_words
    from core.models.folder import CARD_FILE, read_model_info

    training = read_model_info(folder).training
    part = "test" if training["test"] else "validation"
    found = ", ".join(
        f"{estimate_in_words(figures['auc'])} at {cutoff} years" for cutoff, figures in training[part].items()
    )
    accounts = len(training["split"][part])
    return f"The model is in {folder}. AUC on {accounts} {part} accounts: {found}. Its card: {folder / CARD_FILE}"


def _say(message: object) -> None:
    _messages.print(str(message), soft_wrap=True)


def _version(show: bool) -> None:
    if show:
        print(__version__)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")


def main() -> None:
    """Run the command line; errors a person can mend become one line and an exit status."""
    with recorded_result():
        try:
            app()
        except AgeScopeError as error:
            _messages.print(str(error), style="red" if error.exit_status == 2 else "", soft_wrap=True)
            sys.exit(error.exit_status)
