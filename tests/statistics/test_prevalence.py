"""The share at least at the cutoff: corrected, with intervals that hold, and honest where nothing can be said."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from scipy.special import expit, logit

from bench.prevalence import MODELS, coverage, one_draw
from core.errors import InputError
from core.evaluation.arguments import PrevalenceArguments
from core.evaluation.prevalence import CORRECTED, PrevalenceSample, prevalence, read_labelled
from core.evaluation.share_records import About
from core.evaluation.shares import shares
from core.statistics.calibration import Floats
from core.statistics.drift import BY_TEXTS
from core.statistics.prevalence import (
    LabelledProbabilities,
    Share,
    _most_likely_share,
    expectation_maximisation,
    mixture_p_value,
    raw_share,
    rogan_gladen,
)
from tests.made_model import finish_model
from tests.narrowing import present

STRONG = MODELS["strong, overconfident (AUC 0.94)"]

ABOUT: About = {"age_cutoff": 21, "accounts": {}, "error_rates_from": "test.csv"}


def counts(hits: int, at_least: int, rejections: int, under: int) -> LabelledProbabilities:
    """Labelled accounts of which that many are right at 0.5."""
    right, wrong = np.array([0.9, 0.1]), np.array([0.1, 0.9])
    probability = np.r_[np.repeat(right, [hits, at_least - hits]), np.repeat(wrong, [rejections, under - rejections])]
    return LabelledProbabilities(np.repeat([True, False], [at_least, under]), probability)


def positives(count: int, total: int) -> Floats:
    return np.repeat([0.9, 0.1], [count, total - count])


def drawn(
    share: float, size: tuple[int, int, int] = (300, 300, 3000), seed: int = 1
) -> tuple[Floats, LabelledProbabilities]:
    return one_draw(STRONG, share, size, np.random.default_rng(seed))


# ------------------------------------------------------------------------------------- the formulas


def test_rogan_and_gladens_correction_is_that_of_the_formula() -> None:
    share = rogan_gladen(positives(400, 1000), counts(90, 100, 160, 200), 0.5)
    assert share.value == pytest.approx((0.4 + 0.8 - 1) / (0.9 + 0.8 - 1))
    assert not share.impossible


def test_its_interval_is_that_of_lang_and_reiczigel() -> None:
    # worked through by hand from equations 4, 16 and 17 of the paper for 150 of 300, 45 of 50, 40 of 50
    share = rogan_gladen(positives(150, 300), counts(45, 50, 40, 50), 0.5)
    n, z = 300 + 3.8415, 1.95996
    p, se, sp = (150 + 1.9207) / n, 46 / 52, 41 / 52
    centre = (p + sp - 1) / (se + sp - 1)
    shift = 2 * 3.8415 * (centre * se * (1 - se) / 52 - (1 - centre) * sp * (1 - sp) / 52)
    spread = p * (1 - p) / n + centre**2 * se * (1 - se) / 52 + (1 - centre) ** 2 * sp * (1 - sp) / 52
    margin = z * spread**0.5 / (se + sp - 1)
    assert (share.low, share.high) == pytest.approx((centre + shift - margin, centre + shift + margin), abs=1e-4)


def test_with_many_labels_and_no_errors_the_corrections_are_the_count() -> None:
    probability, known = positives(600, 2000), counts(5000, 5000, 5000, 5000)
    raw = raw_share(probability, 0.5)
    assert (raw.low, raw.high) == pytest.approx((0.2803, 0.3205), abs=1e-3)
    for share in (rogan_gladen(probability, known, 0.5), expectation_maximisation(probability, known)):
        assert share.value == pytest.approx(0.3, abs=1e-3)
        assert (share.low, share.high) == pytest.approx((raw.low, raw.high), abs=0.003)


def test_few_labels_widen_the_interval_however_many_accounts_are_predicted() -> None:
    few = [width(method(positives(60_000, 100_000), counts(18, 20, 18, 20))) for method in both()]
    many = [width(method(positives(60_000, 100_000), counts(900, 1000, 900, 1000))) for method in both()]
    assert all(f > 4 * m > 0 for f, m in zip(few, many, strict=True))


def test_expectation_maximisation_stops_where_its_iterations_would() -> None:
    ratios = np.exp(np.random.default_rng(1).normal(0.3, 2, 500))
    share = 0.5
    for _ in range(5000):
        share = float(np.mean(share * ratios / (share * ratios + 1 - share)))
    assert _most_likely_share(ratios) == pytest.approx(share, abs=1e-6)
    assert _most_likely_share(np.full(10, 3.0)) == 1
    assert _most_likely_share(np.full(10, 0.3)) == 0


def test_expectation_maximisation_does_not_mind_an_overconfident_model() -> None:
    probability, known = drawn(0.3)
    timid = LabelledProbabilities(known.at_least, expit(0.2 * logit(known.probability) + 0.5))
    plain = expectation_maximisation(probability, known)
    same = expectation_maximisation(expit(0.2 * logit(probability) + 0.5), timid)
    assert (same.value, same.low, same.high) == pytest.approx((plain.value, plain.low, plain.high), abs=2e-3)


def test_the_other_class_has_the_mirrored_share() -> None:
    probability, known = drawn(0.3)
    mirrored = LabelledProbabilities(~known.at_least, 1 - known.probability)
    for method in both():
        share, other = method(probability, known), method(1 - probability, mirrored)
        assert (other.value, other.low, other.high) == pytest.approx((1 - share.value, 1 - share.high, 1 - share.low))


def test_the_interval_of_expectation_maximisation_is_the_narrower_one() -> None:
    probability, known = drawn(0.3)
    assert width(expectation_maximisation(probability, known)) < 0.85 * width(rogan_gladen(probability, known, 0.5))


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_intervals_hold_the_truth_about_as_often_as_they_say(share: float) -> None:
    found = coverage(MODELS["unequal spread (AUC 0.92)"], share, (60, 60, 500), draws=300)
    for method in ("Rogan-Gladen", "EM"):
        assert 0.91 <= found[method][0] <= 0.995, found


# --------------------------------------------------------------------------- where it cannot be said


@pytest.mark.parametrize("share", [0.05, 0.95])
def test_of_few_accounts_nearly_all_of_one_class_the_interval_holds_the_truth_and_is_possible(share: float) -> None:
    rng = np.random.default_rng(5)
    found = [expectation_maximisation(*one_draw(STRONG, share, (150, 150, 20), rng)) for _ in range(300)]
    held = [it.low <= share <= it.high for it in found]  # type: ignore[operator]
    assert np.mean(held) > 0.93
    assert not any(it.interval_impossible for it in found)


def test_an_impossible_estimate_is_clipped_and_flagged() -> None:
    result = PrevalenceSample(positives(16, 100), counts(90, 100, 80, 100), ABOUT).at(0.5)
    rogan = result["rogan_gladen"]
    assert rogan["impossible"]
    assert (rogan["value"], rogan["low"]) == (0, 0)
    assert rogan["unclipped"] == pytest.approx((0.16 - 0.2) / 0.7)
    assert any("impossible" in warning for warning in result["warnings"])
    assert result["withheld"] == []


def test_an_estimate_that_chance_cannot_explain_is_withheld_with_what_to_do_instead() -> None:
    result = PrevalenceSample(positives(2, 100), counts(90, 100, 80, 100), ABOUT).at(0.5)
    for method in CORRECTED:
        share = result[method]
        assert (share["value"], share["low"], share["high"]) == (None, None, None)
        assert "below 0" in present(share["note"]) and "audit sample" in present(share["note"])
    assert "no estimate of the share" in present(result["raw"]["note"])
    assert not any("near that end" in warning for warning in result["warnings"])


@pytest.mark.parametrize("known", [counts(10, 20, 10, 20), counts(5, 20, 5, 20), counts(2, 2, 1, 2)])
def test_a_model_that_cannot_tell_the_classes_apart_says_nothing_about_the_share(known: LabelledProbabilities) -> None:
    for method in both():
        share = method(positives(30, 100), known)
        assert (share.value, share.low, share.high) == (None, 0, 1)
        assert "hardly tells" in str(share.note)


def test_labels_of_one_class_or_no_predictions_are_input_errors() -> None:
    with pytest.raises(InputError, match="all of one class"):
        PrevalenceSample(positives(1, 2), LabelledProbabilities(np.ones(5, bool), np.linspace(0, 1, 5)), ABOUT).at(0.5)
    with pytest.raises(InputError, match="no predicted account"):
        PrevalenceSample(np.empty(0), counts(9, 10, 9, 10), ABOUT).at(0.5)


def test_accounts_of_another_kind_are_noticed_and_other_shares_are_not() -> None:
    rng = np.random.default_rng(1)
    _, known = one_draw(STRONG, 0.5, (200, 200, 1), rng)
    for share in (0.05, 0.5, 0.95):
        alike, _ = one_draw(STRONG, share, (1, 1, 2000), rng)
        assert mixture_p_value(alike, known) > 0.01  # type: ignore[operator]
    undecided = expit(rng.normal(0, 0.5, 2000))
    assert "no mixture" in PrevalenceSample(undecided, known, ABOUT).at(0.5)["withheld"][0]
    assert mixture_p_value(undecided, counts(5, 6, 5, 6)) is None


# -------------------------------------------------------------------------------------- model folders


def model_folder(folder: Path, split: dict[str, list[str]], **settings: Any) -> Path:
    folder.mkdir()
    agescope = {"encoder": "tiny", "weights": "m.pth", "age_cutoffs": [21], "thresholds": [0.5], **settings}
    (folder / "config.json").write_bytes(orjson.dumps({"agescope": agescope}))
    finish_model(folder, split)
    return folder


def labelled_file(path: Path, at_least: int, under: int, seed: int = 1) -> None:
    _, known = one_draw(STRONG, 0.5, (at_least, under, 1), np.random.default_rng(seed))
    ages = np.where(known.at_least, 30, 15)
    rows = [f"v{i},{age},{p:.6f}" for i, (age, p) in enumerate(zip(ages, known.probability, strict=True))]
    path.write_text("\n".join(["username,age,probability", *rows]) + "\n")


@pytest.fixture
def study(tmp_path: Path) -> tuple[Path, Path]:
    """500 fresh accounts of which 30 % are at least at the cutoff, 40 the model was trained on, one silent."""
    model = model_folder(tmp_path / "model", {"train": [f"t{i}" for i in range(40)], "validation": ["v1"]})
    labelled_file(model / "validation.csv", 80, 80)
    probability, _ = drawn(0.3, (1, 1, 500))
    rows = [f"u{i},{p:.6f},{int(p >= 0.5)},20" for i, p in enumerate(probability)]
    rows += [f"t{i},0.99,1,20" for i in range(40)] + ["silent,,,0"]
    (tmp_path / "p.csv").write_text("\n".join(["username,probability,prediction,posts", *rows]) + "\n")
    say_alike(tmp_path / "p.csv")
    return tmp_path / "p.csv", model


def say_alike(predictions: Path) -> None:
    """Let the record beside predictions say that the accounts write like those of the training."""
    alike = [{"name": name, "psi": 0.01, "limit": 0.02, "sentence": "The words are alike."} for name in BY_TEXTS]
    predictions.with_suffix(".run.json").write_bytes(orjson.dumps({"drift": {"differences": alike}}))


def test_a_share_of_accounts_that_write_unlike_the_training_accounts_is_withheld(study: tuple[Path, Path]) -> None:
    predictions, _ = study
    sentence = "The words that these accounts use are not those of the training accounts."
    said = {"name": BY_TEXTS[0], "psi": 0.3, "limit": 0.02, "sentence": sentence, "forbids": True}
    unlike = [said, *({"name": name, "sentence": "Is alike."} for name in BY_TEXTS[1:])]
    predictions.with_suffix(".run.json").write_bytes(orjson.dumps({"drift": {"differences": unlike}}))
    result = shares(PrevalenceArguments(*study))
    assert result == prevalence(*study)
    assert result["withheld"] == [sentence]
    assert [result[method]["value"] for method in CORRECTED] == [None, None]
    say_alike(predictions)
    result = prevalence(*study)
    assert result["withheld"] == [] and result["rogan_gladen"]["value"] is not None


@pytest.mark.parametrize(
    "record",
    [None, b"{}", b"[]", b"{", orjson.dumps({"drift": {"differences": [{"name": "words", "psi": 0, "limit": 1}]}})],
)
def test_a_share_of_accounts_that_nobody_compared_is_withheld(study: tuple[Path, Path], record: bytes | None) -> None:
    study[0].with_suffix(".run.json").unlink()
    if record is not None:
        study[0].with_suffix(".run.json").write_bytes(record)
    result = prevalence(*study)
    assert "could not be checked" in result["withheld"][0]
    assert [result[method]["value"] for method in CORRECTED] == [None, None]
    assert "audit sample" in present(result["rogan_gladen"]["note"]) and result["raw"]["value"] is not None


def test_accounts_the_model_knows_by_heart_are_left_out(study: tuple[Path, Path]) -> None:
    result = json.loads(json.dumps(prevalence(*study), allow_nan=False))
    assert result["accounts"] == {
        "predicted": 540,
        "without_captions": 1,
        "left_out_known_to_the_model": 40,
        "counted": 500,
    }
    assert result["expectation_maximisation"]["low"] < 0.3 < result["expectation_maximisation"]["high"]
    assert result["error_rates"]["labelled_at_least"] == 80
    assert result["error_rates"]["sensitivity"]["low"] < result["error_rates"]["sensitivity"]["value"]


def test_a_large_enough_test_part_is_preferred_and_its_absence_is_said(study: tuple[Path, Path]) -> None:
    before = prevalence(*study)
    assert before["error_rates_from"] == "validation.csv"
    assert "chose it" in before["warnings"][0]
    labelled_file(study[1] / "test.csv", 19, 60)
    small = prevalence(*study)
    assert small["error_rates_from"] == "test.csv and validation.csv"
    assert small["error_rates"]["labelled_at_least"] == 80 + 19
    assert "About 270 accounts of known age" in small["warnings"][0]
    labelled_file(study[1] / "test.csv", 20, 60)
    after = prevalence(*study)
    assert after["error_rates_from"] == "test.csv"
    assert not any("chose" in warning for warning in after["warnings"])


def test_few_labelled_accounts_are_warned_about(study: tuple[Path, Path]) -> None:
    labelled_file(study[1] / "validation.csv", 12, 60)
    assert any("only 12 labelled accounts on one side" in warning for warning in prevalence(*study)["warnings"])


def test_the_threshold_is_the_models_or_the_callers(study: tuple[Path, Path], tmp_path: Path) -> None:
    strict = model_folder(tmp_path / "strict", {}, thresholds=[0.9])
    labelled_file(strict / "validation.csv", 80, 80)
    assert prevalence(study[0], strict)["threshold"] == 0.9
    counted, more = (prevalence(study[0], strict, threshold=at)["raw"]["value"] for at in (None, 0.1))
    assert present(counted) < present(more)


def test_each_cutoff_has_its_own_column_and_none_is_taken_for_another(tmp_path: Path) -> None:
    path = tmp_path / "validation.csv"
    path.write_text("username,age,probability,probability_21\na,17,.1,.3\nb,19,.4,.6\n")
    assert read_labelled(path, 18, (18, 21, 30)).probability.tolist() == [0.1, 0.4]
    assert read_labelled(path, 18, (18, 21, 30)).at_least.tolist() == [False, True]
    assert read_labelled(path, 21, (18, 21, 30)).probability.tolist() == [0.3, 0.6]
    with pytest.raises(InputError, match="no column probability_30"):
        read_labelled(path, 30, (18, 21, 30))


@pytest.mark.parametrize("content", ["username,age\na,3\n", "username,age,probability\na,old,0.5\n", "x\n1\n"])
def test_a_damaged_list_of_labelled_accounts_says_so(tmp_path: Path, content: str) -> None:
    (tmp_path / "validation.csv").write_text(content)
    with pytest.raises(InputError, match="is damaged"):
        read_labelled(tmp_path / "validation.csv", 21)
    (tmp_path / "validation.csv").write_text("username,age,probability\n")
    with pytest.raises(InputError, match="names no account"):
        read_labelled(tmp_path / "validation.csv", 21)


def test_when_only_known_accounts_are_predicted_it_says_what_to_do(study: tuple[Path, Path]) -> None:
    study[0].write_text("username,probability,prediction,posts\nt1,0.9,1,3\nsilent,,,0\n")
    with pytest.raises(InputError, match="Predict accounts without a label"):
        prevalence(*study)


def both() -> list[Any]:
    return [lambda probability, known: rogan_gladen(probability, known, 0.5), expectation_maximisation]


def width(share: Share) -> float:
    return present(share.high) - present(share.low)
