"""A model folder may come from anybody: loading it runs nothing, takes little, and what is wrong is said plainly."""

import json
import os
import shutil
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

from core.encoder.age_classifier import AgeClassifier
from core.encoder.pretrained import load_config, load_encoder, load_tokenizer
from core.encoder.user_encoder import UserEncoder
from core.errors import InputError
from core.jobs.progress import no_progress
from core.models.baselines import TfidfPredictor
from core.models.combined import CombinedPredictor
from core.models.folder import list_models, read_model_info
from core.models.loading import load_predictor
from core.models.predictor import EncoderPredictor
from core.models.settings import ModelSettings
from core.utils.io import write_json
from tests.hostile import mutations
from tests.in_process import core
from tests.tiny_study import captions, study

EACH = int(os.environ.get("AGESCOPE_TEST_MUTATIONS", "8"))
"""How many mutations of a file; ``AGESCOPE_TEST_MUTATIONS=25`` is what docs/reliability.md tells of."""
KINDS = ("encoder", "combined", "tfidf")
TEXTS = [captions(16 if number % 2 else 40, 4, number) for number in range(24)]
TRUTH = np.array([[number % 2 == 0] for number in range(24)])


@pytest.fixture(scope="module")
def models(encoder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a model of each kind."""
    root = tmp_path_factory.mktemp("models")
    bert, tokenizer = load_encoder(encoder), load_tokenizer(encoder)
    settings = ModelSettings(encoder, "model.safetensors")
    EncoderPredictor(AgeClassifier(bert), tokenizer, settings).save(made(root, "encoder", settings))
    tfidf = ModelSettings(encoder, "model.pth", kind="tfidf")
    TfidfPredictor.fit(TEXTS, TRUTH, tfidf).save(made(root, "tfidf", tfidf))
    combined = ModelSettings(encoder, "model.safetensors", kind="combined")
    with no_progress() as progress:
        user_encoder = UserEncoder(AgeClassifier(bert), tokenizer, 18, None)
        found = CombinedPredictor.fit(TEXTS, TRUTH, user_encoder, combined, progress)
    found.save(made(root, "combined", combined))
    return root


def made(root: Path, kind: str, settings: ModelSettings) -> Path:
    folder = root / kind
    folder.mkdir()
    split = {"train": ["anna"], "validation": ["bob"], "test": []}
    record = {
        "created_at": "2026-11-01T10:00:00Z",
        "method": kind,
        "arguments": {},
        "settings": settings.as_dict(),
        "labels": {"usable": 2, "at_least": {}},
        "split": split,
        "validation": {},
        "seconds": 1.0,
        "versions": {},
    }
    write_json(folder / "training.json", record)
    return folder


@pytest.fixture
def copy(models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(models, tmp_path / "copies"))


def use(folder: Path) -> str:
    """Load a model and predict; "works", or what was refused with."""
    try:
        found = load_predictor(folder).probabilities([["a text about homework"]])
    except InputError as error:
        assert str(error)
        return str(error)
    assert ((found >= 0) & (found <= 1)).all()
    return "works"


def outcomes(folder: Path, file: str, spoiled: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """What became of each mutation; anything but an answer or an InputError fails, and so does much memory."""
    path = folder / file
    whole, before = path.read_bytes(), psutil.Process().memory_info().rss
    found = {}
    for what, content in spoiled:
        path.write_bytes(content)
        try:
            found[what] = use(folder)
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
        assert psutil.Process().memory_info().rss - before < 500_000_000, what
    path.write_bytes(whole)
    assert use(folder) == "works"
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_model_says_of_itself_may_be_spoiled_anywhere(copy: Path, kind: str) -> None:
    found = outcomes(
        copy / kind, "config.json", mutations.of_json(copy / kind / "config.json", 2 * EACH, under="agescope")
    )
    assert len(found) >= EACH
    assert any(outcome != "works" for outcome in found.values())


@pytest.mark.slow
def test_an_encoders_configuration_may_be_spoiled_anywhere(copy: Path) -> None:
    found = outcomes(copy / "encoder", "config.json", mutations.of_json(copy / "encoder" / "config.json", 2 * EACH))
    assert len(found) >= EACH


@pytest.mark.slow
@pytest.mark.parametrize("file", ["tokenizer.json", "tokenizer_config.json"])
def test_a_tokenizer_may_be_spoiled_anywhere(copy: Path, file: str) -> None:
    path = copy / "encoder" / file
    assert len(outcomes(copy / "encoder", file, mutations.of_json(path, EACH + 2))) >= EACH


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("encoder", "config.json"),
        ("encoder", "tokenizer.json"),
        ("encoder", "training.json"),
        ("encoder", "model.safetensors"),
        ("combined", "vocabulary.json"),
        ("combined", "model.safetensors"),
        ("tfidf", "vocabulary.json"),
        ("tfidf", "model.pth"),
    ],
)
def test_any_file_may_be_damaged(copy: Path, kind: str, file: str) -> None:
    """A bit turned in the weights is another number, which nothing can tell; the rest is refused or harmless."""
    assert len(outcomes(copy / kind, file, mutations.of_bytes(copy / kind / file, EACH + 5))) >= EACH


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["combined", "tfidf"])
def test_a_vocabulary_may_be_spoiled_anywhere(copy: Path, kind: str) -> None:
    path = copy / kind / "vocabulary.json"
    assert len(outcomes(copy / kind, "vocabulary.json", mutations.of_json(path, EACH + 5))) >= EACH


@pytest.mark.parametrize(
    "change",
    [
        {"vocab_size": 10**9},
        {"hidden_size": 10**6, "num_attention_heads": 1},
        {"num_hidden_layers": 10**7},
        {"intermediate_size": 10**8},
        {"max_position_embeddings": 10**9},
        {"type_vocab_size": 10**9},
        {"vocab_size": 1_900_000, "hidden_size": 16_384, "num_hidden_layers": 100},
        {"hidden_size": 33},
        {"num_attention_heads": 0},
        {"hidden_size": "32"},
        {"hidden_act": "no such thing"},
        {"model_type": "t5"},
        {"model_type": "no-such-model"},
        {"model_type": ["bert"]},
    ],
)
def test_absurd_sizes_are_refused_before_anything_is_allocated(copy: Path, change: dict[str, Any]) -> None:
    path = copy / "encoder" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    before = psutil.Process().memory_info().rss
    assert use(copy / "encoder") != "works"
    assert psutil.Process().memory_info().rss - before < 100_000_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"age_cutoffs": []}, "age_cutoffs"),
        ({"age_cutoffs": [21, 18], "thresholds": [0.5, 0.5]}, "do not rise"),
        ({"age_cutoffs": [18, 21]}, "2 cutoffs and 1 threshold"),
        ({"thresholds": []}, "1 cutoff and 0 thresholds"),
        ({"thresholds": [7]}, "thresholds"),
        ({"thresholds": ["nan"]}, "thresholds"),
        ({"weights": "../../somewhere/model.pth"}, "plain name"),
        ({"weights": "model.pkl"}, "plain name"),
        ({"max_seq_len": 10**9}, "max_seq_len"),
        ({"max_seq_len": 5000}, "reads at most"),
        ({"max_posts": 0}, "max_posts"),
        ({"kind": "shell"}, "kind"),
        ({"calibrations": [{"method": "isotonic"}]}, "calibration"),
        ({"calibrations": [{"method": "platt", "slope": "x"}]}, "alibration"),
        ({"calibrations": [{}, {}]}, "calibration"),
    ],
)
def test_settings_that_do_not_fit_are_named(copy: Path, change: dict[str, Any], words: str) -> None:
    path = copy / "encoder" / "config.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "agescope": {**content["agescope"], **change}}))
    assert words in use(copy / "encoder")


@pytest.mark.parametrize("content", ["[]", "null", "1", '{"agescope": []}', '{"agescope": {}}', "{", "\xff"])
def test_a_list_where_an_object_belongs_is_refused_and_left_out_of_lists(copy: Path, content: str) -> None:
    (copy / "encoder" / "config.json").write_text(content, encoding="latin-1")
    with pytest.raises(InputError):
        read_model_info(copy / "encoder")
    assert {model.name for model in list_models(copy)} == {"combined", "tfidf"}


@pytest.mark.parametrize("threshold", ["NaN", "1e999", "-Infinity", "1e400", "9" * 5000])
def test_thresholds_that_are_no_numbers_are_refused(copy: Path, threshold: str) -> None:
    path = copy / "encoder" / "config.json"
    content = json.loads(path.read_text())
    text = json.dumps({**content, "agescope": {**content["agescope"], "thresholds": ["here"]}})
    path.write_text(text.replace('"here"', threshold))
    assert use(copy / "encoder") != "works"


def test_a_tokenizer_of_hundreds_of_megabytes_is_refused_before_it_is_read(copy: Path) -> None:
    before = psutil.Process().memory_info().rss
    with (copy / "encoder" / "tokenizer.json").open("ab") as file:
        file.truncate(300_000_000)
    assert "tokenizer.json is larger than any that an encoder has" in use(copy / "encoder")
    assert psutil.Process().memory_info().rss - before < 100_000_000


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(copy: Path, value: float) -> None:
    path = copy / "encoder" / "model.safetensors"
    weights = load_file(path)
    weights["classifier.0.bias"][0] = value
    save_file(weights, path)
    assert "no number" in use(copy / "encoder")


@pytest.mark.parametrize("name", ["classifier.0.weight", "bert.embeddings.word_embeddings.weight"])
def test_weights_of_another_shape_are_refused(copy: Path, name: str) -> None:
    path = copy / "encoder" / "model.safetensors"
    weights = load_file(path)
    weights[name] = weights[name][:-1].clone()
    save_file(weights, path)
    assert "another size" in use(copy / "encoder")


def test_a_head_that_is_longer_than_it_can_be_is_refused(copy: Path) -> None:
    path = copy / "encoder" / "model.safetensors"
    for head in (2**63, 2**60, 99_000_000, 10**6):
        path.write_bytes(struct.pack("<Q", head) + b"{" + b" " * 1000)
        assert "cannot be read as weights" in use(copy / "encoder")
    path.write_bytes(struct.pack("<Q", 60_000_000) + b'{"a":{}' + b" " * 60_000_000)
    assert "longer than it can be" in use(copy / "encoder")


def test_weights_larger_than_their_file_are_refused(copy: Path) -> None:
    path = copy / "tfidf" / "model.pth"
    torch.save({"coefficients": torch.zeros(1).expand(10**9)}, path)
    assert "more than is in it" in use(copy / "tfidf")


class Harmful:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("ran"),))


def test_a_pickle_with_code_in_it_runs_nothing(copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"coefficients": Harmful()}, copy / "tfidf" / "model.pth")
    assert "cannot be read as weights" in use(copy / "tfidf")
    assert not (tmp_path / "ran").exists()


CODE = "from pathlib import Path\nPath('ran').touch()\nclass C: pass\n"


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("model_type", ["bert", "homemade"])
def test_an_encoder_with_code_of_its_own_is_refused_in_plain_words(
    encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, model_type: str
) -> None:
    folder = Path(shutil.copytree(encoder, tmp_path / "encoder"))
    path = folder / file
    auto_map = {"AutoConfig": "code.C", "AutoModel": "code.C", "AutoTokenizer": ["code.C", "code.C"]}
    content = {**orjson.loads(path.read_bytes()), "model_type": model_type, "auto_map": auto_map}
    path.write_bytes(orjson.dumps(content))
    (folder / "code.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    for load in (load_config, load_tokenizer, load_encoder):
        with pytest.raises(InputError, match="never runs"):
            load(str(folder))
    assert not (tmp_path / "ran").exists()


def test_the_command_line_asks_nobody_whether_to_run_code(
    encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda *asked: pytest.fail("somebody was asked"))
    folder = Path(shutil.copytree(encoder, tmp_path / "encoder"))
    content = {"model_type": "homemade", "auto_map": {"AutoConfig": "code.C", "AutoModel": "code.C"}}
    (folder / "config.json").write_bytes(orjson.dumps(content))
    (folder / "code.py").write_text(CODE)
    accounts, labels = study(tmp_path, accounts=8, posts=1)
    options = {
        "--input-dir": accounts,
        "--labels": labels,
        "--model-output-dir": tmp_path / "model",
        "--model-name-or-path": folder,
    }
    done = core("train", *(part for pair in options.items() for part in pair))
    assert done.status == 2 and "brings code of its own" in done.stderr
    assert "[y/N]" not in done.stdout + done.stderr
    assert not (tmp_path / "ran").exists()
