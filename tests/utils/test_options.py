"""A command's dataclass is the one source of its options: in a shell, in a job's record and on a page."""

from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args

import pytest
import typer
from hypothesis import assume, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from core.collection.arguments import CollectArguments
from core.errors import InputError
from core.evaluation.arguments import EvaluateArguments, PrevalenceArguments
from core.importers.arguments import ImportArguments
from core.maintenance.arguments import ForgetArguments
from core.prediction.arguments import PredictArguments
from core.statistics.names import Measure
from core.training.arguments import TrainArguments
from core.utils.options import DEVICES, CommandArguments, Option, with_options

ALL: list[type[CommandArguments]] = [
    CollectArguments,
    TrainArguments,
    PredictArguments,
    ImportArguments,
    EvaluateArguments,
    PrevalenceArguments,
]

texts = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12)
paths = texts.map(lambda text: Path(text))
counts = st.integers(1, 10**6)
positive = st.floats(0.001, 1e6)
switches = st.booleans()
precisions = st.sampled_from(["exact", "fast"])
limits = st.tuples(counts, st.one_of(st.floats(0.001, 2678400), st.integers(1, 2678400)))
waits: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"backoff_mult": positive, "backoff_exp": st.floats(1, 10)}
) | st.just({})

collections = st.builds(
    lambda waits, **more: CollectArguments(**waits, **more),
    waits=waits,
    user_file=paths,
    output_dir=paths,
    posts_per_user=st.integers(1, 100_000),
    limits=st.lists(limits, min_size=1, max_size=3),
    useproxies=switches,
    proxy_list=st.none() | paths,
    source=st.sampled_from(["web", "graph", "instaloader"]),
    jitter=st.floats(0, 3600),
    refresh_days=st.none() | st.floats(0, 1e6),
)
cutoffs = st.floats(5, 120, exclude_min=True, exclude_max=True)
trainings = st.builds(
    TrainArguments,
    input_dir=paths,
    labels=paths,
    model_output_dir=paths,
    learn_rate=st.floats(1e-9, 0.9),
    epoch_num=st.integers(1, 1000),
    max_seq_len=st.integers(3, 512),
    print_step=counts,
    seed=st.integers(-5, 2**31),
    accumulation_steps=counts,
    model_name_or_path=texts,
    finetuned_model_name=st.sampled_from(["finetuned_model.pth", "weights.safetensors"]),
    age_cutoff=st.one_of(cutoffs, st.lists(cutoffs, min_size=1, max_size=3).map(tuple)),
    device=st.sampled_from(DEVICES),
    recipe=st.just("published"),
    freeze_encoder=switches,
    compare=switches,
    folds=st.none() | st.integers(2, 20),
    max_posts=st.none() | counts,
    split=st.none() | paths,
    warmup_share=st.floats(0, 0.99),
    linear_decay=switches,
    patience=st.none() | counts,
    precision=precisions,
    balanced=switches,
    calibrate=switches,
    threshold=st.none() | st.sampled_from(get_args(Measure)),
    cache=switches,
)
predictions = st.builds(
    PredictArguments,
    input_dir=paths,
    finetuned_model_path=paths,
    prediction_output_file=paths,
    max_seq_len=st.none() | st.integers(3, 512),
    device=st.sampled_from(DEVICES),
    age_cutoff=st.none() | cutoffs,
    model_name_or_path=st.none() | texts,
    precision=precisions,
    cache=switches,
)
imports = st.builds(ImportArguments, source_path=paths, output_dir=paths, username=st.none() | texts)


evaluations = st.builds(
    EvaluateArguments, predictions=paths, labels=paths, age_cutoff=cutoffs, include_training=switches
)
shares = st.builds(
    PrevalenceArguments,
    predictions=paths,
    model=paths,
    age_cutoff=st.none() | cutoffs,
    threshold=st.none() | st.floats(0, 1),
)
removals = st.builds(ForgetArguments, usernames=st.lists(texts, min_size=1, max_size=3).map(tuple))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [collections, trainings, predictions, imports, evaluations, shares, removals])
@given(data=st.data())
def test_what_a_job_is_told_is_read_back_as_it_was(strategy: Any, data: st.DataObject) -> None:
    arguments = data.draw(strategy)
    for argv in (arguments.to_argv(), arguments.short_argv()):
        assume("--help" not in argv)
        assert type(arguments).from_argv(argv) == arguments


@pytest.mark.parametrize("of", ALL)
def test_what_is_the_default_is_not_written_into_the_command_to_copy(of: Any) -> None:
    needed = {field.name: Path("some") for field in fields(of) if field.default is MISSING}
    options = of.options()
    words = [option.flag for name, option in options.items() if name in needed and not option.about.is_positional]
    places = {"input_dir": Path("some")} if of is PredictArguments else {}  # they are there, or in shards
    words += ["--input-dir"] * len(places)
    assert sorted(word for word in of(**needed, **places).short_argv()[1:] if word.startswith("--")) == sorted(words)


def test_a_job_means_the_same_after_a_default_has_changed() -> None:
    @dataclass(frozen=True)
    class Later(FewArguments):
        at_most: Annotated[int, Option("How many.")] = 9
        kept: Annotated[bool, Option("Whether.", has_negative=True)] = False

    @dataclass(frozen=True)
    class Before(FewArguments):
        at_most: Annotated[int, Option("How many.")] = 7
        kept: Annotated[bool, Option("Whether.", has_negative=True)] = True

    recorded = Before(Path("here")).to_argv()
    assert recorded == ["few", "--folder", "here", "--at-most", "7", "--kept"]
    assert Later.from_argv(recorded) == Later(Path("here"), at_most=7, kept=True)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["predict"],
        ["import", "posts.csv"],
        ["import", "posts.csv", "--output-dir", "accounts", "--roughly"],
        ["import", "--help"],
    ],
)
def test_a_command_that_cannot_be_read_is_said(argv: list[str]) -> None:
    with pytest.raises(InputError):
        ImportArguments.from_argv(argv)


@dataclass(frozen=True)
class FewArguments(CommandArguments):
    COMMAND: ClassVar[str] = "few"

    folder: Annotated[Path, Option("Where.", path="folder")]


@dataclass(frozen=True)
class MoreArguments(FewArguments):
    at_most: Annotated[int, Option("How many.", min=2)] = 7


@dataclass(frozen=True)
class SilentArguments(FewArguments):
    at_most: int = 7


def shell(of: type[CommandArguments], *words: str) -> Any:
    app, given = typer.Typer(rich_markup_mode=None), []

    def run(arguments: Any) -> None:
        given.append(arguments)

    run.__annotations__["arguments"] = of
    app.command()(with_options(run))
    done = CliRunner().invoke(app, words)
    return done, given


def test_a_field_is_an_option_in_a_shell_without_another_line() -> None:
    assert "--at-most" not in shell(FewArguments, "--help")[0].output
    said = shell(MoreArguments, "--help")[0].output
    assert "--at-most" in said and "How many.  [default: 7; x>=2]" in said
    done, given = shell(MoreArguments, "--folder", "here", "--at-most", "3")
    assert (done.exit_code, given) == (0, [MoreArguments(Path("here"), 3)])
    assert shell(MoreArguments, "--folder", "here", "--at-most", "1")[0].exit_code == 2


def test_a_field_that_says_nothing_of_itself_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="at_most says nothing"):
        SilentArguments.options()
