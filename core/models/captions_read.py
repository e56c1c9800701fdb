"""Which captions of an account a model reads, and in which form; how many tokens of each, the tokenizer cuts."""

from collections.abc import Sequence
from typing import TypeVar

from core.labelling.self_reports import mask_self_reports
from core.models.settings import ModelSettings

T = TypeVar("T")


def captions_used(settings: ModelSettings, captions: Sequence[T]) -> list[T]:
    """The captions that the model uses: all, or ``max_posts`` spread evenly over the account's time."""
    if settings.max_posts is None or len(captions) <= settings.max_posts:
        return [*captions]
    step = len(captions) / settings.max_posts
    return [captions[int((number + 0.5) * step)] for number in range(settings.max_posts)]


def as_read(settings: ModelSettings, captions: Sequence[str]) -> list[str]:
    """``captions`` as the model reads them: whole, or without what tells an age."""
    return [mask_self_reports(caption) for caption in captions] if settings.mask_self_reports else [*captions]
