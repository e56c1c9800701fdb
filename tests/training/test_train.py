"""Training: from labels to a model folder, whatever is wrong with them, and whenever it is stopped."""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import torch

from core.encoder.age_classifier import AgeClassifier, binary_cross_entropy
from core.encoder.engines import supported_dtypes
from core.encoder.pretrained import load_encoder, load_tokenizer
from core.encoder.tokenization import tokenize
from core.encoder.weights import read_weights
from core.errors import InputError, Stopped
from core.jobs.events import Event
from core.jobs.progress import Progress, no_progress
from core.models.captions_read import captions_used
from core.models.folder import is_model_folder, list_models, read_model_info
from core.models.loading import load_predictor
from core.models.method_names import NAMES
from core.models.predictor import EncoderPredictor
from core.models.settings import ModelSettings
from core.prediction.arguments import PredictArguments
from core.prediction.predict import predict
from core.statistics.drift import read_profile
from core.storage.account_files import read_account, write_account
from core.storage.models import Account, Post
from core.storage.predictions_file import read_rows
from core.training import finetune as finetune_module
from core.training.arguments import TrainArguments
from core.training.dataset import labels_needed, planned_split, read_labelled_accounts
from core.training.events import EpochEvent, StepEvent
from core.training.finetune import Examples, Recipe, finetune
from core.training.methods import METHODS
from core.training.prepare import prepare
from core.training.train import train
from tests.narrowing import present
from tests.tiny_models import backward, captions, study


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return study(tmp_path_factory.mktemp("study"))


def arguments(data: tuple[Path, Path], encoder: str, output: Path, **options: Any) -> TrainArguments:
    given = {"learn_rate": 2e-3, "epoch_num": 3, "print_step": 20, **options}
    return TrainArguments(data[0], data[1], output, model_name_or_path=encoder, **given)


def events(job: Path, kind: str) -> list[dict[str, Any]]:
    lines = (job / "events.jsonl").read_bytes().splitlines()
    return [event for event in map(orjson.loads, lines) if event["kind"] == kind]


def test_a_model_is_learnt_and_its_folder_says_how(data: tuple[Path, Path], encoder: str, tmp_path: Path) -> None:
    job = tmp_path / "job"
    job.mkdir()
    with Progress("accounts", job) as progress:
        folder = train(arguments(data, encoder, tmp_path / "models" / "first", learn_rate=4e-3), progress)

    info = read_model_info(folder)
    assert [model.folder for model in list_models(tmp_path / "models")] == [folder]
    assert info.settings.age_cutoffs == (21.0,)
    assert info.training.arguments["seed"] == 2021
    assert sorted(name for part in info.training.split.values() for name in part) == sorted(
        path.stem for path in data[0].iterdir()
    )
    best = max(epoch.validation_auc for epoch in info.training.epochs)
    assert info.training.epochs[info.training.best_epoch - 1].validation_auc == best > 0.9
    assert present(present(info.training.test)["21"]["auc"].value) > 0.8
    assert {"torch", "transformers", "python"} <= set(info.training.versions)
    profile = read_profile(folder)
    assert profile is not None
    assert profile.accounts == len(info.training.split["train"])

    validation = read_predictions_of_validation(folder)
    assert set(validation) == set(info.training.split["validation"])
    card = (folder / "README.md").read_text()
    assert "at least 21" in card
    assert "Not for decisions about a single person" in card
    losses = info.settings.auc_losses
    assert all(f" in {numbers}" in card for numbers in losses)
    predictor = load_predictor(folder)
    assert isinstance(predictor, EncoderPredictor)
    assert {"float32", *losses} <= set(supported_dtypes(predictor.model))
    assert all(name not in card for name in info.training.split["test"])

    assert [event["step"] for event in events(job, "step")] == [20, 40, 62, 82, 104, 124]
    assert [event["epoch"] for event in events(job, "epoch")] == [1, 2, 3]
    assert {"train_loss", "validation_loss", "validation_accuracy", "validation_auc", "seconds"} <= set(
        events(job, "epoch")[0]
    )


def read_predictions_of_validation(folder: Path) -> list[str]:
    lines = (folder / "validation.csv").read_text().splitlines()
    assert lines[0] == "username,age,probability"
    return [line.split(",")[0] for line in lines[1:]]


@pytest.mark.parametrize("name", ["finetuned_model.pth", "weights.safetensors"])
def test_the_loaded_model_is_the_one_that_was_measured(
    name: str, data: tuple[Path, Path], encoder: str, tmp_path: Path
) -> None:
    with no_progress() as progress:
        folder = train(arguments(data, encoder, tmp_path / "m", epoch_num=1, finetuned_model_name=name), progress)
        accounts = read_labelled_accounts(*data, [21], progress)
    lines = (folder / "validation.csv").read_text().splitlines()[1:]
    written = {line.split(",")[0]: float(line.split(",")[2]) for line in lines}
    for path in (folder, folder / name):
        found = load_predictor(path).probabilities([*accounts.captions([*written])])
        np.testing.assert_allclose(found[:, 0], [*written.values()], atol=1e-6)


def test_the_same_seed_gives_the_same_weights_and_another_one_others(
    data: tuple[Path, Path], encoder: str, tmp_path: Path
) -> None:
    def weights(name: str, seed: int) -> torch.Tensor:
        with no_progress() as progress:
            folder = train(arguments(data, encoder, tmp_path / name, epoch_num=1, seed=seed), progress)
        return read_weights(folder / "finetuned_model.pth")["classifier.0.weight"]

    first = weights("a", 1)
    assert torch.equal(first, weights("b", 1))
    assert not torch.equal(first, weights("c", 2))


def test_at_least_the_cutoff_is_the_positive_class(encoder: str, tmp_path: Path) -> None:
    data = study(tmp_path)
    with no_progress() as progress:
        folder = train(arguments(data, encoder, tmp_path / "m", age_cutoff=40), progress)
    predictor = load_predictor(folder)
    young, old = predictor.probabilities([captions(16, 8, 1000), captions(40, 8, 1001)])[:, 0]
    assert young < old


def test_several_cutoffs_are_learnt_at_once_and_never_contradict(encoder: str, tmp_path: Path) -> None:
    data = study(tmp_path)
    ages = [(16, 19, 16, 40)[number % 4] for number in range(60)]
    data[1].write_text("username,age\n" + "\n".join(f"user_{n:03},{age}" for n, age in enumerate(ages)))
    with no_progress() as progress:
        folder = train(arguments(data, encoder, tmp_path / "m", age_cutoff=(21, 18)), progress)
        everyone = read_labelled_accounts(*data, [18, 21], progress)
    info = read_model_info(folder)
    assert info.settings.age_cutoffs == (18.0, 21.0)
    assert set(present(info.training.test)) == {"18", "21"}
    p = load_predictor(folder).probabilities([*everyone.captions(everyone.usernames)])
    assert p.shape == (60, 2)
    assert (p[:, 1] <= p[:, 0]).all()
    assert p[everyone.ages >= 18, 0].mean() > p[everyone.ages < 18, 0].mean()


# ----------------------------------------------------------------------------- what stands before


def test_what_is_wrong_with_labels_is_said_before_training(
    encoder: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = study(tmp_path)
    write_account(data[0], Account(username="silent", posts=[Post(id="1", caption=None)]))
    (data[0] / "broken.json").write_text("{")
    with data[1].open("a") as file:
        file.write("silent,30\nbroken,30\nnever_collected,30\nuser_000,50\nbaby,3\n")
    job = tmp_path / "job"
    job.mkdir()
    with Progress("accounts", job) as progress:
        train(arguments(data, encoder, tmp_path / "m", epoch_num=1), progress)
    (report,) = events(job, "data")
    assert (report["not_collected"], report["without_captions"], report["unreadable"]) == (1, 1, 1)
    assert report["usable"] == 59
    assert report["rejected"] == {"this account is labelled with different ages": 2, "the age is outside 5 to 120": 1}
    assert len(report["problems"]) == 5
    assert all(problem in caplog.text for problem in report["problems"])
    assert "never_collected" not in caplog.text


@pytest.mark.parametrize(("young", "message"), [(0, "0 are under"), (2, "2 are under")])
def test_too_few_of_a_class_are_refused_with_the_numbers(
    young: int, message: str, encoder: str, tmp_path: Path
) -> None:
    data = study(tmp_path, 12)
    ages = ["16"] * young + ["40"] * (12 - young)
    data[1].write_text("username,age\n" + "\n".join(f"user_{n:03},{age}" for n, age in enumerate(ages)))
    with no_progress() as progress, pytest.raises(InputError, match=message):
        train(arguments(data, encoder, tmp_path / "m"), progress)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"epoch_num": 0},
        {"accumulation_steps": 0},
        {"print_step": 0},
        {"max_posts": 0},
        {"learn_rate": 0.0},
        {"max_seq_len": 2},
        {"age_cutoff": 0},
        {"age_cutoff": ()},
        {"recipe": "worst"},
        {"finetuned_model_name": "../model.pth"},
        {"finetuned_model_name": "model.pickle"},
    ],
)
def test_arguments_that_cannot_be_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        TrainArguments(Path("in"), Path("labels"), Path("out"), **options)


def test_the_defaults_are_those_of_the_published_method() -> None:
    given = TrainArguments(Path("in"), Path("labels"), Path("out"))
    assert (given.learn_rate, given.epoch_num, given.max_seq_len, given.print_step) == (2e-5, 10, 18, 100)
    assert (given.seed, given.accumulation_steps, given.model_name_or_path) == (2021, 10, "bert-base-uncased")
    assert (given.finetuned_model_name, given.cutoffs, given.device) == ("finetuned_model.pth", (21.0,), "cpu")
    assert given.recipe == "published"


def test_a_folder_with_something_in_it_is_left_alone(data: tuple[Path, Path], encoder: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with no_progress() as progress, pytest.raises(InputError, match="not empty"):
        train(arguments(data, encoder, tmp_path), progress)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_split_can_be_given(data: tuple[Path, Path], encoder: str, tmp_path: Path) -> None:
    names = sorted(path.stem for path in data[0].iterdir())
    part = ["validation" if number < 10 else "test" if number < 14 else "train" for number in range(len(names))]
    rows = [f"{name},{its}" for name, its in zip(names, part, strict=True)]
    (tmp_path / "split.csv").write_text("\n".join(["username,part", *rows, "somebody_else,train"]))
    with no_progress() as progress:
        folder = train(arguments(data, encoder, tmp_path / "m", epoch_num=1, split=tmp_path / "split.csv"), progress)
    split = read_model_info(folder).training.split
    assert split["validation"] == names[:10]
    assert split["test"] == names[10:14]
    assert split["train"] == names[14:]


@pytest.mark.slow
def test_the_best_recipe_makes_a_model_that_predicts_like_any_other(
    data: tuple[Path, Path], encoder: str, tmp_path: Path
) -> None:
    with no_progress() as progress:
        folder = train(arguments(data, encoder, tmp_path / "m", recipe="best", age_cutoff=(18, 21)), progress)
    info = read_model_info(folder)
    assert (info.training.method, info.settings.kind, info.settings.max_seq_len) == ("combined", "combined", 64)
    assert present(present(info.training.test)["21"]["auc"].value) > 0.95
    young, old = load_predictor(folder).probabilities([captions(16, 4, 1000), captions(40, 4, 1001)])
    assert young[1] < 0.5 < old[1]
    card = (folder / "README.md").read_text()
    assert "by the method *best*" in card and "linear model of words, pairs of words" in card
    assert "| calibration | by cross-validation among the accounts that it learnt from |" in card
    assert "| threshold | 0.5, not chosen |" in card
    assert "freeze_encoder" not in card and "recipe" not in card  # the method's name says it


@pytest.mark.slow
def test_a_model_that_masks_self_reports_reads_none_when_it_predicts_either(
    data: tuple[Path, Path], encoder: str, tmp_path: Path
) -> None:
    options = {"freeze_encoder": True, "epoch_num": 1, "mask_self_reports": True}
    with no_progress() as progress:
        folder = train(arguments(data, encoder, tmp_path / "m", **options), progress)
        for name, caption in (("told", "good morning I'm 19 years old"), ("quiet", "good morning  ")):
            write_account(tmp_path / "accounts", Account(username=name, posts=[Post(id="1", caption=caption)]))
        output = tmp_path / "predictions.csv"
        predict(
            PredictArguments(tmp_path / "accounts", finetuned_model_path=folder, prediction_output_file=output),
            progress,
        )
    told, quiet = read_rows(output)
    assert told.probability == quiet.probability
    assert "| phrases that tell an age taken out | yes |" in (folder / "README.md").read_text()


def test_every_method_has_a_name_for_people() -> None:
    assert NAMES.keys() == METHODS.keys()


def test_a_threshold_for_rare_classes_is_chosen_on_validation(encoder: str, tmp_path: Path) -> None:
    data = study(tmp_path)
    rare = [line for number, line in enumerate(data[1].read_text().splitlines()) if number % 2 or number % 3 == 0]
    data[1].write_text("\n".join(["username,age", *rare[1:]]))
    with no_progress() as progress:
        folder = train(arguments(data, encoder, tmp_path / "m", threshold="balanced_accuracy"), progress)
    settings = read_model_info(folder).settings
    _, truth, probability = validation_of(folder)
    assert settings.thresholds[0] != 0.5
    recalls = [((probability >= settings.thresholds[0]) == truth)[truth == side].mean() for side in (True, False)]
    assert np.mean(recalls) > 0.8


def test_probabilities_are_calibrated_on_validation_and_stay_so(encoder: str, tmp_path: Path) -> None:
    data = study(tmp_path, accounts=120)
    with no_progress() as progress:
        folder = train(arguments(data, encoder, tmp_path / "m", calibrate=True, learn_rate=5e-4), progress)
        accounts = read_labelled_accounts(*data, [21], progress)
    info = read_model_info(folder)
    assert info.settings.calibrations[0]["method"] in ("platt", "isotonic")
    assert present(info.training.validation["21"]["log_loss"].value) < info.training.epochs[-1].validation_loss
    usernames, _, probability = validation_of(folder)
    found = load_predictor(folder).probabilities([*accounts.captions(usernames)])
    np.testing.assert_allclose(found[:, 0], probability, atol=1e-6)


def validation_of(folder: Path) -> tuple[list[str], Any, Any]:
    """Usernames, whether each is at least 21, and its probability, as ``validation.csv`` has them."""
    rows = [line.split(",") for line in (folder / "validation.csv").read_text().splitlines()[1:]]
    return (
        [row[0] for row in rows],
        np.array([float(row[1]) >= 21 for row in rows]),
        np.array([float(row[2]) for row in rows]),
    )


def test_twins_never_land_on_both_sides(encoder: str, tmp_path: Path) -> None:
    data = study(tmp_path, accounts=40, posts=12)
    for number in range(0, 40, 4):  # every fourth has a twin under another name
        account = read_account(data[0] / f"user_{number:03}.json")
        write_account(data[0], account.model_copy(update={"username": f"twin_{number:03}"}))
        with data[1].open("a") as file:
            file.write(f"twin_{number:03},16\n")
    with no_progress() as progress:
        folder = train(arguments(data, encoder, tmp_path / "m", epoch_num=1), progress)
    training = read_model_info(folder).training
    part_of = {name: part for part, names in training.split.items() for name in names}
    assert all(part_of[f"user_{n:03}"] == part_of[f"twin_{n:03}"] for n in range(0, 40, 4))
    assert training.twins_apart == 0


def test_what_is_planned_is_what_a_split_gives(data: tuple[Path, Path], encoder: str, tmp_path: Path) -> None:
    with no_progress() as progress:
        drawn = prepare(arguments(data, encoder, tmp_path / "m"), None, progress)
    truth = drawn.accounts.at_least([21])[:, 0]
    planned = planned_split(int(truth.sum()), int((~truth).sum()))
    for part, (at_least, under) in planned.items():
        found = drawn.at_least(part)[:, 0]
        assert (at_least, under) == (int(found.sum()), int((~found).sum()))


def test_how_many_labels_a_corrected_share_needs() -> None:
    needed = labels_needed(20, at_least=300, under=100)
    assert min(planned_split(needed * 3 // 4, needed // 4)["test"]) >= 20
    assert min(planned_split((needed - 30) * 3 // 4, (needed - 30) // 4)["test"]) < 20


def test_captions_are_spread_over_the_account() -> None:
    settings = ModelSettings("x", "w.pth", max_posts=4)
    assert captions_used(settings, range(100)) == [12, 37, 62, 87]
    assert captions_used(settings, [1, 2, 3]) == [1, 2, 3]
    assert captions_used(ModelSettings("x", "w.pth"), range(5)) == [0, 1, 2, 3, 4]


# -------------------------------------------------------------------------- stopping and going on


class StopAfter(Progress):
    """Asks to stop once so many reports have come."""

    def __init__(self, reports: int) -> None:
        super().__init__("accounts", terminal=False)
        self.left = reports

    def event(self, event: Event) -> None:
        if isinstance(event, StepEvent | EpochEvent):
            self.left -= 1
            if self.left == 0:
                self.request_stop()


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return read_weights(folder / "finetuned_model.pth")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.slow
def test_a_stopped_training_keeps_the_best_and_goes_on_to_the_same_end(
    data: tuple[Path, Path], encoder: str, tmp_path: Path
) -> None:
    with no_progress() as progress:
        undisturbed = train(arguments(data, encoder, tmp_path / "undisturbed"), progress)
    given = arguments(data, encoder, tmp_path / "stopped")
    with StopAfter(4) as progress, pytest.raises(Stopped, match="best so far, epoch 1"):
        train(given, progress)
    info = read_model_info(given.model_output_dir)
    assert info.training.stopped
    assert info.training.test is None  # the test is reported once, at the end
    assert len(load_predictor(given.model_output_dir).probabilities([["hello"]])) == 1

    with no_progress() as progress:
        train(given, progress)
    assert not read_model_info(given.model_output_dir).training.stopped
    assert same(weights_of(given.model_output_dir), weights_of(undisturbed))
    assert not (given.model_output_dir / ".training").exists()
    finished = (given.model_output_dir / "training.json").read_bytes()
    with no_progress() as progress:
        assert train(given, progress) == given.model_output_dir
    assert (given.model_output_dir / "training.json").read_bytes() == finished
    with no_progress() as progress, pytest.raises(InputError, match="--seed was 2021 and is 7 now"):
        train(replace(given, seed=7), progress)


def test_stopped_before_the_first_epoch_there_is_no_model_but_it_goes_on(
    data: tuple[Path, Path], encoder: str, tmp_path: Path
) -> None:
    given = arguments(data, encoder, tmp_path / "m", epoch_num=1)
    with StopAfter(1) as progress, pytest.raises(Stopped, match="Nothing to keep yet: no epoch had ended") as said:
        train(given, progress)
    assert "Run the same command again" in str(said.value)
    assert not is_model_folder(given.model_output_dir)
    with no_progress() as progress:
        train(given, progress)
    assert is_model_folder(given.model_output_dir)


def test_an_interrupted_training_is_not_mixed_with_another_one(
    data: tuple[Path, Path], encoder: str, tmp_path: Path
) -> None:
    with StopAfter(1) as progress, pytest.raises(Stopped):
        train(arguments(data, encoder, tmp_path / "m"), progress)
    with no_progress() as progress, pytest.raises(InputError, match="interrupted training with other"):
        train(arguments(data, encoder, tmp_path / "m", seed=7), progress)


KILLED = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from core.training import finetune
from core.jobs.progress import no_progress
from core.training.arguments import TrainArguments
from core.training.prepare import prepare
from core.training.train import train
finetune.CHECKPOINT_EVERY_S = 0.0
accounts, labels, output, encoder = sys.argv[1:]
with no_progress() as progress:
    train(TrainArguments(Path(accounts), Path(labels), Path(output), model_name_or_path=encoder,
                         learn_rate=2e-3, epoch_num=200, accumulation_steps=2), progress)
"""


@pytest.mark.slow
def test_after_kill_9_training_goes_on_from_its_last_checkpoint(
    data: tuple[Path, Path], encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, *map(str, data), str(output), encoder]
    process = subprocess.Popen(command, cwd=Path(__file__).parent.parent.parent)
    wait_for(output / ".training" / "best.safetensors", process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not is_model_folder(output)
    saved = torch.load(output / ".training" / "checkpoint.pt", weights_only=True)

    done: list[tuple[int, int]] = []
    step = finetune_module._Run._step

    def watched(run: finetune_module._Run, users: Any) -> None:
        done.append((run.epoch, run.done))
        step(run, users)

    monkeypatch.setattr(finetune_module._Run, "_step", watched)
    with StopAfter(2) as progress, pytest.raises(Stopped):
        train(arguments(data, encoder, output, epoch_num=200, accumulation_steps=2, print_step=100), progress)
    assert done[0] in ((saved["epoch"], saved["done"]), (saved["epoch"] + 1, 0))
    assert done[0] != (1, 0)


def wait_for(path: Path, process: "subprocess.Popen[bytes]") -> None:
    """Until there is a file; ``process`` must not end before that."""
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline, "it takes too long"
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
            pytest.fail("it ended too early")


def test_early_stopping_ends_when_validation_no_longer_gains(
    data: tuple[Path, Path], encoder: str, tmp_path: Path
) -> None:
    with no_progress() as progress:
        folder = train(arguments(data, encoder, tmp_path / "m", patience=3, epoch_num=40), progress)
    training = read_model_info(folder).training
    assert len(training.epochs) == training.best_epoch + 3 < 40


# -------------------------------------------------------------------------------------- the step


def test_a_step_is_the_mean_gradient_of_users_one_at_a_time(
    data: tuple[Path, Path], encoder: str, tmp_path: Path
) -> None:
    """Packing, budgets and pieces change nothing: gradients are those of the plain loop, and AdamW takes them.

    Gradients are compared and not weights: the first step of AdamW goes by their sign, and the sign of what
    is nearly 0 depends on the order of adding up.
    """
    tokenizer = load_tokenizer(encoder)
    texts = [captions(16, 3, 1), captions(40, 30, 2), captions(40, 1, 3)]
    users = tokenize(tokenizer, texts, 18)
    truth = np.array([[False], [True], [True]])

    def model() -> AgeClassifier:
        torch.manual_seed(0)
        return without_dropout(AgeClassifier(load_encoder(encoder)))

    plain = model()
    optimizer = torch.optim.AdamW([p for p in plain.parameters() if p.requires_grad], 1e-3, weight_decay=0.01)
    for user, at_least in zip(texts, truth, strict=True):
        encoded = tokenizer(user, padding=True, truncation=True, max_length=18, return_tensors="pt")
        states = plain.bert(**encoded, output_hidden_states=True).hidden_states
        mean = torch.cat([states[layer][:, 0] for layer in (-4, -3, -2, -1)], dim=1).mean(0)
        loss = binary_cross_entropy(plain.classifier(mean)[None], torch.tensor(at_least[None]).float())
        backward((loss / 3).sum())

    ours = model()
    ours.max_tokens = lambda memory_bytes: 40  # type: ignore[method-assign]  # several portions, and pieces of the second user
    recipe = Recipe(learn_rate=1e-3, epoch_num=1, accumulation_steps=3, seed=1)
    everyone = Examples(users, truth)
    with no_progress() as progress:
        finetune(ours, everyone, everyone, recipe, tmp_path, progress)
    pairs = [*zip(ours.parameters(), plain.parameters(), strict=True)]
    for one, other in pairs:
        if one.requires_grad:
            torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-3)
        other.grad = one.grad
    optimizer.step()
    for one, other in pairs:
        torch.testing.assert_close(one, other, atol=1e-7, rtol=0)


def without_dropout(model: AgeClassifier) -> AgeClassifier:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def test_warm_up_and_decay_rise_to_the_learning_rate_and_fall_towards_zero(
    data: tuple[Path, Path], encoder: str, tmp_path: Path
) -> None:
    job = tmp_path / "job"
    job.mkdir()
    with Progress("accounts", job) as progress:
        given = arguments(
            data,
            encoder,
            tmp_path / "m",
            epoch_num=3,
            print_step=1,
            accumulation_steps=4,
            warmup_share=0.1,
            linear_decay=True,
        )
        train(given, progress)
    rates = [event["learn_rate"] for event in events(job, "step")]
    assert rates.index(max(rates)) in (2, 3)  # a tenth of 33 steps
    assert max(rates) == pytest.approx(2e-3, rel=0.2)
    assert rates[0] < rates[1]
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] < 2e-4
