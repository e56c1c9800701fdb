"""Parts of the Results page that open on demand: one account's reasons, drift, downloads."""

import io
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import AgeScopeError
from core.index import Counts
from core.models.captions_read import as_read, captions_used
from core.models.folder import TRAINING_FILE, cutoff_index
from core.privacy.roles import Action
from core.privacy.study_settings import read_study
from core.reporting.checklists import checklists
from core.reporting.exclusions import flow_chart
from core.reporting.run_results import RunAtThreshold, drift_in_words
from core.reporting.study_facts import study_facts
from core.reporting.study_report import report
from core.storage.account_files import file_name, read_account
from core.storage.run_record import RunRecord
from core.utils.formatting import count, number, percent, plain
from pages.parts.components import close
from pages.parts.downloads import choose_content, download_table
from pages.parts.index_access import the_store
from pages.parts.sign_in import acting, may, note_account
from pages.parts.study import cached, kept, the_settings

SHOWN_CAPTIONS = 200


@kept(max_entries=1, show_spinner="Loading the model …")
def loaded(folder: Path, changed_ns: int) -> Any:
    """The latest model that was asked for reasons; torch is imported only when somebody asks."""
    from core.models.loading import load_predictor  # with torch, only when somebody asks

    return load_predictor(folder)


@cached(max_entries=32, show_spinner="Leaving each caption out …")
def reasons(folder: Path, changed_ns: int, cutoff: float, username: str, version: int) -> tuple[float, pd.DataFrame]:
    """An account's probability, and its captions by how much they moved it."""
    from core.prediction.explain import explain  # with torch, like loaded()

    predictor = loaded(folder, changed_ns)
    account = read_account(the_settings().accounts_dir / file_name(username))
    posts = captions_used(predictor.settings, [post for post in account.posts if post.caption and post.caption.strip()])
    captions = [post.caption or "" for post in posts]
    read = as_read(predictor.settings, captions)
    found = explain(predictor, read, cutoff_index(predictor.settings, cutoff))
    table = pd.DataFrame(
        {
            "moved": found.moved,
            "caption": captions,
            "taken_at": pd.to_datetime(pd.Series([post.taken_at for post in posts]), utc=True),
        }
    )
    return found.probability, table.sort_values("moved", key=abs, ascending=False, ignore_index=True)


def show_account(username: str, view: RunAtThreshold) -> None:
    """Why an account got its probability: each caption with how much it moved it, the most telling first."""
    note_account(username)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(username)}**", width="stretch")
            st.page_link(
                "pages/posts.py",
                label="Open its posts",
                icon=":material/arrow_forward:",
                query_params={"account": username},
            )
            st.button("Close", icon=":material/close:", type="tertiary", on_click=close, args=("why",))
        if view.run.model is None:
            st.info("The model's folder is gone, so what moved the probability cannot be computed.")
            return
        try:
            changed = (view.run.model.folder / TRAINING_FILE).stat().st_mtime_ns
            probability, table = reasons(view.run.model.folder, changed, view.cutoff, username, the_store().version)
        except (AgeScopeError, OSError) as error:
            st.info(plain(error))
            return
        st.caption(
            f"Probability of at least {view.cutoff:g}: {percent(probability, 1)}, from {count(len(table), 'caption')}. "
            "Without a caption the probability would be lower by its figure (higher, where that is below 0): a figure "
            f"above 0 speaks for at least {view.cutoff:g}. It explains the model, not the person."
        )
        st.dataframe(
            table.head(SHOWN_CAPTIONS).assign(moved=100 * table["moved"]),
            hide_index=True,
            height=320,
            placeholder="only caption",
            alt="Captions by how much they moved the probability",
            column_config={
                "moved": st.column_config.NumberColumn("moved by (points)", format="%+.2f", width="small"),
                "caption": st.column_config.TextColumn("caption", width="large"),
                "taken_at": st.column_config.DatetimeColumn("taken", format="D MMM YYYY", width="small"),
            },
        )


def show_drift(view: RunAtThreshold) -> None:
    """Whether the predicted accounts look like those that the model learnt from."""
    st.markdown("**Do these accounts look like those that the model learnt from?**")
    if view.run.drift is None:
        st.caption(
            "Nobody knows: the model keeps nothing of its training accounts, or these accounts' files are gone. A "
            "model moves badly between kinds of text; where they differ, its errors are not those shown here."
        )
        return
    show = st.warning if view.run.drift.warnings else st.success
    for sentence in drift_in_words(view.run.drift):
        show(plain(sentence))


def as_parquet_file(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def figures_of(view: RunAtThreshold, counts: Counts) -> bytes:
    from core.reporting.figures import figures_as_zip  # here, so that no page waits for the renderer of charts

    drawn = [
        flow_chart(view, counts),
        view.shares_chart(),
        view.distribution(),
        *view.quality_charts(),
        *view.error_charts(),
    ]
    return figures_as_zip([chart for chart in drawn if chart is not None])


def checklists_of(view: RunAtThreshold, counts: Counts) -> str:
    return checklists(view, counts, read_study(the_settings()))


def show_row_downloads(view: RunAtThreshold) -> None:
    """The accounts of the run as files."""
    name = view.run.name
    with st.container(horizontal=True, vertical_alignment="center"):
        content = choose_content("results")
        download_table(
            "Download CSV",
            view.downloads,
            f"{name}.csv",
            content,
            help="With known age, part in the model, uncertainty, cutoff, threshold, run and model.",
        )
        download_table(
            "Download Parquet",
            view.downloads,
            f"{name}.parquet",
            content,
            as_file=as_parquet_file,
            mime="application/vnd.apache.parquet",
            icon=":material/database:",
            help="The same columns, for R, Python and DuckDB.",
        )


def show_downloads(view: RunAtThreshold, record: RunRecord) -> None:
    """Files for the threshold that is set, made when somebody asks for them."""
    st.caption(
        f"Predictions are those at the threshold of {number(view.threshold, 2)}. *Figures*: each chart as SVG and PNG "
        "at the width of a journal's column, and its data as CSV. *Report*: all figures and charts with the text for a "
        "methods section and its references. *Checklists*: what TRIPOD+AI, REFORMS and CREMLS ask. None of the three "
        "names an account; each takes some seconds to make."
    )
    facts, name = study_facts(the_store(), the_settings()), view.run.name
    if may(Action.DOWNLOAD_ROWS):
        show_row_downloads(view)
    with st.container(horizontal=True):
        st.download_button(
            "Download figures",
            data=acting(Action.DOWNLOAD_FIGURES, f"figures of {name}", lambda: figures_of(view, facts.counts)),
            file_name=f"figures-{name}.zip",
            mime="application/zip",
            icon=":material/bar_chart:",
            help="Each chart as SVG and PNG at the width of a journal's column, and its data as CSV.",
            on_click="ignore",
        )
        st.download_button(
            "Download report",
            data=acting(
                Action.DOWNLOAD_FIGURES,
                f"report of {name}",
                lambda: report(view, facts, record, the_store().label_columns()),
            ),
            file_name=f"report-{name}.html",
            mime="text/html",
            icon=":material/description:",
            help="The whole study as one HTML file that needs nothing else and prints well.",
            on_click="ignore",
        )
        st.download_button(
            "Download checklists",
            data=acting(Action.DOWNLOAD_FIGURES, f"checklists of {name}", lambda: checklists_of(view, facts.counts)),
            file_name=f"checklists-{name}.md",
            mime="text/markdown",
            icon=":material/checklist:",
            help="TRIPOD+AI, REFORMS and CREMLS, filled in as far as the study's files know; the rest is left to you.",
            on_click="ignore",
        )
