"""Why an account got its probability: how much each of its captions moved it.

The model sees the mean of the captions' vectors, so leaving one caption out is arithmetic: the mean
without it is ``(n u - h_i) / (n - 1)``, and one pass of the head over all these means gives exactly
the probabilities that the model would have given without each. Nothing is encoded twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from core.encoder.age_classifier import probabilities
from core.encoder.tokenization import packs, tokenize
from core.errors import InputError
from core.models.predictor import EncoderPredictor, Predictor, calibrated

_MAX_TOKENS = 16_384


@dataclass(frozen=True)
class Explanation:
    """An account's probability, and what each caption did to it.

    Attributes:
        probability: of being at least at the cutoff, with all captions.
        moved: [captions] the probability with all captions less the one without this caption: above
            0 where it speaks for "at least"; NaN where it is the only one.
    """

    probability: float
    moved: npt.NDArray[np.float64]


def explain(predictor: Predictor, captions: Sequence[str], column: int = 0) -> Explanation:
    """How much each of an account's captions moved its probability.

    Args:
        predictor: the model, of any kind.
        captions: of one account; as many as the model uses.
        column: which of the model's cutoffs.

    Raises:
        InputError: the account has no caption.
    """
    if not captions:
        raise InputError("This account has no caption, so there is nothing to explain.")
    if isinstance(predictor, EncoderPredictor):
        found = _by_arithmetic(predictor, captions)[:, column]
    else:
        without = [[*captions[:at], *captions[at + 1 :]] for at in range(len(captions))]
        found = predictor.probabilities([captions, *without])[:, column]
    moved = found[0] - found[1:] if len(captions) > 1 else np.full(1, np.nan)
    return Explanation(float(found[0]), moved)


def _by_arithmetic(predictor: EncoderPredictor, captions: Sequence[str]) -> npt.NDArray[np.float64]:
    """[1 + captions, cutoffs]: the probabilities with all captions, then without each."""
    one_each = tokenize(predictor.tokenizer, [[caption] for caption in captions], predictor.settings.max_seq_len)
    model = predictor.model.eval()
    with torch.inference_mode():
        vectors = model.user_vectors(packs(one_each, _MAX_TOKENS)).cpu().double()  # [n, 4H]
        total, n = vectors.sum(0), len(vectors)
        means = torch.cat([total[None] / n, (total - vectors) / max(n - 1, 1)]).float().to(model.device)
        raw = probabilities(model.classifier(means)).cpu().double().numpy()
    return calibrated(raw, predictor.settings)
