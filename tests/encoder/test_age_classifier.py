"""The model: equal to the plain computation, whatever the batch, the chunks or the age of the weights."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel

from core.encoder.age_classifier import AgeClassifier, binary_cross_entropy, dropout, probabilities
from core.encoder.names import OFFLINE_ENCODER
from core.encoder.precision import is_fast
from core.encoder.pretrained import load_tokenizer
from core.encoder.tokenization import UserTokens, packs, tokenize
from core.encoder.weights import load_weights, read_weights, write_weights
from core.errors import InputError
from tests.tiny_models import backward

USERS = [
    ["so glad it is friday", "tbt", "tbt", "my #exam is over!! 😂"],
    ["the quarterly report took me the whole weekend, and then the printer broke down again on monday"],
    ["tbt", "coffee", "so glad it is friday", "a", "b", "c d", "☕", "coffee and nothing but coffee please"],
]
MAX_SEQ_LEN = 9


def tiny_bert(**options: Any) -> BertModel:
    torch.manual_seed(3)
    sizes = {"hidden_size": 32, "num_hidden_layers": 5, "num_attention_heads": 4, "intermediate_size": 48}
    return BertModel(BertConfig(vocab_size=30522, initializer_range=0.3, **{**sizes, **options}))


def classifier(cutoffs: int = 1, **options: Any) -> AgeClassifier:
    model = AgeClassifier(tiny_bert(**options), cutoffs)
    torch.manual_seed(4)
    for parameter in model.classifier.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model.eval()


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load_tokenizer(OFFLINE_ENCODER)


@pytest.fixture(scope="module")
def users(tokenizer: Any) -> list[UserTokens]:
    return tokenize(tokenizer, USERS, MAX_SEQ_LEN)


class PlainModel(nn.Module):
    """The method as it would be written down first: one user at a time, padded, nothing saved."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert
        size = bert.config.hidden_size
        self.classifier = nn.Sequential(nn.Linear(4 * size, size // 2), nn.GELU(), nn.Linear(size // 2, 1))

    def probability(self, tokenizer: Any, captions: list[str]) -> Tensor:
        encoded = tokenizer(
            captions, padding="max_length", truncation=True, max_length=MAX_SEQ_LEN, return_tensors="pt"
        )
        states = self.bert(**encoded, output_hidden_states=True).hidden_states
        vectors = torch.cat([states[layer][:, 0] for layer in (-4, -3, -2, -1)], dim=1)
        return torch.sigmoid(self.classifier(vectors.mean(0)))[0]


def older_state_dict() -> tuple[PlainModel, OrderedDict[str, Tensor]]:
    plain = PlainModel(tiny_bert()).eval()
    torch.manual_seed(5)
    for parameter in plain.classifier.parameters():
        nn.init.normal_(parameter, std=0.5)
    weights = OrderedDict(plain.state_dict())
    weights["bert.embeddings.position_ids"] = torch.arange(512)[None]
    return plain, weights


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_an_older_state_dict_gives_the_probabilities_it_always_gave(
    suffix: str, tmp_path: Path, tokenizer: Any, users: list[UserTokens]
) -> None:
    plain, weights = older_state_dict()
    write_weights(tmp_path / f"older{suffix}", weights)
    model = classifier()
    load_weights(model, read_weights(tmp_path / f"older{suffix}"), "older")
    with torch.inference_mode():
        expected = torch.stack([plain.probability(tokenizer, captions) for captions in USERS])
        found = probabilities(model(packs(users, 1000)))[:, 0]
    assert found.std() > 0.01  # the comparison means something
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_a_state_dict_of_ours_loads_strictly_into_the_older_program(tmp_path: Path) -> None:
    model = classifier()
    write_weights(tmp_path / "ours.pth", model.state_dict())
    PlainModel(tiny_bert()).load_state_dict(torch.load(tmp_path / "ours.pth", weights_only=True), strict=True)


def test_weights_without_a_pooler_load(users: list[UserTokens]) -> None:
    _, weights = older_state_dict()
    load_weights(classifier(), {key: value for key, value in weights.items() if ".pooler." not in key}, "older")


@pytest.mark.parametrize("change", ["another size", "missing", "unknown"])
def test_weights_of_another_encoder_are_refused_by_name(change: str) -> None:
    _, weights = older_state_dict()
    if change == "another size":
        weights["bert.embeddings.word_embeddings.weight"] = torch.zeros(7, 32)
    elif change == "missing":
        del weights["classifier.2.bias"]
    else:
        weights["bert.encoder.layer.9.output.dense.weight"] = torch.zeros(2)
    with pytest.raises(InputError, match=r"w\.pth .*1 (have|are) " + change + r".*--model-name-or-path"):
        load_weights(classifier(), weights, "w.pth")


@pytest.mark.parametrize(("name", "content"), [("a.pth", b""), ("b.pth", b"abc"), ("c.safetensors", b"{}")])
def test_files_that_are_no_weights_are_explained(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        read_weights(tmp_path / name)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save(PlainModel(tiny_bert()), tmp_path / "whole.pth")
    with pytest.raises(InputError, match="cannot be read as weights"):
        read_weights(tmp_path / "whole.pth")


@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_a_batch_gives_what_each_user_alone_gives(model_type: str, users: list[UserTokens]) -> None:
    if model_type == "bert":
        model = classifier()
    else:
        config = RobertaConfig(vocab_size=30522, hidden_size=32, num_hidden_layers=4, num_attention_heads=4)
        model = AgeClassifier(RobertaModel(config)).eval()
    with torch.inference_mode():
        together = model(packs(users, 1000))
        alone = torch.cat([model(packs([user], 1000)) for user in users])
        in_pieces = model(packs(users, 7))
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(in_pieces, alone, atol=1e-5, rtol=0)


@pytest.mark.skipif(not is_fast("cpu"), reason="this processor does not multiply in bfloat16")
def test_fast_is_nearly_exact(users: list[UserTokens]) -> None:
    model = classifier()
    with torch.inference_mode():
        exact = probabilities(model(packs(users, 1000)))
        model.precision = "fast"
        fast = probabilities(model(packs(users, 1000)))
    assert 0 < (fast - exact).abs().max() < 0.05
    assert fast.dtype == torch.float32


def test_gradients_through_pieces_are_those_of_the_whole(users: list[UserTokens]) -> None:
    def gradients(max_tokens: int) -> list[Tensor]:
        model = classifier(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0).train()
        model(packs(users, max_tokens)).sum().backward()
        return [p.grad for name, p in model.named_parameters() if "pooler" not in name and p.grad is not None]

    whole, pieces = gradients(1000), gradients(7)
    assert len(whole) == len(pieces) == len([n for n, _ in classifier().named_parameters() if "pooler" not in n])
    for one, other in zip(whole, pieces, strict=True):
        torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-4)


def test_dropout_is_the_same_when_a_piece_is_computed_again(users: list[UserTokens]) -> None:
    """The gradient belongs to the dropout of its own forward pass: it agrees with finite differences."""
    model = classifier().train()
    bias = model.bert.encoder.layer[0].output.dense.bias
    direction = torch.randn(bias.shape, generator=torch.Generator().manual_seed(2))

    def loss(step: float) -> Tensor:
        torch.manual_seed(9)
        moved = {"bert.encoder.layer.0.output.dense.bias": bias + step * direction}
        logits: Tensor = torch.func.functional_call(model, moved, (packs(users, 20),))
        return logits.sum()

    backward(loss(0.0))
    assert bias.grad is not None
    slope = (loss(2e-3) - loss(-2e-3)).item() / 4e-3
    assert (bias.grad @ direction).item() == pytest.approx(slope, rel=0.02)


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(3)
    x = torch.ones(401, 251)
    found = dropout(x, 0.1)
    assert (found == 0).float().mean().item() == pytest.approx(0.1, abs=0.004)
    assert found.mean().item() == pytest.approx(1, abs=0.005)
    assert not torch.equal(dropout(x, 0.1), found)
    torch.manual_seed(3)
    assert torch.equal(dropout(x, 0.1), found)
    assert torch.equal(dropout(x, 0.0), x)


def test_several_cutoffs_never_contradict_each_other() -> None:
    p = probabilities(torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * 5)
    assert (p[:, 1:] <= p[:, :-1]).all()
    assert ((p >= 0) & (p <= 1)).all()


def test_the_loss_is_the_binary_cross_entropy_of_the_probabilities() -> None:
    logits = torch.randn(20, 3, generator=torch.Generator().manual_seed(1)).double()
    at_least = (torch.arange(20)[:, None] > torch.tensor([4, 9, 14])).double()
    expected = nn.functional.binary_cross_entropy(probabilities(logits), at_least, reduction="none").mean(-1)
    torch.testing.assert_close(binary_cross_entropy(logits, at_least), expected)


def test_the_loss_and_its_gradient_stay_finite_when_the_model_is_sure_and_wrong() -> None:
    logits = torch.tensor([[90.0, 90.0], [-90.0, -90.0]], requires_grad=True)
    loss = binary_cross_entropy(logits, torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    backward(loss.sum())
    assert torch.isfinite(loss).all()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
