"""A model folder of any kind, loaded, in the numbers in which this machine is quickest."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from core.encoder.age_classifier import AgeClassifier
from core.encoder.devices import check_device
from core.encoder.engines import quickest, supported_dtypes
from core.encoder.precision import DType, Precision
from core.encoder.pretrained import load_config, load_tokenizer
from core.encoder.vector_cache import VectorCache
from core.encoder.weights import load_weights, read_weights
from core.errors import InputError
from core.models.baselines import MajorityPredictor, TfidfPredictor
from core.models.combined import CombinedPredictor
from core.models.folder import Located, locate_model
from core.models.predictor import EncoderPredictor, Predictor
from core.models.settings import MAX_AUC_LOSS, ModelSettings
from core.settings import get_settings

_SPARE_PARAMETERS = 2_000_000
"""A pooler, which some weights files leave out."""

logger = logging.getLogger(__name__)


def load_predictor(
    path: Path,
    model_name_or_path: str | None = None,
    device: str = "cpu",
    max_seq_len: int | None = None,
    precision: Precision = "exact",
    cache: VectorCache | None = None,
) -> Predictor:
    """Load a model folder of any kind, its weights file, or a bare state dict of the older form.

    Args:
        path: as ``--finetuned-model-path`` takes it.
        model_name_or_path: the encoder of a bare state dict.
        device: ``cpu``, ``cuda`` or ``mps``.
        max_seq_len: instead of the model's own.
        precision: wanted; ``settings.precision`` and ``settings.numbers`` tell what it became, see
            :func:`select_dtype`.
        cache: where users' vectors are kept; None computes them each time.

    Raises:
        InputError: there is no such model or device, or the weights do not fit the encoder.
    """
    check_device(device)
    found = locate_model(path, model_name_or_path)
    if max_seq_len is not None:
        found = replace(found, settings=replace(found.settings, max_seq_len=max_seq_len))
    if found.settings.kind == "majority":
        return MajorityPredictor.load(found.weights_file, found.settings)
    if found.settings.kind == "tfidf":
        return TfidfPredictor.load(found.weights_file, found.settings)
    model = AgeClassifier(_empty_encoder(found), len(found.settings.age_cutoffs)).to(device)
    model.precision = found.settings.precision
    tokenizer = load_tokenizer(found.encoder)
    if len(tokenizer) > model.bert.config.vocab_size:
        raise InputError(f"The tokenizer in {found.encoder} knows more words than the encoder. Train the model again.")
    predictor: EncoderPredictor | CombinedPredictor
    if found.settings.kind == "combined":
        predictor = CombinedPredictor.load(found.weights_file, found.settings, model, tokenizer, cache)
    else:
        load_weights(model, read_weights(found.weights_file), found.weights_file.name)
        predictor = EncoderPredictor(model, tokenizer, found.settings, cache)
    select_dtype(predictor, precision)
    return predictor


def select_dtype(predictor: "EncoderPredictor | CombinedPredictor", wanted: Precision) -> None:
    """Let the encoder compute in the best numbers for ``wanted``, and say which in the settings."""
    encoder, settings = predictor.encoder, predictor.settings
    needs_few_bits = wanted == "fast" or settings.numbers != "float32"  # which to try takes a moment
    usable = usable_numbers(settings, supported_dtypes(encoder.model) if needs_few_bits else ["float32"])
    numbers = usable[0]
    if wanted == "fast" and len(usable) > 1:
        numbers = quickest(encoder.model, usable, encoder.tokenizer, get_settings().cache_dir)
    elif wanted == "exact" and "float32" in usable:
        numbers = "float32"
    encoder.numbers = numbers
    encoder.model.precision = "fast" if numbers == "bfloat16" else "exact"
    precision: Precision = "exact" if numbers == "float32" else "fast"
    if precision != wanted:
        logger.warning(
            "--precision %s is not used: this machine is not quicker by it, or this model would lose more than %g AUC, "
            "or what it would lose was not measured. It computes in %s.",
            wanted,
            MAX_AUC_LOSS,
            numbers,
        )
    predictor.settings = replace(settings, precision=precision, numbers=numbers)


def usable_numbers(settings: ModelSettings, possible: Sequence[DType]) -> list[DType]:
    """Of the numbers that the machine can compute in, those that cost the model no more than 0.002 AUC.

    Its own come first; where the machine has not these, 32 bits are nearest to them.
    """
    own: DType = settings.numbers if settings.numbers in possible else "float32"
    losses = settings.auc_losses
    return [own, *(n for n in possible if n != own and losses.get(n, math.inf) <= MAX_AUC_LOSS)]


def _empty_encoder(found: Located) -> Any:
    """An encoder of the shape that the configuration says, as long as the weights file can fill it.

    Raises:
        InputError: it is no shape, or the weights are far too few for it.
    """
    from transformers import AutoModel  # seconds, which models without an encoder need not wait for

    build: Any = partial(AutoModel.from_config, load_config(found.encoder), trust_remote_code=False)
    try:
        with torch.device("meta"):  # takes no memory
            needed = sum(parameter.numel() for parameter in build(dtype=torch.float32).parameters())
        size = found.weights_file.stat().st_size
    except OSError as error:
        raise InputError(f"{found.weights_file} cannot be read: {error.strerror}. Train the model again.") from error
    # whatever transformers makes of a configuration that somebody changed
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, AssertionError, ZeroDivisionError) as error:
        raise InputError(
            f"The encoder's configuration in {found.encoder} cannot be used ({type(error).__name__}). "
            "Take the config.json that belongs to the weights, or train the model again."
        ) from error
    if needed > size + _SPARE_PARAMETERS:  # a byte each is less than any format takes
        raise InputError(
            f"The encoder's configuration in {found.encoder} asks for {needed:,} parameters, and "
            f"{found.weights_file.name} has {size:,} bytes: they do not belong together."
        )
    return build(dtype=torch.float32)
