"""What a model's folder says of itself."""

import pytest

from core.errors import InputError
from core.models.folder import ModelSettings, cutoff_index


@pytest.mark.parametrize(
    ("cutoffs", "asked", "index"),
    [((18, 21, 25), None, 1), ((16, 18), None, 0), ((18, 21, 25), 25, 2), ((18, 21, 25), 18, 0)],
)
def test_without_a_cutoff_21_is_meant_or_the_lowest(
    cutoffs: tuple[float, ...], asked: float | None, index: int
) -> None:
    assert cutoff_index(ModelSettings("encoder", "weights.pth", age_cutoffs=cutoffs), asked) == index


def test_a_cutoff_that_the_model_does_not_know_is_refused_with_those_it_knows() -> None:
    settings = ModelSettings("encoder", "weights.pth", age_cutoffs=(18, 21))
    with pytest.raises(InputError, match="at least 18 or 21, not 30"):
        cutoff_index(settings, 30)
