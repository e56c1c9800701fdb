"""Altair charts, the same on the pages and in reports.

Below the cutoff is amber, at least at the cutoff blue, unknown grey, everywhere: a pair that
colour-blind eyes can tell apart (Okabe and Ito, 2008).
"""

from typing import Any

import altair as alt
import numpy as np
import orjson
import pandas as pd

ACCENT = "#0D9488"  # strong enough on white and on the dark theme
BELOW, AT_LEAST, UNKNOWN = "#E69F00", "#0072B2", "#8A9499"
INK = "#5F6E73"  # of words in a picture, on white and on the dark theme
NO_LABEL = "#AEB9BE"  # lighter than the others, also where a figure is printed in grey
OUTCOME_COLORS = {
    "collected": ACCENT,
    "partial": "#56B4E9",
    "empty": "#B8C4C8",
    "private": "#CC79A7",
    "not_found": "#8A9499",
    "failed": "#D55E00",
}
OUTCOME_NAMES = {name: name.replace("_", " ") for name in OUTCOME_COLORS} | {"empty": "empty, no posts"}
"""What a chart calls each outcome."""
HEIGHT = 280
OUTCOMES_HEIGHT = 130
"""With its legend and its axis."""
BINS = 25
CLICKABLE, CLICKED = "clickable", "clicked"
"""The names of the marks that can be clicked, and of the selection that a click makes."""
FADED = 0.4
"""The opacity of what was not clicked, where something was."""


def stable_spec(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """The specification of a chart whose data are called alike however often they change.

    Altair names data by their content. A page would draw the whole chart anew for a new name, and
    only move what is in it for new data.
    """
    specification: dict[str, Any] = chart.to_dict(validate=False)  # checking against the schema is half of the time
    specification.pop("config", None)  # Altair's own; the page has its colours and sizes
    specification.setdefault("padding", {"bottom": 4})  # Streamlit leaves 20 pixels of nothing otherwise
    text = orjson.dumps(specification)
    for number, name in enumerate(specification.get("datasets", {})):
        text = text.replace(name.encode(), f"data-{number}".encode())
    steadied: dict[str, Any] = orjson.loads(text)
    return steadied


def group_names(cutoff: float) -> tuple[str, str, str]:
    """What the three groups of accounts are called at a cutoff: below, at least, without a label."""
    return f"under {cutoff:g}", f"at least {cutoff:g}", "no label"


def group_of(ages: "pd.Series[float]", cutoff: float) -> "pd.Series[str]":
    """The name of each account's group by its labelled age in years; missing ages have no label."""
    below, at_least, unknown = group_names(cutoff)
    groups = pd.Series(below, index=ages.index).where(ages < cutoff, at_least)
    return groups.where(ages.notna(), unknown)


def histogram(predictions: pd.DataFrame, cutoff: float) -> pd.DataFrame:
    """How many accounts lie in each bin of probability, by labelled group: start, end, group, size.

    Args:
        predictions: columns ``probability`` (0 to 1) and ``age`` (years, missing where unknown).
        cutoff: the age that the probabilities are about.
    """
    known = predictions.dropna(subset=["probability"])
    bins = (known["probability"].clip(0, 1 - 1e-9) * BINS).to_numpy(dtype=int)
    ages = known["age"].to_numpy(dtype=float)
    groups = np.where(np.isnan(ages), 2, ages >= cutoff).astype(int)
    sizes = np.bincount(groups * BINS + bins, minlength=3 * BINS)
    starts = np.tile(np.arange(BINS) / BINS, 3)
    table = pd.DataFrame({"start": starts, "group": np.repeat(group_names(cutoff), BINS), "size": sizes})
    table = table[table["size"] > 0].sort_values(["start", "group"], ignore_index=True)
    return table.assign(end=table["start"] + 1 / BINS)


def probabilities(
    counts: pd.DataFrame, cutoff: float, threshold: float, band: tuple[float, float] | None = None
) -> alt.LayerChart:
    """A histogram of probabilities by labelled group, with the threshold as a rule.

    Args:
        counts: as :func:`histogram` gives them.
        cutoff: the age that the probabilities are about.
        threshold: where "predicted at least" begins.
        band: between these two probabilities an account is called uncertain.
    """
    names = group_names(cutoff)
    clicked = _click(["start", "group"])
    bars = (
        alt.Chart(counts, name=CLICKABLE)
        .mark_bar(binSpacing=1, cursor="pointer")
        .encode(
            x=alt.X(
                "start:Q", bin="binned", title=f"probability of being at least {cutoff:g}", scale={"domain": [0, 1]}
            ),
            x2="end:Q",
            y=alt.Y("size:Q", title="accounts", stack="zero", scale={"domain": [0, _above(counts)]}),
            color=_group_color(names, counts["group"]),
            tooltip=[
                alt.Tooltip("start:Q", title="from", format=".2f"),
                alt.Tooltip("end:Q", title="to", format=".2f"),
                alt.Tooltip("group:N", title="label"),
                alt.Tooltip("size:Q", title="accounts", format=","),
            ],
            opacity=alt.condition(clicked, alt.value(1), alt.value(FADED)),
        )
        .add_params(clicked)
    )
    return alt.LayerChart(layer=[*([_shaded(*band)] if band else []), bars, _rule(threshold)]).properties(height=HEIGHT)


def clickable(chart: alt.Chart, *fields: str) -> alt.Chart:
    """A chart of one kind of mark, of which a click chooses those with the same ``fields``."""
    clicked, mark = _click([*fields]), chart.mark
    pointed_at = {**({"type": mark} if isinstance(mark, str) else mark.to_dict()), "cursor": "pointer"}
    seen = alt.condition(clicked, alt.value(1), alt.value(FADED))
    return chart.properties(mark=pointed_at, name=CLICKABLE).encode(opacity=seen).add_params(clicked)


def _click(fields: list[str]) -> alt.Parameter:
    """What a click chooses: the mark under it, by these fields; another click on it chooses nothing again."""
    return alt.selection_point(name=CLICKED, fields=fields)


def _above(counts: pd.DataFrame) -> float:
    """Where the axis of a histogram ends: a little above its highest bar."""
    return 1.05 * float(counts.groupby("start")["size"].sum().max()) if len(counts) else 1.0


def _shaded(low: float, high: float) -> alt.Chart:
    """The band of uncertainty, behind the bars."""
    return (
        alt.Chart(pd.DataFrame({"low": [low], "high": [high], "what": ["uncertain"]}))
        .mark_rect(color=UNKNOWN, opacity=0.25)
        .encode(
            x="low:Q",
            x2="high:Q",
            tooltip=["what:N", alt.Tooltip("low:Q", format=".2f"), alt.Tooltip("high:Q", format=".2f")],
        )
    )


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
            y=alt.Y("value:Q", title=title, scale=_scale_of(measure, long["value"])),
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


def _scale_of(measure: str, values: "pd.Series[float]") -> dict[str, object]:
    """An AUC lies between a guess and 1, or lower where it is worse than a guess; a loss begins at 0."""
    return {"domain": [min(0.5, float(values.min())), 1.0]} if measure == "auc" else {"zero": True}


def outcomes(counts: dict[str, int]) -> alt.Chart:
    """How many accounts ended how, as one stacked bar."""
    present = [outcome for outcome in OUTCOME_COLORS if counts.get(outcome)]
    table = pd.DataFrame({"outcome": present, "accounts": [counts[outcome] for outcome in present]})
    table["order"], table["outcome"] = range(len(present)), [OUTCOME_NAMES[name] for name in present]
    return (
        alt.Chart(table)
        .mark_bar()
        .encode(
            x=alt.X("accounts:Q", title=None, stack="zero", axis=alt.Axis(format=",d", tickMinStep=1)),
            color=alt.Color(
                "outcome:N",
                title=None,
                scale={
                    "domain": [OUTCOME_NAMES[name] for name in present],
                    "range": [OUTCOME_COLORS[name] for name in present],
                },
                legend=alt.Legend(orient="top", columns=3),
            ),
            order="order:Q",
            tooltip=["outcome:N", alt.Tooltip("accounts:Q", format=",")],
        )
        .properties(height=OUTCOMES_HEIGHT)
    )


def over_time(table: pd.DataFrame, time: str, count: str, title: str, height: int = 140) -> alt.Chart:
    """Bars of a count; ``time``, "day" or "month", is the column that holds the beginning of each, and their length.

    Each bar has its ``date`` as a text, which a browser in another zone of time does not move.
    """
    unit, shown = ("yearmonth", "%b %Y") if time == "month" else ("yearmonthdate", "%-d %b %Y")
    axis = alt.Axis(
        tickCount={"interval": time, "step": 1},
        labelExpr=f"datum.index < 1 ? timeFormat(datum.value, '{shown}') : ''",  # the last tick ends the last bar
        labelAlign="left",
        labelFlush=False,
        labelOverlap="parity",
    )
    return (
        alt.Chart(table.assign(date=table[time].dt.strftime("%Y-%m-%d")))
        .mark_bar(color=ACCENT)
        .encode(
            x=alt.X(f"{unit}({time}):T", title=None, axis=axis),
            y=alt.Y(f"{count}:Q", title=title, axis=alt.Axis(format=",d", tickMinStep=1)),
            tooltip=[
                alt.Tooltip(f"{time}:T", format=shown),
                alt.Tooltip(f"{count}:Q", format=",", title=title),
            ],
        )
        .properties(height=height)
    )


def roc(points: pd.DataFrame, now: pd.DataFrame) -> alt.LayerChart:
    """The ROC curve, with where the threshold stands on it.

    Args:
        points: as :func:`core.statistics.curves.roc_curve` gives them.
        now: one row of the same columns, at the threshold.
    """
    diagonal = _diagonal("false_positive_rate", "true_positive_rate")
    return _curve(
        points,
        now,
        ("false_positive_rate", "1 − specificity"),
        ("true_positive_rate", "sensitivity"),
        diagonal,
    )


def precision_recall(points: pd.DataFrame, now: pd.DataFrame) -> alt.LayerChart:
    """Precision against recall of "at least", with where the threshold stands.

    Args:
        points: as :func:`core.statistics.curves.precision_recall_points` gives them.
        now: one row of the same columns, at the threshold.
    """
    return _curve(points, now, ("recall", "recall"), ("precision", "precision"))


def calibration(points: pd.DataFrame) -> alt.LayerChart:
    """Observed shares with their intervals against probabilities, beside the diagonal of a model that means it.

    Args:
        points: as :func:`core.statistics.curves.calibration_curve` gives them.
    """
    points, clicked = points.assign(bin=range(len(points))), _click(["bin"])
    base = alt.Chart(points).encode(x=_x("probability", "predicted share"))
    tooltip = [
        *(alt.Tooltip(f"{name}:Q", format=".2f") for name in ("probability", "share", "low", "high")),
        alt.Tooltip("accounts:Q", format=","),
    ]
    bars = base.mark_rule(color=ACCENT).encode(y=_y("low", "observed share"), y2="high:Q", tooltip=tooltip)
    dots = (
        base.mark_circle(color=ACCENT, size=90, cursor="pointer")
        .encode(y="share:Q", tooltip=tooltip, opacity=alt.condition(clicked, alt.value(1), alt.value(FADED)))
        .properties(name=CLICKABLE)
        .add_params(clicked)
    )
    return (_diagonal("probability", "low") + bars + dots).properties(height=HEIGHT)


def rates(table: pd.DataFrame, cutoff: float, threshold: float) -> alt.LayerChart:
    """Both error rates by threshold.

    Args:
        table: as :func:`core.statistics.curves.rates_by_threshold` gives it.
        cutoff: the age in years.
        threshold: where it stands now.
    """
    below, at_least, _ = group_names(cutoff)
    long = pd.concat(
        [
            table[["threshold"]].assign(group=below, rate=1 - table["recall_under"]),
            table[["threshold"]].assign(group=at_least, rate=1 - table["recall_at_least"]),
        ]
    ).dropna()
    lines = (
        alt.Chart(long)
        .mark_line(strokeWidth=2)
        .encode(
            x=_x("threshold", "threshold"),
            y=_y("rate", "error rate"),
            color=alt.Color(
                "group:N",
                title="wrong among those labelled",
                scale={"domain": [below, at_least], "range": [BELOW, AT_LEAST]},
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["group:N", alt.Tooltip("threshold:Q", format=".2f"), alt.Tooltip("rate:Q", format=".1%")],
        )
    )
    return (lines + _rule(threshold)).properties(height=HEIGHT)


def accuracy_by(table: pd.DataFrame, title: str) -> alt.LayerChart:
    """Accuracy of each group of accounts with its interval.

    Args:
        table: rows of :func:`core.evaluation.evaluate.by_group`.
        title: what the groups are.
    """
    names = "replace(replace(datum.label, ' to ', '–'), ' or more', '+')"  # short, so that a phone shows all of them
    axis = alt.Axis(labelAngle=0, labelOverlap=False, labelExpr=names)
    base = alt.Chart(table).encode(x=alt.X("group:N", title=title, sort=None, axis=axis))
    tooltip = [
        alt.Tooltip("group:N", title=title),
        *(alt.Tooltip(f"{name}:Q", format=",") for name in ("accounts", "errors")),
        *(alt.Tooltip(f"{name}:Q", format=".0%") for name in ("accuracy", "accuracy_low", "accuracy_high")),
    ]
    bars = base.mark_rule(color=ACCENT).encode(y=_y("accuracy_low", "accuracy"), y2="accuracy_high:Q", tooltip=tooltip)
    dots = base.mark_circle(color=ACCENT, opacity=1).encode(
        y="accuracy:Q", size=alt.Size("accounts:Q", legend=None, scale={"range": [30, 240]}), tooltip=tooltip
    )
    return (bars + dots).properties(height=HEIGHT)


def estimates(table: pd.DataFrame, title: str) -> alt.LayerChart:
    """Estimates of one share below each other on one scale, each a point with its interval.

    Args:
        table: ``estimate`` (its name), ``value``, ``low`` and ``high`` (0 to 1; missing where the estimate
            is withheld, which is written in its place).
        title: what the share is of.
    """
    data = table.assign(withheld="withheld")
    known, withheld = data.dropna(subset=["value"]), data[data["value"].isna()]
    row = alt.Y("estimate:N", sort=None, axis=None, scale={"domain": [*data["estimate"]]})
    tooltip = [
        alt.Tooltip("estimate:N"),
        *(alt.Tooltip(f"{name}:Q", format=".1%") for name in ("value", "low", "high")),
    ]
    base = alt.Chart(known).encode(y=row, tooltip=tooltip)
    bars = base.mark_rule(color=ACCENT, strokeWidth=3).encode(
        x=_x("low", title).axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1]), x2="high:Q"
    )
    dots = base.mark_circle(color=ACCENT, size=110, opacity=1).encode(x="value:Q")
    words = (
        alt.Chart(withheld)
        .mark_text(color=UNKNOWN, align="left", dx=4)
        .encode(y=row, x=alt.datum(0), text="withheld:N")
    )
    names = (  # above the intervals, so that these have the whole width, on a phone too
        alt.Chart(data)
        .mark_text(color=INK, align="left", baseline="bottom", dy=-7, fontSize=12)
        .encode(y=row, x=alt.datum(0), text="estimate:N")
    )
    return alt.LayerChart(layer=[bars, dots, words, names]).properties(height=20 + 44 * max(1, len(data)))


def flow(stages: list[tuple[str, int, dict[str, int]]]) -> alt.LayerChart:
    """Boxes below each other: how many accounts came so far, and to the right why some went no further.

    Args:
        stages: name, accounts, and reason -> accounts left out; in order.
    """
    boxes, words, lines, top = [], [], [], 0.0
    for name, accounts, left_out in stages:
        height = max(2, len(left_out)) + 0.6
        boxes.append({"left": 0, "right": 0.44, "top": top, "bottom": top + height})
        words += _words(0.22, top, height, [name, f"{accounts:,}"], "middle")
        if boxes[1:]:
            lines.append({"x": 0.22, "x2": 0.22, "y": top - 1, "y2": top})
        if left_out:
            boxes.append({"left": 0.5, "right": 1, "top": top, "bottom": top + height})
            words += _words(0.52, top, height, [f"{lost:,} {reason}" for reason, lost in left_out.items()], "left")
            lines.append({"x": 0.44, "x2": 0.5, "y": top + height / 2, "y2": top + height / 2})
        top += height + 1
    x = alt.Scale(domain=[0, 1], nice=False)
    y = alt.Scale(domain=[top - 1, 0], nice=False)
    shape = alt.Chart(pd.DataFrame(boxes)).mark_rect(color=ACCENT, fillOpacity=0.08, stroke=ACCENT)
    drawn = shape.encode(
        x=alt.X("left:Q", axis=None, scale=x), x2="right:Q", y=alt.Y("top:Q", axis=None, scale=y), y2="bottom:Q"
    )
    joined = (
        alt.Chart(pd.DataFrame(lines))
        .mark_rule(color=UNKNOWN)
        .encode(x=alt.X("x:Q", axis=None, scale=x), x2="x2:Q", y=alt.Y("y:Q", axis=None, scale=y), y2="y2:Q")
    )
    texts = pd.DataFrame(words)
    written = [
        alt.Chart(texts[texts["align"] == align])
        .mark_text(align="left" if align == "left" else "center", limit=330, color=INK)
        .encode(x=alt.X("x:Q", axis=None, scale=x), y=alt.Y("y:Q", axis=None, scale=y), text="text:N")
        for align in ("middle", "left")
    ]
    return alt.LayerChart(layer=[drawn, joined, *written]).properties(height=18 * top)


def _words(x: float, top: float, height: float, lines: list[str], align: str) -> list[dict[str, object]]:
    first = top + (height - len(lines)) / 2 + 0.5
    return [{"x": x, "y": first + at, "text": line, "align": align} for at, line in enumerate(lines)]


def disagreement(table: pd.DataFrame, cutoff: float, names: tuple[str, str]) -> alt.Chart:
    """Accounts by what two models say of them.

    Args:
        table: ``first`` and ``second`` (probabilities), ``age`` (missing where unknown).
        cutoff: the age in years.
        names: what the two are called.
    """
    data = table[["first", "second"]].assign(group=group_of(table["age"], cutoff))
    return (
        alt.Chart(data)
        .mark_circle(opacity=0.7, size=36)
        .encode(
            x=_x("first", names[0]),
            y=_y("second", names[1]),
            color=_group_color(group_names(cutoff), data["group"]),
            tooltip=[alt.Tooltip("first:Q", format=".2f"), alt.Tooltip("second:Q", format=".2f"), "group:N"],
        )
        .properties(height=320)
    )


def _curve(
    points: pd.DataFrame,
    now: pd.DataFrame,
    x: tuple[str, str],
    y: tuple[str, str],
    behind: alt.Chart | None = None,
) -> alt.LayerChart:
    tooltip = [alt.Tooltip(f"{name}:Q", format=".2f") for name in (x[0], y[0], "threshold")]
    encoding = {"x": _x(*x), "y": _y(*y), "tooltip": tooltip}
    line = alt.Chart(points).mark_line(color=ACCENT, strokeWidth=2).encode(**encoding, order="threshold:Q")
    dot = alt.Chart(now).mark_circle(color=ACCENT, size=110, opacity=1).encode(**encoding)
    return alt.LayerChart(layer=[*([behind] if behind else []), line, dot]).properties(height=HEIGHT)


def _diagonal(x: str, y: str) -> alt.Chart:
    ends = pd.DataFrame({x: [0.0, 1.0], y: [0.0, 1.0]})
    return alt.Chart(ends).mark_line(color=UNKNOWN, strokeDash=[4, 4]).encode(x=f"{x}:Q", y=f"{y}:Q")


def _rule(threshold: float) -> alt.Chart:
    return (
        alt.Chart(pd.DataFrame({"threshold": [threshold]}))
        .mark_rule(color=ACCENT, strokeWidth=2, strokeDash=[6, 3])
        .encode(x="threshold:Q", tooltip=[alt.Tooltip("threshold:Q", format=".2f")])
    )


def _x(name: str, title: str) -> alt.X:
    return alt.X(f"{name}:Q", title=title, scale={"domain": [0, 1]})


def _y(name: str, title: str) -> alt.Y:
    return alt.Y(f"{name}:Q", title=title, scale={"domain": [0, 1]})


def _group_color(names: tuple[str, str, str], present: "pd.Series[str]") -> alt.Color:
    colors = dict(zip(names, (BELOW, AT_LEAST, NO_LABEL), strict=True))
    shown = [name for name in names if (present == name).any()]
    return alt.Color(
        "group:N",
        title="label",
        scale={"domain": shown, "range": [colors[name] for name in shown]},
        legend=alt.Legend(orient="top"),
    )
