import streamlit as st

from core import charts, jobs
from core.model_folder import list_models
from core.sample import load_sample
from core.settings import get_settings
from core.store import Counts
from core.wording import count, moment, number, percent, plain
from pages.shared import the_store

SETTINGS = get_settings()


def next_step(counts: Counts, models: int, running: int) -> tuple[str, str, str, str]:
    """The one thing to do next: a sentence, the page, the label and the icon of its link."""
    if running:
        return "Something is running in the background.", "pages/jobs.py", "See how far it is", "list_alt"
    if not counts.collected:
        return "Upload a user list, or import posts that you have.", "pages/collect.py", "Collect", "download"
    if not counts.with_posts:
        return "None of the accounts has posts yet.", "pages/collect.py", "Collect", "download"
    if counts.missing:
        return (
            f"{count(counts.missing, 'account')} still to be collected.",
            "pages/collect.py",
            "Go on collecting",
            "download",
        )
    if not counts.labelled:
        return "Give the ages that you know: a CSV of usernames and ages.", "pages/train.py", "Add labels", "label"
    if not models:
        return "Train a model on the labelled accounts.", "pages/train.py", "Train", "model_training"
    if not counts.predicted:
        return "Predict for every collected account.", "pages/results.py", "Predict", "insights"
    return "Everything collected is predicted.", "pages/results.py", "See the results", "insights"


store = the_store()
counts = store.counts()
models = list_models(SETTINGS.models_dir)
active = jobs.active_jobs(SETTINGS.jobs_dir)

with st.container(horizontal=True):
    st.metric("Accounts listed", number(counts.listed), border=True, help="on the uploaded user lists")
    st.metric("Collected", number(counts.collected), border=True, help="accounts with a file, whatever its outcome")
    st.metric("With posts", number(counts.with_posts), border=True, help=f"{number(counts.posts)} posts in all")
    st.metric("Labelled", number(counts.labelled), border=True, help="accounts whose age is known")
    st.metric("Models", number(len(models)), border=True)
    st.metric("Predicted", number(counts.predicted), border=True, help="accounts with a probability")

sentence, page, label, icon = next_step(counts, len(models), len(active))
with st.container(border=True, horizontal=True, vertical_alignment="center", key="next"):
    st.markdown(f"**Next** · {sentence}", width="stretch")
    st.page_link(page, label=label, icon=f":material/{icon}:")

if not counts.collected and not active:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="sample"):
        st.markdown(
            "**New here?** The sample is synthetic: invented accounts and captions, with which you can walk the whole "
            "way in five minutes without asking Instagram for anything.",
            width="stretch",
        )
        if st.button("Load the sample", icon=":material/science:"):
            load_sample(SETTINGS)
            store.refresh()
            st.rerun()

if counts.outcomes:
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        st.markdown("**Outcomes**")
        st.altair_chart(charts.outcomes(counts.outcomes), alt="Collected accounts by outcome")
        damaged = store.damaged()
        if len(damaged):
            with st.expander(f"{count(len(damaged), 'file')} could not be read"):
                st.dataframe(damaged, hide_index=True, alt="Files that could not be read, with the reason")
    with right.container(border=True, height="stretch"):
        st.markdown("**Accounts collected per day**")
        st.altair_chart(
            charts.over_time(store.collected_per_day(), "day", "accounts", "accounts"), alt="Accounts collected per day"
        )

runs = store.runs()
if len(runs):
    latest = runs.iloc[0]
    share = store.all_predictions(latest["run"])["prediction"].mean()
    with st.container(border=True):
        st.markdown(
            f"**Latest predictions** · {plain(latest['run'])} · {moment(latest['created_at'].to_pydatetime())} · "
            f"{percent(share)} of {number(latest['predicted'])} accounts counted as at least {latest['cutoff']:g}"
        )
        st.page_link("pages/results.py", label="See the results", icon=":material/arrow_forward:")

with st.container(horizontal=True, vertical_alignment="center"):
    st.caption(f"Study folder: {plain(SETTINGS.data_dir)}", width="content")
    if st.button("Rebuild the index", type="tertiary", help="The index of the files can be made anew at any time."):
        with st.spinner("Reading every file anew …"):
            store.rebuild()
        st.rerun()
