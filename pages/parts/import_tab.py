"""The tab of Collect that takes in posts which somebody has already."""

import itertools
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from secrets import token_hex

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.importers.arguments import ImportArguments
from core.jobs.job import ACTIVE, list_jobs
from core.privacy.roles import Action
from core.settings import get_settings
from core.utils.formatting import count, moment, plain
from pages.parts.downloads import choose_content, download_table
from pages.parts.job_widgets import read_back, start_job
from pages.parts.sign_in import require


def import_files() -> None:
    """Choose files, have them taken in, and see what they brought."""
    st.markdown(
        "Posts that you have already: the *Download your information* export that a participant donates, the files "
        "of other collectors, or any table with columns for user and text. The format is recognised by content."
    )
    uploads = st.file_uploader("Files", accept_multiple_files=True, key="imports")
    username = st.text_input(
        "Whose posts they are", placeholder="only where the files do not say", max_chars=64, width=320
    )
    if st.button("Import", type="primary", icon=":material/upload_file:", disabled=not uploads):
        asked = ImportArguments(store_uploads(uploads), get_settings().accounts_dir, username.strip() or None)
        start_job("import", f"Import of {count(len(uploads), 'file')}", asked.to_argv())
    imported()


def store_uploads(uploads: Sequence[UploadedFile]) -> Path:
    """A folder with the uploads under their own names, which may say whose posts they hold."""
    require(Action.IMPORT)
    folder = get_settings().cache_dir / "uploads" / token_hex(6)
    folder.mkdir(parents=True)
    for upload in uploads:
        name = PurePath(re.sub(r"[\\/\x00-\x1f]", "_", upload.name)[-120:].lstrip("."))
        path = folder / (name.name or "file")
        for again in itertools.count(2):
            if not path.exists():
                break
            path = folder / f"{name.stem} ({again}){name.suffix}"
        path.write_bytes(upload.getvalue())
    return folder


@st.fragment(run_every=2.0)
def imported() -> None:
    """What the latest import brought, and what of it was not understood, file by file."""
    imports = [job for job in list_jobs(get_settings().jobs_dir) if job.record.kind == "import"]
    if not imports or imports[0].state in ACTIVE:
        return
    job = imports[0]
    st.subheader("The latest import")
    st.markdown(f"{plain(job.record.title)}, {moment(job.record.created_at)}: **{job.state}**")
    for sentence in next(iter(job.events("imported")[::-1]), {}).get("summary", []):
        st.markdown(f"- {plain(sentence)}")
    if job.state != "done":
        st.warning(plain(job.end_message or "It broke off. Import the same files again."))
    refused = pd.DataFrame(job.events("not_understood"))
    if len(refused):
        st.markdown("**Not understood, or not wholly**")
        asked = read_back(job, ImportArguments)
        folder = asked.source_path.name if asked else ""
        refused = refused[["name", "reason"]].assign(name=refused["name"].str.removeprefix(f"{folder}/"))
        st.dataframe(refused, hide_index=True, alt="Files that were not understood, with the reason")
        with st.container(horizontal=True, vertical_alignment="center"):
            content = choose_content("refused")
            download_table("Download this list", lambda: refused, "not-understood.csv", content)
