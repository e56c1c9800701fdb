"""The frozen mode: nothing is encoded twice, and the head alone makes the contract's model."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.encoder.age_classifier import AgeClassifier
from core.encoder.engines import supported_dtypes
from core.encoder.pretrained import load_encoder, load_tokenizer
from core.encoder.user_encoder import UserEncoder
from core.encoder.vector_cache import CACHE_FILE, VectorCache, Vectors
from core.errors import AgeScopeError, InputError
from core.jobs.progress import Progress, no_progress
from core.models.folder import read_model_info
from core.models.loading import load_predictor
from core.models.predictor import EncoderPredictor, vector_probabilities
from core.storage.account_files import read_account
from core.training.arguments import TrainArguments
from core.training.frozen_head import HeadRecipe, KnownUsers, train_head
from core.training.train import train
from tests.narrowing import present
from tests.tiny_models import captions, linear, study


@pytest.fixture
def model(encoder: str) -> AgeClassifier:
    torch.manual_seed(0)
    return AgeClassifier(load_encoder(encoder))


USERS = [captions(16, 3, 1), [], captions(40, 5, 2), captions(16, 3, 1)]


class Counting(UserEncoder):
    """Counts the users that are encoded."""

    encoded = 0

    def _compute(self, users: Sequence[Sequence[str]]) -> Vectors:
        self.encoded += len(users)
        return super()._compute(users)


def counting(model: AgeClassifier, name: str, cache: VectorCache | None, max_seq_len: int = 18) -> Counting:
    return Counting(model, load_tokenizer(name), max_seq_len, cache)


def test_a_user_is_encoded_once_however_often_it_is_asked_for(
    model: AgeClassifier, encoder: str, tmp_path: Path
) -> None:
    with no_progress() as progress:
        first = counting(model, encoder, VectorCache(tmp_path))
        vectors = first.vectors(USERS, progress)
        assert first.encoded == 2  # the fourth is the first under another name, the second has no captions
        again = counting(model, encoder, VectorCache(tmp_path))
        np.testing.assert_array_equal(again.vectors(USERS, progress), vectors)
        assert again.encoded == 0
        uncached = counting(model, encoder, None)
        np.testing.assert_allclose(uncached.vectors(USERS, progress), vectors, atol=1e-6)
    assert vectors.shape == (4, 128)
    assert np.isnan(vectors[1]).all()
    assert not np.isnan(vectors[[0, 2, 3]]).any()


def test_another_length_text_encoder_or_engine_and_other_numbers_are_encoded_anew(
    model: AgeClassifier, encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = VectorCache(tmp_path)
    with no_progress() as progress:
        counting(model, encoder, cache).vectors(USERS, progress)
        others = supported_dtypes(model)[1:]  # none where the processor computes in 32 bits only
        for change in ("length", "text", "encoder", *others, "engine"):
            users = [[*USERS[0], "one more"]] if change == "text" else USERS[:1]
            if change == "encoder":
                torch.nn.init.normal_(model.bert.embeddings.word_embeddings.weight)
            if change == "engine":
                monkeypatch.setattr("core.encoder.user_encoder.ENGINE_VERSION", 0)
            counted = counting(model, encoder, cache, 5 if change == "length" else 18)
            counted.numbers = change if change in others else "float32"
            counted.vectors(users, progress)
            assert counted.encoded == 1, change


def test_captions_longer_than_the_encoder_reads_are_refused(model: AgeClassifier, encoder: str) -> None:
    with pytest.raises(InputError, match="at most 512 tokens"):
        UserEncoder(model, load_tokenizer(encoder), 513, None)


def test_captions_that_only_look_alike_when_joined_are_different_users(
    model: AgeClassifier, encoder: str, tmp_path: Path
) -> None:
    with no_progress() as progress:
        counted = counting(model, encoder, VectorCache(tmp_path))
        counted.vectors([["ab", "c"], ["a", "bc"], ["abc"]], progress)
    assert counted.encoded == 3


def test_the_cache_stays_within_its_bound_and_drops_the_oldest(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, max_bytes=10 * 4 * 8)
    for number in range(30):
        cache.put({bytes([number]): np.full(8, number, np.float32)})
    kept = cache.get([bytes([number]) for number in range(30)])
    assert sorted(kept) == [bytes([number]) for number in range(20, 30)]
    assert kept[b"\x19"].tolist() == [25.0] * 8


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / CACHE_FILE).write_bytes(b"no database at all" * 100)
    cache = VectorCache(tmp_path)
    cache.put({b"a": np.ones(4, np.float32)})
    assert cache.get([b"a"])[b"a"].tolist() == [1.0] * 4


def test_a_cache_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AgeScopeError, match="cannot hold the cache"):
        VectorCache(tmp_path / "file")


def test_two_processes_share_a_cache(tmp_path: Path) -> None:
    one, other = VectorCache(tmp_path), VectorCache(tmp_path)
    one.put({b"a": np.ones(4, np.float32)})
    other.put({b"b": np.zeros(4, np.float32)})
    assert len(one.get([b"a", b"b"])) == 2
    assert sqlite3.connect(one.path).execute("PRAGMA journal_mode").fetchone() == ("wal",)


# ------------------------------------------------------------------------------------ the head


def known(users: int, seed: int, cutoffs: int = 1) -> KnownUsers:
    """Vectors far from zero and of very different scale, of which the first number tells the age."""
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.uniform(-2, 2, 128)
    vectors = rng.normal(size=(users, 128))
    at_least = vectors[:, :1] > np.linspace(0, 0.5, cutoffs)
    return KnownUsers((vectors * scale + 3 * scale).astype(np.float32), at_least)


def test_a_head_is_learnt_and_works_on_raw_vectors(encoder: str) -> None:
    model = AgeClassifier(load_encoder(encoder), cutoffs=2)
    everyone = known(3000, 1, cutoffs=2)
    train = KnownUsers(everyone.vectors[:2800], everyone.at_least[:2800])
    choose = KnownUsers(everyone.vectors[2800:], everyone.at_least[2800:])
    with no_progress() as progress:
        history = train_head(model, train, choose, HeadRecipe(seed=1, dropout=0.0), progress)
    p = vector_probabilities(model, choose.vectors)
    assert ((p > 0.5) == choose.at_least).mean() > 0.8
    assert (p[:, 1] <= p[:, 0]).all()
    assert history.best_auc == max(epoch.validation_auc for epoch in history.epochs) > 0.9


def test_a_column_that_hardly_differs_leaves_the_probabilities_exact(encoder: str) -> None:
    model = AgeClassifier(load_encoder(encoder))
    everyone = known(200, 1)
    everyone.vectors[:, 5] = np.random.default_rng(0).normal(0.7, 1e-7, 200)
    with no_progress() as progress:
        train_head(model, everyone, everyone, HeadRecipe(seed=1), progress)
    in_32_bits = vector_probabilities(model, everyone.vectors)
    in_64_bits = torch.sigmoid(model.classifier.double()(torch.from_numpy(everyone.vectors).double()))
    assert np.abs(in_32_bits - in_64_bits.detach().numpy()).max() < 5e-5


def test_the_encoder_is_not_touched_and_the_same_seed_gives_the_same_head(encoder: str) -> None:
    heads = []
    for _ in range(2):
        model = AgeClassifier(load_encoder(encoder))
        before = {name: tensor.clone() for name, tensor in model.bert.state_dict().items()}
        with no_progress() as progress:
            train_head(model, known(50, 1), known(50, 2), HeadRecipe(seed=1, min_steps=4, min_epochs=2), progress)
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.bert.state_dict().items())
        heads.append(linear(model.classifier[0]).weight)
    assert torch.equal(heads[0], heads[1])


# ---------------------------------------------------------------------------------- the command


@pytest.mark.slow
def test_train_frozen_makes_a_model_like_any_other(encoder: str, tmp_path: Path) -> None:
    accounts, labels = study(tmp_path, accounts=120, posts=12)
    given = TrainArguments(
        accounts, labels, tmp_path / "m", model_name_or_path=encoder, freeze_encoder=True, cache=False, folds=0
    )
    with no_progress() as progress:
        folder = train(given, progress)
    info = read_model_info(folder)
    assert info.training.method == "frozen"
    assert present(info.training.figures["21"]["auc"].value) > 0.8
    predictor = load_predictor(folder)
    assert isinstance(predictor, EncoderPredictor)
    before = load_encoder(encoder).state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in predictor.model.bert.state_dict().items())


@pytest.mark.slow
def test_other_cutoffs_and_seeds_need_no_new_encoding(
    encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "core.training.save_model.supported_dtypes", lambda model: []
    )  # which would try the other numbers, too
    encoded: list[int] = []
    compute = UserEncoder._compute

    def counted(self: UserEncoder, users: Sequence[Sequence[str]]) -> Vectors:
        encoded.append(len(users))
        return compute(self, users)

    monkeypatch.setattr(UserEncoder, "_compute", counted)
    accounts, labels = study(tmp_path)
    options: list[dict[str, Any]] = [{}, {"age_cutoff": 18}, {"seed": 3}, {"age_cutoff": (18, 21)}]
    for number, its in enumerate(options):
        own = {"model_name_or_path": encoder, "freeze_encoder": True, "folds": 0, **its}
        given = TrainArguments(accounts, labels, tmp_path / f"m{number}", **own)
        with no_progress() as progress:
            train(given, progress)
    different = {tuple(read_account(path).captions) for path in accounts.iterdir()}
    assert sum(encoded) <= len(different)


def test_stopping_while_encoding_keeps_what_was_encoded(model: AgeClassifier, encoder: str, tmp_path: Path) -> None:
    users = [[f"caption {number}"] for number in range(200)]
    first = counting(model, encoder, VectorCache(tmp_path))
    with Progress("", terminal=False) as progress, pytest.raises(AgeScopeError):

        def stop_then() -> object:
            for number, user in enumerate(users):
                if number == 64:
                    progress.request_stop()
                yield user

        first.vectors(stop_then(), progress)  # type: ignore[arg-type]
    second = counting(model, encoder, VectorCache(tmp_path))
    with no_progress() as progress:
        second.vectors(users, progress)
    assert 0 < second.encoded < 200


@pytest.mark.slow
@pytest.mark.parametrize(("moved", "kept"), [(0.0, True), (0.1, False)])
def test_numbers_that_move_all_probabilities_are_not_offered(
    moved: float, kept: bool, encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The AUC alone would not notice; the threshold would."""
    monkeypatch.setattr("core.training.save_model.supported_dtypes", lambda model: ["float32", "bfloat16"])
    probabilities = EncoderPredictor.probabilities

    def shifted(self: EncoderPredictor, captions: Sequence[Sequence[str]]) -> object:
        low = self.encoder.numbers == "bfloat16"
        self.encoder.numbers = "float32"  # the same everywhere, so that nothing but the shift differs
        found = probabilities(self, captions) * 0.8 + moved * low
        self.encoder.numbers = "bfloat16" if low else "float32"
        return found

    monkeypatch.setattr(EncoderPredictor, "probabilities", shifted)
    accounts, labels = study(tmp_path)
    given = TrainArguments(
        accounts, labels, tmp_path / "m", model_name_or_path=encoder, freeze_encoder=True, cache=False, folds=0
    )
    with no_progress() as progress:
        settings = read_model_info(train(given, progress)).settings
    assert settings.auc_losses == ({"bfloat16": 0.0} if kept else {})
