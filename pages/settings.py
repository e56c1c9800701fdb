import orjson
import pandas as pd
import streamlit as st

from core.encoder.devices import devices
from core.encoder.pretrained import available_encoders
from core.maintenance.diagnostics import OPTIONAL, PACKAGES, diagnostics, installed, settings_in_words
from core.settings import get_settings
from core.utils.formatting import plain
from pages.parts.components import in_frame
from pages.parts.index_access import the_store
from pages.parts.sign_in import address, sign_out

in_frame()

SETTINGS = get_settings()


@st.cache_data(max_entries=2, ttl=60, show_spinner="Gathering …")
def gathered(version: int, folder: str) -> bytes:
    return orjson.dumps(diagnostics(SETTINGS, the_store().counts()), option=orjson.OPT_INDENT_2)


st.markdown("**Study folder**")
st.code(str(SETTINGS.data_dir), language=None, wrap_lines=True)

if st.user.get("is_logged_in"):
    st.markdown("**Signed in**")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(address())
        sign_out()

st.subheader("Environment")
st.caption(
    "Read from environment variables when the dashboard starts; secrets also from .streamlit/secrets.toml. "
    "Of secrets only whether they are set is shown."
)
st.dataframe(pd.DataFrame(settings_in_words(SETTINGS)), hide_index=True, alt="Settings with their values")

left, right = st.columns(2, gap="large")
with left:
    st.subheader("Devices and encoders")
    for device in devices():
        if device.available:
            st.badge(device.name, icon=":material/check:", color="green")
        else:
            st.caption(f"{device.name} is not offered: {plain(device.note)}")
    encoders = pd.DataFrame(
        [(choice.name, choice.note) for choice in available_encoders()], columns=["encoder", "note"]
    )
    st.dataframe(encoders, hide_index=True, alt="Encoders that can be chosen")
with right:
    st.subheader("Versions")
    rows = [(name, installed(name) or "not installed", OPTIONAL.get(name, "")) for name in (*PACKAGES, *OPTIONAL)]
    st.dataframe(
        pd.DataFrame(rows, columns=["package", "version", "needed for"]),
        hide_index=True,
        height="content",
        alt="Versions of packages",
    )

st.subheader("When something does not work")
st.caption(
    "The file holds versions, counts and states of jobs; no secrets, names, captions, logs or paths. Look into it."
)
if st.button("Gather a diagnostic file", icon=":material/troubleshoot:"):
    st.download_button(
        "Diagnostic file",
        data=gathered(the_store().version, str(SETTINGS.data_dir)),
        file_name="agescope-diagnostics.json",
        mime="application/json",
        icon=":material/download:",
        on_click="ignore",
    )
