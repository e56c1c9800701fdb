"""The ways to make a model: each takes a study, a split of labelled accounts, and returns a predictor."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.encoder.age_classifier import AgeClassifier
from core.encoder.pretrained import load_encoder, load_tokenizer
from core.encoder.tokenization import UserTokens, tokenize
from core.encoder.user_encoder import UserEncoder
from core.encoder.vector_cache import VectorCache
from core.jobs.progress import Progress
from core.models.baselines import MajorityPredictor, TfidfPredictor
from core.models.captions_read import as_read, captions_used
from core.models.combined import MAX_SEQ_LEN, CombinedPredictor
from core.models.method_names import Method
from core.models.predictor import EncoderPredictor, Floats, Predictor
from core.models.settings import ModelSettings
from core.training.dataset import LabelledAccounts
from core.training.epochs import History
from core.training.finetune import Examples, Recipe, finetune
from core.training.frozen_head import HeadRecipe, KnownUsers, train_head
from core.training.splits import Parts
from core.utils.iteration import batched

_ACCOUNTS_AT_ONCE = 256


@dataclass(frozen=True)
class TrainingTask:
    """What a model is made from.

    Attributes:
        accounts: the labelled accounts.
        parts: which of them train and which choose; those that test are not touched here.
        settings: the model's, as far as they are known before it is made.
        recipe: of fine-tuning.
        head: of the frozen mode.
        device: ``cpu``, ``cuda`` or ``mps``.
        twins: groups of accounts with largely the same texts.
        balanced: let both classes count alike.
        cache: of users' vectors; None computes them anew.
    """

    accounts: LabelledAccounts
    parts: Parts
    settings: ModelSettings
    recipe: Recipe
    head: HeadRecipe
    device: str = "cpu"
    twins: Sequence[Sequence[str]] = ()
    balanced: bool = False
    cache: VectorCache | None = None

    def captions(self, part: str) -> Iterator[list[str]]:
        """The captions used of the accounts of a part, read as they are asked for."""
        for captions in self.accounts.captions(self.parts[part]):
            yield as_read(self.settings, captions_used(self.settings, captions))

    def at_least(self, part: str) -> npt.NDArray[np.bool_]:
        """The truth [accounts of the part, cutoffs]."""
        return self.accounts.at_least(self.settings.age_cutoffs, self.parts[part])

    def class_weights(self, part: str) -> npt.NDArray[np.float32] | None:
        """How much each answer counts [accounts, cutoffs] so that both classes weigh the same; None for all alike."""
        if not self.balanced:
            return None
        at_least = self.at_least(part)
        share = at_least.mean(0)
        return np.asarray(np.where(at_least, 0.5 / share, 0.5 / (1 - share)), np.float32)


@dataclass(frozen=True)
class Trained:
    """A predictor, and how it came about.

    Attributes:
        method: by which it was made.
        predictor: ready to use.
        history: of its epochs; empty where there are none.
        seconds: that it took, over all interruptions.
    """

    method: Method
    predictor: Predictor
    history: History
    seconds: float


def fit(method: Method, study: TrainingTask, checkpoints: Path, progress: Progress) -> Trained:
    """Make a model by a method.

    Args:
        method: one of :data:`METHODS`.
        study: what it is made from.
        checkpoints: the folder from which an interrupted fine-tuning goes on.
        progress: told of steps and epochs.

    Raises:
        InputError: the encoder cannot be had, or the accounts do not suffice.
        Stopped: asked to stop before there was anything to keep.
    """
    started = time.monotonic()
    predictor, history = METHODS[method](study, checkpoints, progress)
    earlier = sum(epoch.seconds for epoch in history.epochs)
    return Trained(method, predictor, history, max(earlier, time.monotonic() - started))


def fit_to_the_end(method: Method, study: TrainingTask, checkpoints: Path, progress: Progress) -> Trained:
    """Like :func:`fit`, where a model that was stopped before its end is of no use.

    Raises:
        InputError: as :func:`fit`.
        Stopped: asked to stop; the same call goes on from ``checkpoints``.
    """
    trained = fit(method, study, checkpoints, progress)
    if trained.history.stopped:
        raise progress.stopped("Stopped as asked.")
    return trained


def part_probabilities(predictor: Predictor, study: TrainingTask, part: str) -> Floats:
    """P(age >= cutoff) [accounts of the part, cutoffs]."""
    batches = batched(study.captions(part), _ACCOUNTS_AT_ONCE)
    return np.concatenate([predictor.probabilities(captions) for captions in batches])


def _majority(study: TrainingTask, checkpoints: Path, progress: Progress) -> tuple[Predictor, History]:
    """Everybody is what most are."""
    settings = replace(study.settings, kind="majority")
    return MajorityPredictor.fit(study.at_least("train"), settings), History()


def _tfidf(study: TrainingTask, checkpoints: Path, progress: Progress) -> tuple[Predictor, History]:
    """The field's standard text baseline."""
    progress.update(message="TF-IDF with logistic regression")
    settings = replace(study.settings, kind="tfidf")
    captions = [*study.captions("train")]
    return TfidfPredictor.fit(captions, study.at_least("train"), settings, study.balanced), History()


def _frozen(study: TrainingTask, checkpoints: Path, progress: Progress) -> tuple[Predictor, History]:
    """The encoder as it is; only the head learns."""
    predictor = _encoder_predictor(study)
    learn, choose = (_known_users(study, part, predictor.encoder, progress) for part in ("train", "validation"))
    return predictor, train_head(predictor.model, learn, choose, study.head, progress)


def _finetuned(study: TrainingTask, checkpoints: Path, progress: Progress) -> tuple[Predictor, History]:
    """The encoder and the head learn together; goes on from ``checkpoints``."""
    predictor = _encoder_predictor(replace(study, cache=None))  # the encoder will not be what it was
    learn, choose = (_examples(study, part, predictor, progress) for part in ("train", "validation"))
    return predictor, finetune(predictor.model, learn, choose, study.recipe, checkpoints, progress)


def _combined(study: TrainingTask, checkpoints: Path, progress: Progress) -> tuple[Predictor, History]:
    """Words, letters and the frozen encoder together, on captions longer than the published method reads."""
    length = max(study.settings.max_seq_len, MAX_SEQ_LEN)
    settings = replace(study.settings, kind="combined", max_seq_len=length)
    predictor = _encoder_predictor(replace(study, settings=settings))
    captions, truth, seed = [*study.captions("train")], study.at_least("train"), study.recipe.seed
    return CombinedPredictor.fit(captions, truth, predictor.encoder, settings, progress, seed), History()


METHODS: dict[Method, Callable[[TrainingTask, Path, Progress], tuple[Predictor, History]]] = {
    "majority": _majority,
    "tfidf": _tfidf,
    "frozen": _frozen,
    "finetuned": _finetuned,
    "combined": _combined,
}


def _encoder_predictor(study: TrainingTask) -> EncoderPredictor:
    name = study.settings.encoder
    tokenizer, encoder = load_tokenizer(name), load_encoder(name)
    torch.manual_seed(study.recipe.seed)  # of the head; the encoder comes with its weights
    model = AgeClassifier(encoder, len(study.settings.age_cutoffs)).to(study.device)
    model.precision = study.settings.precision
    return EncoderPredictor(model, tokenizer, study.settings, study.cache)


def _known_users(study: TrainingTask, part: str, encoder: UserEncoder, progress: Progress) -> KnownUsers:
    progress.update(0, len(study.parts[part]), unit="accounts")
    vectors = encoder.vectors(study.captions(part), progress)
    return KnownUsers(vectors, study.at_least(part), study.class_weights(part))


def _examples(study: TrainingTask, part: str, predictor: EncoderPredictor, progress: Progress) -> Examples:
    users: list[UserTokens] = []
    for captions in batched(study.captions(part), _ACCOUNTS_AT_ONCE):
        progress.check()
        users += tokenize(predictor.tokenizer, captions, study.settings.max_seq_len)
    return Examples(users, study.at_least(part), study.class_weights(part))
