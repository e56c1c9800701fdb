"""Altair charts, the same on the pages and in reports.

Below the cutoff is amber, at least at the cutoff blue, unknown grey, everywhere: a pair that
colour-blind eyes can tell apart (Okabe and Ito, 2008).
"""

import altair as alt
import pandas as pd

ACCENT = "#0F766E"
BELOW, AT_LEAST, UNKNOWN = "#E69F00", "#0072B2", "#8A9499"
OUTCOME_COLORS = {
    "collected": "#0F766E",
    "partial": "#56B4E9",
    "empty": "#B8C4C8",
    "private": "#CC79A7",
    "not_found": "#8A9499",
    "failed": "#D55E00",
}
HEIGHT = 240
BINS = 25


def group_names(cutoff: float) -> tuple[str, str, str]:
    """What the three groups of accounts are called at a cutoff: below, at least, without a label."""
    return f"under {cutoff:g}", f"at least {cutoff:g}", "no label"


def group_of(ages: "pd.Series[float]", cutoff: float) -> "pd.Series[str]":
    """The name of each account's group by its labelled age in years; missing ages have no label."""
    below, at_least, unknown = group_names(cutoff)
    groups = pd.Series(below, index=ages.index).where(ages < cutoff, at_least)
    return groups.where(ages.notna(), unknown)


def probabilities(predictions: pd.DataFrame, cutoff: float, threshold: float) -> alt.LayerChart:
    """A histogram of probabilities by labelled group, with the threshold as a rule.

    Args:
        predictions: columns ``probability`` (0 to 1) and ``age`` (years, missing where unknown).
        cutoff: the age that the probabilities are about.
        threshold: where "predicted at least" begins.
    """
    names = group_names(cutoff)
    known = predictions.dropna(subset=["probability"])
    bins = (known["probability"].clip(0, 1 - 1e-9) * BINS).astype(int) / BINS
    counts = known.assign(start=bins, group=group_of(known["age"], cutoff))
    counts = counts.groupby(["start", "group"], as_index=False).size().assign(end=lambda table: table.start + 1 / BINS)
    bars = (
        alt.Chart(counts)
        .mark_bar(binSpacing=1)
        .encode(
            x=alt.X(
                "start:Q", bin="binned", title=f"probability of being at least {cutoff:g}", scale={"domain": [0, 1]}
            ),
            x2="end:Q",
            y=alt.Y("size:Q", title="accounts", stack="zero"),
            color=_group_color(names, counts["group"]),
            tooltip=[
                alt.Tooltip("start:Q", title="from", format=".2f"),
                alt.Tooltip("end:Q", title="to", format=".2f"),
                alt.Tooltip("group:N", title="label"),
                alt.Tooltip("size:Q", title="accounts", format=","),
            ],
        )
    )
    rule = (
        alt.Chart(pd.DataFrame({"threshold": [threshold]}))
        .mark_rule(color=ACCENT, strokeWidth=2, strokeDash=[6, 3])
        .encode(x="threshold:Q", tooltip=[alt.Tooltip("threshold:Q", format=".2f")])
    )
    return (bars + rule).properties(height=HEIGHT)


def training_curve(epochs: pd.DataFrame, measure: str, title: str) -> alt.Chart:
    """One measure by epoch; several columns named ``<part>_<measure>`` become several lines.

    Args:
        epochs: a row per epoch with ``epoch`` and columns such as ``train_loss``, ``validation_loss``.
        measure: the ending of the columns to draw, for example ``loss``.
        title: what the measure is called.
    """
    columns = [column for column in epochs.columns if column.endswith(f"_{measure}")]
    long = epochs.melt(id_vars=["epoch"], value_vars=columns, var_name="part", value_name="value").dropna()
    long["part"] = long["part"].str.removesuffix(f"_{measure}")
    return (
        alt.Chart(long)
        .mark_line(point=True)
        .encode(
            x=alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("value:Q", title=title, scale={"zero": False}),
            color=alt.Color(
                "part:N",
                title=None,
                scale={"domain": ["train", "validation"], "range": [UNKNOWN, ACCENT]},
                legend=alt.Legend(orient="top") if len(columns) > 1 else None,
            ),
            tooltip=["epoch:Q", "part:N", alt.Tooltip("value:Q", format=".4f")],
        )
        .properties(height=HEIGHT)
    )


def outcomes(counts: dict[str, int]) -> alt.Chart:
    """How many accounts ended how, as one stacked bar."""
    present = [outcome for outcome in OUTCOME_COLORS if counts.get(outcome)]
    table = pd.DataFrame({"outcome": present, "accounts": [counts[outcome] for outcome in present]})
    table["order"], table["outcome"] = range(len(present)), [name.replace("_", " ") for name in present]
    return (
        alt.Chart(table)
        .mark_bar()
        .encode(
            x=alt.X("accounts:Q", title=None, stack="zero", axis=alt.Axis(format=",d", tickMinStep=1)),
            color=alt.Color(
                "outcome:N",
                title=None,
                scale={
                    "domain": [name.replace("_", " ") for name in present],
                    "range": [OUTCOME_COLORS[name] for name in present],
                },
                legend=alt.Legend(orient="top"),
            ),
            order="order:Q",
            tooltip=["outcome:N", alt.Tooltip("accounts:Q", format=",")],
        )
        .properties(height=40)
    )


def over_time(table: pd.DataFrame, time: str, count: str, title: str, height: int = 140) -> alt.Chart:
    """Bars of a count by day or month; ``time`` holds the beginning of each."""
    return (
        alt.Chart(table)
        .mark_bar(color=ACCENT)
        .encode(
            x=alt.X(f"{time}:T", title=None),
            y=alt.Y(f"{count}:Q", title=title, axis=alt.Axis(format=",d", tickMinStep=1)),
            tooltip=[alt.Tooltip(f"{time}:T"), alt.Tooltip(f"{count}:Q", format=",", title=title)],
        )
        .properties(height=height)
    )


def _group_color(names: tuple[str, str, str], present: "pd.Series[str]") -> alt.Color:
    colors = dict(zip(names, (BELOW, AT_LEAST, UNKNOWN), strict=True))
    shown = [name for name in names if (present == name).any()]
    return alt.Color(
        "group:N",
        title="label",
        scale={"domain": shown, "range": [colors[name] for name in shown]},
        legend=alt.Legend(orient="top"),
    )
