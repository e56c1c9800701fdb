"""The best recipe: what each of its parts does, that it is calibrated, and that it comes back as it was."""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import orjson
import pytest
import torch
from transformers import BertConfig, BertModel

from core.encoder.age_classifier import AgeClassifier
from core.encoder.names import OFFLINE_ENCODER
from core.encoder.pretrained import load_tokenizer
from core.encoder.user_encoder import UserEncoder
from core.encoder.vector_cache import Vectors
from core.encoder.weights import write_weights
from core.errors import InputError, Stopped
from core.jobs.progress import Progress
from core.models.combined import CombinedPredictor
from core.models.settings import ModelSettings
from core.models.text_views import VOCABULARY_FILE
from tests.tiny_models import BOTH, captions

AGES = [16, 40, 19, 50] * 10
TEXTS = [captions(age, 5, number) for number, age in enumerate(AGES)]
AT_LEAST = np.array([[age >= 18, age >= 21] for age in AGES])
SETTINGS = ModelSettings("tiny", "weights.safetensors", 64, age_cutoffs=(18.0, 21.0), thresholds=(0.5, 0.5))


def network(seed: int = 0, hidden: int = 16) -> AgeClassifier:
    torch.manual_seed(seed)
    config = BertConfig(hidden_size=hidden, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32)
    return AgeClassifier(BertModel(config), 2)


def tiny_encoder() -> UserEncoder:
    return UserEncoder(network(), load_tokenizer(OFFLINE_ENCODER), 64, None)


class GivenVectors(UserEncoder):
    """Encodes a user as the vector that its first caption is mapped to."""

    def __init__(self, known: dict[str, Vectors]) -> None:
        self.known = known

    def vectors(self, users: Iterable[Sequence[str]], progress: Progress | None = None) -> Vectors:
        return np.stack([self.known[user[0]] for user in users])


def quiet() -> Progress:
    return Progress("users", terminal=False)


def fitted(settings: ModelSettings = SETTINGS) -> CombinedPredictor:
    return CombinedPredictor.fit(TEXTS, AT_LEAST, tiny_encoder(), settings, quiet())


def noise(users: int, seed: int) -> list[list[str]]:
    """Captions that tell nothing of anybody's age."""
    rng = random.Random(seed)
    return [[" ".join(rng.choices(BOTH, k=8)) + f" {number}" for _ in range(5)] for number in range(users)]


def test_words_tell_the_young_from_the_old_for_every_cutoff() -> None:
    young, old = fitted().probabilities([captions(16, 5, 1001), captions(40, 5, 1000)])
    assert young[1] < 0.2
    assert old[1] > 0.8
    assert young[1] <= young[0]
    assert old[1] <= old[0]


def test_a_user_without_captions_gets_no_probability_and_disturbs_nobody() -> None:
    model, texts = fitted(), captions(40, 5, 1000)
    assert np.isnan(model.probabilities([[]])).all()
    p = model.probabilities([[], texts])
    assert np.isnan(p[0]).all()
    assert p[1] == pytest.approx(model.probabilities([texts])[0], abs=1e-5)


def test_the_encoder_tells_what_the_words_do_not() -> None:
    rng = np.random.default_rng(0)
    at_least = rng.random((200, 1)) < 0.5
    texts = noise(200, 1)
    vectors = (rng.normal(size=(200, 64)) + at_least).astype(np.float32)
    encoder = GivenVectors({user[0]: vector for user, vector in zip(texts, vectors, strict=True)})
    model = CombinedPredictor.fit(texts[:100], at_least[:100], encoder, SETTINGS, quiet())
    right = (model.probabilities(texts[100:]) >= 0.5) == at_least[100:]
    assert right.mean() > 0.95


def test_rounding_in_a_column_that_hardly_differs_moves_nobody() -> None:
    rng = np.random.default_rng(0)
    at_least, texts = rng.random((100, 1)) < 0.5, noise(100, 1)
    vectors = (rng.normal(size=(100, 64)) + at_least).astype(np.float32)
    vectors[:, 5] = rng.normal(0.7, 1e-7, 100)
    known = {user[0]: vector for user, vector in zip(texts, vectors, strict=True)}
    model = CombinedPredictor.fit(texts, at_least, GivenVectors(known), SETTINGS, quiet())
    before = model.probabilities(texts)
    for vector in known.values():
        vector[5] += 1e-6
    assert np.abs(model.probabilities(texts) - before).max() < 1e-4


def test_probabilities_stay_near_the_share_where_nothing_can_be_told() -> None:
    rng = np.random.default_rng(3)
    at_least = rng.random((200, 1)) < 0.7
    texts = noise(200, 2)
    vectors = {user[0]: rng.normal(size=64).astype(np.float32) for user in texts}
    model = CombinedPredictor.fit(texts[:100], at_least[:100], GivenVectors(vectors), SETTINGS, quiet())
    p = model.probabilities(texts[100:])
    assert np.abs(p - at_least[:100].mean()).max() < 0.15


@pytest.mark.parametrize("weights", ["weights.safetensors", "weights.pth"])
def test_a_model_comes_back_as_it_was(weights: str, tmp_path: Path) -> None:
    settings = ModelSettings("tiny", weights, 64, age_cutoffs=(18.0, 21.0), thresholds=(0.5, 0.5))
    model = fitted(settings)
    model.save(tmp_path)
    other = network(seed=1)  # its weights must not matter
    loaded = CombinedPredictor.load(tmp_path / weights, settings, other, load_tokenizer(str(tmp_path)))
    asked = [captions(age, 3, 2000 + age) for age in (16, 40)] + [[], ["☃ words that nobody used"]]
    assert loaded.probabilities(asked) == pytest.approx(model.probabilities(asked), abs=1e-6, nan_ok=True)


def test_a_folder_keeps_no_term_of_fewer_than_five_users(tmp_path: Path) -> None:
    model = CombinedPredictor.fit(
        [[*user, "zanzibar"] if number < 4 else user for number, user in enumerate(TEXTS)],
        AT_LEAST, tiny_encoder(), SETTINGS, quiet(),
    )  # fmt: skip
    model.save(tmp_path)
    terms = orjson.loads((tmp_path / VOCABULARY_FILE).read_bytes())
    assert "today" in terms["word"]
    assert not [term for view in terms.values() for term in view if "zan" in term]


def test_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    fitted().save(tmp_path)
    weights = tmp_path / SETTINGS.weights
    tokenizer = load_tokenizer(OFFLINE_ENCODER)
    with pytest.raises(InputError, match="another size"):
        CombinedPredictor.load(weights, SETTINGS, network(hidden=8), tokenizer)
    (tmp_path / VOCABULARY_FILE).write_text('{"word": ["one"]}')
    with pytest.raises(InputError, match="damaged"):
        CombinedPredictor.load(weights, SETTINGS, network(), tokenizer)
    write_weights(weights, network().state_dict())
    with pytest.raises(InputError, match="damaged"):
        CombinedPredictor.load(weights, SETTINGS, network(), tokenizer)


def test_too_little_to_learn_from_is_said() -> None:
    with pytest.raises(InputError, match="Label more accounts"):
        CombinedPredictor.fit(TEXTS[:4], AT_LEAST[:4], tiny_encoder(), SETTINGS, quiet())
    with pytest.raises(InputError, match="at least two accounts on each side"):
        CombinedPredictor.fit(TEXTS, np.arange(40)[:, None] == 0, tiny_encoder(), SETTINGS, quiet())


def test_fitting_stops_when_asked_to() -> None:
    progress = quiet()
    progress.request_stop()
    with pytest.raises(Stopped):
        fitted_by = CombinedPredictor.fit(TEXTS, AT_LEAST, tiny_encoder(), SETTINGS, progress)
        assert fitted_by is None
