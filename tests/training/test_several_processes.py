"""Fine-tuning by several processes: the same model as by one, and nobody waits for another in vain."""

import multiprocessing
import os
import re
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import distributed

from core.encoder.age_classifier import AgeClassifier
from core.encoder.pretrained import load_encoder, load_tokenizer
from core.encoder.tokenization import tokenize
from core.errors import Stopped
from core.jobs.events import Event
from core.jobs.progress import Progress, recorded_result
from core.training.epochs import History
from core.training.events import StepEvent
from core.training.finetune import Examples, Recipe, finetune, help_finetune
from core.training.ranks import LostProcessError, Ranks
from tests.in_process import core
from tests.tiny_models import captions, study

RECIPE = Recipe(learn_rate=2e-4, epoch_num=2, accumulation_steps=5, seed=1, print_step=5)
STEPS = 8
STOPPED_AFTER, KILLED_AFTER = 3, 6  # steps of a fine-tuning


class Watched(Progress):
    """Asks to stop, once, after so many steps."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__("", terminal=False)
        self.stop_after, self.losses = stop_after, list[float]()

    def event(self, event: Event) -> None:
        if isinstance(event, StepEvent):
            self.losses.append(event.loss)
            if len(self.losses) == self.stop_after:
                self.request_stop()


class Helper(Progress):
    """Of the process that helps: hears once that it should stop, and is killed later, after so many steps."""

    def __init__(self, stop_after: int, die_after: int) -> None:
        super().__init__("", terminal=False)
        self.stop_after, self.die_after, self.steps = stop_after, die_after, 0

    def update(self, *counted: Any, **more: Any) -> None:
        self.steps += 1
        if self.steps == self.die_after:
            os.kill(os.getpid(), signal.SIGKILL)

    @property
    def stopping(self) -> bool:
        heard = self.steps == self.stop_after
        self.stop_after = -1 if heard else self.stop_after
        return heard


def learn(encoder: str, folder: Path, progress: Progress) -> tuple[AgeClassifier, History]:
    """Fine-tune with dropout on accounts of 1 to 70 captions."""
    tokenizer = load_tokenizer(encoder)
    posts = [1, 20, 2, 9, 1, 1, 1, 1, 1, 1, 70, 3, 5, 1, 8, 1, 1, 30, 2, 1]
    users = tokenize(tokenizer, [captions(16 + 24 * (n % 2), many, n) for n, many in enumerate(posts)], 18)
    choosing = tokenize(tokenizer, [captions(16 + 24 * (n % 2), 1 + 20 * (n == 3), 100 + n) for n in range(7)], 18)
    torch.manual_seed(0)
    model = AgeClassifier(load_encoder(encoder))
    truth = (np.arange(20)[:, None] % 2).astype(bool)
    history = finetune(model, Examples(users, truth), Examples(choosing, truth[:7]), RECIPE, folder, progress)
    return model, history


def one_of_two(number: int, encoder: str, folder: Path) -> None:
    """What each of two processes does: a whole fine-tuning, the end of one, half of one, and one that breaks."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    distributed.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=number, world_size=2)
    if number == 1:
        rest = STEPS - STOPPED_AFTER
        help_finetune("cpu", Helper(STEPS + rest + STOPPED_AFTER, STEPS + rest + STOPPED_AFTER + KILLED_AFTER))
        return
    progress = Watched()
    model, history = learn(encoder, folder / "by-two", progress)
    told = {"model": model.state_dict(), "losses": progress.losses, "history": history}
    told["rest"] = learn(encoder, folder / "begun-by-one", Watched())[0].state_dict()
    with suppress(Stopped):
        learn(encoder, folder / "begun-by-two", Watched())
        told["no stop"] = True
    try:
        learn(encoder, folder / "broken", Watched())
    except LostProcessError as error:
        told["lost"] = str(error)
    torch.save(told, folder / "told.pt")


@pytest.mark.slow
def test_two_processes_make_the_model_of_one_and_each_goes_on_where_the_other_stopped(
    encoder: str, tmp_path: Path
) -> None:
    alone = Watched()
    model, history = learn(encoder, tmp_path / "by-one", alone)
    expected = model.state_dict()
    with pytest.raises(Stopped):
        learn(encoder, tmp_path / "begun-by-one", Watched(STOPPED_AFTER))

    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=one_of_two, args=(number, encoder, tmp_path)) for number in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(100)
    assert [process.exitcode for process in both] == [0, -signal.SIGKILL]
    told = torch.load(tmp_path / "told.pt", weights_only=False)

    assert "no stop" not in told
    assert "Another process of this training has ended" in told["lost"]
    np.testing.assert_allclose(told["losses"], alone.losses, atol=1e-5)
    assert [epoch.validation_loss for epoch in told["history"].epochs] == pytest.approx(
        [epoch.validation_loss for epoch in history.epochs], abs=1e-6
    )
    begun = learn(encoder, tmp_path / "begun-by-two", Watched())[0].state_dict()
    broken = learn(encoder, tmp_path / "broken", Watched())[0].state_dict()
    for found in (told["model"], told["rest"], begun, broken):
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, atol=1e-5, rtol=0, msg=name)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_every_piece_of_work_is_one_process_and_the_load_is_even(count: int) -> None:
    sizes = [5, 1, 1, 900, 3, 300, 300, 300]
    found = []
    for number in range(count):
        ranks = Ranks()
        ranks.number, ranks.count = number, count
        found.append(ranks.own(sizes))
    assert sorted(piece for own in found for piece in own) == [*range(len(sizes))]
    if count == 2:
        assert sorted(sum(sizes[piece] for piece in own) for own in found) == [905, 905]


@pytest.mark.parametrize(
    ("command", "options", "message"),
    [
        ("studies", [], "torchrun is for train"),
        ("train", ["--recipe", "best"], "share the work of fine-tuning alone"),
        ("train", ["--folds", "2", "--workers", "2"], "leave one of the two out"),
        ("train", ["--accumulation-steps", "2"], "a step has 2.*start at most so many processes, not 3"),
    ],
)
def test_what_several_processes_are_of_no_use_for_is_refused(
    command: str, options: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "RANK": "0", "WORLD_SIZE": "3"}.items():
        monkeypatch.setenv(name, value)
    accounts, labels = study(tmp_path, accounts=2)
    needed: list[str | Path] = ["--input-dir", accounts, "--labels", labels, "--model-output-dir", tmp_path / "m"]
    done = core(command, *(needed if command == "train" else []), *options)
    assert done.status == 2
    assert re.search(message, " ".join(done.stderr.split()))
    assert not (tmp_path / "m").exists()


def test_a_process_that_helps_keeps_out_of_the_jobs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AGESCOPE_JOB_DIR", str(tmp_path))
    with recorded_result(), Progress("accounts") as progress:
        progress.update(1, 2)
    assert not [*tmp_path.iterdir()]
    monkeypatch.setenv("RANK", "0")
    with recorded_result(), Progress("accounts"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"progress.json", "result.json"}
