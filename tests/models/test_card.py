"""What a model's card says, in words."""

import pytest

from core.models.card import model_card
from core.models.settings import ModelSettings
from tests.made_model import training_record


@pytest.mark.parametrize(
    ("loss", "said"),
    [(1e-9, "by less than 0.0001 in int8"), (-1e-9, "by less than 0.0001 in int8"), (0.0012, "by -0.0012 in int8")],
)
def test_a_change_that_four_decimals_do_not_show_has_no_sign(loss: float, said: str) -> None:
    settings = ModelSettings("encoder", "weights.pth", auc_losses={"int8": loss})
    card = model_card(training_record({"train": ["anna"], "validation": ["bob"]}, settings))
    assert f"AUC on the validation accounts changes {said}." in card
