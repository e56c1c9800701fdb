"""Which of two runs was better here is said only where chance does not explain it."""

import numpy as np
import pandas as pd
from scipy.special import expit

from core.reporting.run_comparison import compare, with_method


def known(better_by: float) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    age = rng.choice([15, 30], 300).astype(float)
    side = np.where(age >= 21, 1.0, -1.0)
    first, second = (expit(strength * side + rng.normal(0, 1, 300)) for strength in (0.5, 0.5 + better_by))
    return pd.DataFrame({"first": first, "second": second, "age": age})


def test_the_better_one_is_named_and_a_difference_that_chance_explains_is_called_that() -> None:
    found = compare(known(1.0), 21, (0.5, 0.5), ("one", "two"))
    assert found is not None and "By AUC two was better here" in found.verdict
    turned = compare(known(1.0).rename(columns={"first": "second", "second": "first"}), 21, (0.5, 0.5), ("a", "b"))
    assert turned is not None and "By AUC a was better here, by 0." in turned.verdict
    same = compare(known(0.0), 21, (0.5, 0.5), ("one", "two"))
    assert same is not None and "neither was better" in same.verdict
    assert list(found.table["figure"])[:2] == ["AUC", "accuracy"]
    assert found.table.columns.tolist() == ["figure", "one", "two", "difference"]


def test_each_run_is_judged_at_its_own_threshold() -> None:
    accounts = known(1.0)
    loose = compare(accounts, 21, (0.5, 0.01), ("one", "two"))
    assert loose is not None
    assert loose.table.set_index("figure")["two"].astype(str)["share predicted at least 21"].startswith(("0.9", "1.0"))


def test_accounts_of_one_side_compare_nothing_and_a_run_without_a_model_keeps_its_name() -> None:
    assert compare(known(1.0).assign(age=30.0), 21, (0.5, 0.5), ("one", "two")) is None
    assert with_method("run", None) == "run"
