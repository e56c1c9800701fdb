"""What a model's card says, in words."""

import pytest

from core.models.card import model_card
from core.models.settings import ModelSettings
from core.models.training_record import CrossFitRecord
from tests.made_model import training_record


@pytest.mark.parametrize(
    ("loss", "said"),
    [(1e-9, "by less than 0.0001 in int8"), (-1e-9, "by less than 0.0001 in int8"), (0.0012, "by -0.0012 in int8")],
)
def test_a_change_that_four_decimals_do_not_show_has_no_sign(loss: float, said: str) -> None:
    settings = ModelSettings("encoder", "weights.pth", auc_losses={"int8": loss})
    card = model_card(training_record({"train": ["anna"], "validation": ["bob"]}, settings))
    assert f"AUC on the validation accounts changes {said}." in card


@pytest.mark.parametrize(("made", "said"), [(CrossFitRecord(folds=5, accounts=2, metrics={}), "5"), (None, "none")])
def test_how_many_further_models_were_made_is_said_though_nobody_asked(made: CrossFitRecord | None, said: str) -> None:
    record = training_record({"train": ["anna"]}, arguments={"folds": None}, cross_fitted=made)
    assert f"| further models, for the errors | {said} |" in model_card(record)
