"""What a model's folder says of itself."""

from pathlib import Path

import pytest

from core.errors import InputError
from core.models.folder import cutoff_index, read_model_info, write_config
from core.models.settings import ModelSettings
from core.models.training_record import TrainingRecord
from core.utils.records import read_record, write_record
from tests.made_model import finish_model, training_record


@pytest.mark.parametrize(
    ("cutoffs", "asked", "index"),
    [((18, 21, 25), None, 1), ((16, 18), None, 0), ((18, 21, 25), 25, 2), ((18, 21, 25), 18, 0)],
)
def test_without_a_cutoff_21_is_meant_or_the_lowest(
    cutoffs: tuple[float, ...], asked: float | None, index: int
) -> None:
    assert cutoff_index(ModelSettings("encoder", "weights.pth", age_cutoffs=cutoffs), asked) == index


def test_a_cutoff_that_the_model_does_not_know_is_refused_with_those_it_knows() -> None:
    settings = ModelSettings("encoder", "weights.pth", age_cutoffs=(18, 21))
    with pytest.raises(InputError, match="at least 18 or 21, not 30"):
        cutoff_index(settings, 30)


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("training.json", ""),
        ("training.json", "[]"),
        ("training.json", "{}"),
        ("training.json", '{"split": 1'),
        ("config.json", "{}"),
        ("config.json", '{"agescope": {"encoder": "e", "weights": "w.pth", "age_cutoffs": "old"}}'),
        ("config.json", '{"agescope": {"encoder": "e", "weights": "w.pth", "kind": "oracle"}}'),
    ],
)
def test_a_damaged_record_is_named_and_said_to_be_no_use(tmp_path: Path, file: str, damage: str) -> None:
    write_config(tmp_path, None, ModelSettings("e", "w.pth"))
    finish_model(tmp_path)
    assert read_model_info(tmp_path).settings.weights == "w.pth"
    (tmp_path / file).write_text(damage)
    with pytest.raises(InputError, match=rf"{file} is damaged .* Train it again"):
        read_model_info(tmp_path)


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    settings = ModelSettings("e", "w.pth", age_cutoffs=(18.0, 21.0), thresholds=(0.4, 0.6), max_posts=3)
    record = training_record({"train": ["a"], "validation": ["b"]}, settings, stopped=True)
    write_record(tmp_path / "training.json", record)
    assert read_record(TrainingRecord, tmp_path / "training.json", "") == record
