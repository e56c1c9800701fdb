"""In which language an account writes, told from the beginning of its captions."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

UNKNOWN = "unknown"

_SURE = 0.5
_CHARACTERS = 400


def language_of(captions: Iterable[str]) -> str:
    """The language an account mostly writes in, as an ISO 639 code; "unknown" where it cannot be told.

    Args:
        captions: of one account; no more than the first few hundred characters are looked at.
    """
    language, _ = _identifier().classify(" ".join(_beginning(captions)))
    return UNKNOWN if language in ("und", "zxx") else str(language)


def _beginning(captions: Iterable[str]) -> Iterator[str]:
    length = 0
    for caption in captions:
        if length >= _CHARACTERS:
            return
        yield caption
        length += len(caption)


@lru_cache(maxsize=1)
def _identifier() -> Any:
    # here, since it takes 0.2 s and few commands ask for a language
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True, min_confidence=_SURE)
    identifier.nb_ptc = identifier.nb_ptc.astype(np.float32)  # from 16 bits once, and not for each account
    return identifier
