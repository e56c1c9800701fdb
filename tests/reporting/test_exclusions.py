"""The flow of accounts adds up at every stage, of a study and of a list; papers have the DOIs that the docs have."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from core.index import Counts
from core.reporting.exclusions import flow_chart, flow_in_words, stages
from core.reporting.references import REFERENCES, references_in
from core.reporting.run_results import Run, RunAtThreshold
from core.settings import PROJECT_DIR
from core.storage.listed import STEPS, ListFlow, NamedList


def view_of(accounts: int, silent: int) -> RunAtThreshold:
    probability = np.linspace(0, 1, accounts)
    probability[:silent] = np.nan
    table = pd.DataFrame(
        {
            "username": [f"user_{at}" for at in range(accounts)],
            "probability": probability,
            "prediction": 0,
            "posts": 1,
            "age": np.nan,
        }
    )
    return RunAtThreshold(Run("run", table, None, 21), 0.5)


COUNTS = Counts(120, 20, 100, 90, 900, 900, 0, 0, 90, 1, 0, {"collected": 93, "private": 4, "not_found": 3})


@pytest.mark.parametrize(
    ("accounts", "counts"),
    [
        (100, COUNTS),
        (80, COUNTS),
        (130, COUNTS),
        (100, replace(COUNTS, missing=0)),
        (100, replace(COUNTS, outcomes={"private": 50, "collected": 50})),
    ],
)
def test_at_every_stage_the_accounts_and_those_left_out_add_up(accounts: int, counts: Counts) -> None:
    found = stages(view_of(accounts, 10), counts)
    for stage, following in pairwise(found):
        assert stage.accounts - sum(stage.left_out.values()) == following.accounts
        assert min(stage.left_out.values(), default=1) > 0
    assert found[-1].accounts == accounts - 10


def test_the_flow_of_a_list_begins_with_those_it_names() -> None:
    steps = {**dict.fromkeys(STEPS, 0), "not_collected": 7, "private": 2, "without_captions": 3, "estimated": 88}
    of = NamedList(("one", "two"), tuple(f"user_{at}" for at in range(100)))
    view = view_of(91, 3)
    found = stages(replace(view, run=replace(view.run, flow=ListFlow(of, steps))), COUNTS)
    assert (found[0].name, found[0].accounts) == ("On the list one and two", 100)
    assert found[0].accounts - sum(found[0].left_out.values()) == found[1].accounts == 88


def test_the_flow_is_a_picture_and_a_sentence_with_the_same_numbers() -> None:
    view = view_of(100, 10)
    chart = flow_chart(view, COUNTS)
    assert "20 not collected" in flow_in_words(view, COUNTS)
    assert chart.data["left out"].sum() == 30
    texts = str(chart.drawn.to_dict())
    assert "20 not collected" in texts and "'90'" in texts


def test_papers_are_those_of_the_documentation_and_named_where_a_text_speaks_of_them() -> None:
    docs = (PROJECT_DIR / "docs" / "statistics.md").read_text(encoding="utf-8")
    for paper in REFERENCES.values():
        assert paper.rpartition("doi:")[2] in docs
        assert paper.partition("(")[2][:4] in docs
    assert [paper[:5] for paper in references_in("after Rogan and Gladen, by Fieller")] == ["Rogan", "Fiell"]
