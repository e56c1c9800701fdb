"""Users' vectors u [4H], computed once and kept by encoder, length, precision and text.

What such a vector is (the [CLS] vectors of four layers, averaged) says :mod:`core.encoder.age_classifier`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Barrier
from typing import Any

import numpy as np
import torch

from core.encoder.age_classifier import AgeClassifier
from core.encoder.engines import ENGINE_VERSION, Engine, make_engine
from core.encoder.precision import DType
from core.encoder.tokenization import Pack, packs, tokenize
from core.encoder.vector_cache import VectorCache, Vectors
from core.errors import InputError
from core.jobs.progress import Progress
from core.utils.iteration import batched, prefetch

_LEAST_SPREAD = 1e-3  # of a column's mean

_USERS_AT_ONCE = {"cpu": 64, "cuda": 1_024, "mps": 1_024}
_USERS_TOKENIZED = 16
_MAX_TOKENS = {"cpu": 2_048, "cuda": 65_536, "mps": 65_536}  # at a time: large enough for full speed; on a processor no
# larger, so that what passes between two products is still in its cache


class UserEncoder:
    """Captions -> users' vectors, from the cache where they are known.

    Args:
        model: whose encoder is used; on its device.
        tokenizer: of that encoder.
        max_seq_len: tokens of a caption.
        cache: None computes everything.

    Attributes:
        numbers: in which the encoder computes; those of the model's precision unless set otherwise.

    Raises:
        InputError: the encoder cannot read captions of that length.
    """

    def __init__(self, model: AgeClassifier, tokenizer: Any, max_seq_len: int, cache: VectorCache | None) -> None:
        longest = min(tokenizer.model_max_length, model.bert.config.max_position_embeddings)
        if max_seq_len > longest:
            raise InputError(f"This encoder reads at most {longest} tokens of a caption, not {max_seq_len}.")
        self.model, self.tokenizer, self.max_seq_len, self.cache = model, tokenizer, max_seq_len, cache
        self.numbers: DType = model.numbers
        self._fingerprint = encoder_fingerprint(model) if cache else ""
        self._engine: tuple[object, Engine] | None = None

    def vectors(self, users: Iterable[Sequence[str]], progress: Progress | None = None) -> Vectors:
        """The vectors [users, 4H]; NaN for a user without captions.

        Raises:
            Stopped: asked to stop; what was computed is kept in the cache.
        """
        found, done = [np.empty((0, self._width), np.float32)], 0
        for some in batched(users, _USERS_AT_ONCE[self.model.device.type]):
            found.append(self._some(some))
            done += len(some)
            if progress:
                progress.check()
                progress.update(done, message="encoding")
        return np.concatenate(found)

    @property
    def _width(self) -> int:
        first: Any = self.model.classifier[0]
        return int(first.in_features)

    def _some(self, users: Sequence[Sequence[str]]) -> Vectors:
        keys = [self._key(captions) for captions in users]
        known = self.cache.get(keys) if self.cache else {}
        new = {key: captions for key, captions in zip(keys, users, strict=True) if key not in known and captions}
        computed = dict(zip(new, self._compute([*new.values()]), strict=True)) if new else {}
        if self.cache:
            self.cache.put(computed)
        nothing = np.full(self._width, np.nan, np.float32)
        return np.stack([known.get(key, computed.get(key, nothing)) for key in keys])

    def _compute(self, users: Sequence[Sequence[str]]) -> Vectors:
        self.model.eval()
        engine, device = self._ready_engine(), self.model.device
        portions = batched(users, _USERS_TOKENIZED)
        tokens = (tokenize(self.tokenizer, some, self.max_seq_len) for some in portions)
        with _workers(device) as pool:
            coming = [
                [pool.submit(_means, engine, pack.to(device)) for pack in packs(some, _MAX_TOKENS[device.type])]
                for some in prefetch(tokens)
            ]
            found = [torch.stack([part.result() for part in some]).sum(0) for some in coming]
        return np.asarray(torch.cat(found).cpu().numpy())  # the only wait for a GPU

    def _ready_engine(self) -> Engine:
        """The engine for these numbers; a new one where the encoder's weights have changed."""
        state = (self.numbers, [parameter._version for parameter in self.model.bert.parameters()])
        if self._engine is None or self._engine[0] != state:
            self._engine = state, make_engine(self.model, self.numbers, self.tokenizer)
        return self._engine[1]

    def _key(self, captions: Sequence[str]) -> bytes:
        digest = hashlib.sha256(f"{ENGINE_VERSION} {self._fingerprint} {self.numbers} {self.max_seq_len}".encode())
        for caption in captions:
            text = caption.encode("utf-8", "surrogatepass")
            digest.update(len(text).to_bytes(4, "little") + text)
        return digest.digest()


def _workers(device: torch.device) -> ThreadPoolExecutor:
    """Threads that encode a pack each; one to feed a GPU.

    A pack on one core is quicker than its products spread over all: no core waits for another at the
    end of each, which matters most where something else runs on the machine as well.
    """
    if device.type != "cpu":
        return ThreadPoolExecutor(1, "encoder")
    cores = torch.get_num_threads()
    pool = ThreadPoolExecutor(cores, "encoder", initializer=_use_one_core)
    all_there = Barrier(cores)
    wait([pool.submit(all_there.wait) for _ in range(cores)])
    torch.set_num_threads(cores)  # or threads that begin later would have one core, too
    return pool


def _use_one_core() -> None:
    torch.get_num_threads()  # which would otherwise undo the next line when first asked
    torch.set_num_threads(1)


def _means(engine: Engine, pack: Pack) -> torch.Tensor:
    """What the captions of ``pack`` add to the vectors u [U, 4H] of its users."""
    with torch.inference_mode():
        return pack.shares @ engine.encode(pack)  # [U, N] @ [N, 4H]


def encoder_fingerprint(model: AgeClassifier) -> str:
    """A hash of the encoder's weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.bert.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()


def column_scale(vectors: Vectors) -> Vectors:
    """By what each column [4H] of users' vectors [n, 4H] is divided to standardise it.

    The standard deviation, where that is more than rounding. A column that hardly differs between users
    would otherwise get a weight of many thousands, taken back by the bias, and such sums in 32 bits are
    off by thousandths of a probability.
    """
    least = _LEAST_SPREAD * np.abs(vectors.mean(0)) + 1e-6
    return np.asarray(np.maximum(vectors.std(0), least), dtype=np.float32)
