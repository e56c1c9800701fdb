"""Who may see the study, where ``.streamlit/secrets.toml`` names somebody who vouches for people.

The provider is any that speaks OpenID Connect; Streamlit does the talking. Without ``[auth]`` there
is no sign-in, since the dashboard then listens on this computer only.
"""

import streamlit as st

from core.settings import Settings
from core.utils.formatting import plain


def may_see(settings: Settings) -> bool:
    """Whether whoever looks at the page may see the study."""
    allowed = _allowed(settings)
    if "is_logged_in" not in st.user:  # no [auth]
        return not allowed
    if not st.user.is_logged_in:
        return False
    return not allowed or (address().lower() in allowed and st.user.get("email_verified") is not False)


def sign_in() -> None:
    """What somebody sees who may not see the study."""
    st.title("AgeScope")
    if "is_logged_in" not in st.user:
        st.error(
            "AGESCOPE_PEOPLE says who may see this study, but nobody can sign in: .streamlit/secrets.toml has no "
            "[auth]. Add one (README, Sign-in), or take AGESCOPE_PEOPLE away."
        )
    elif st.user.is_logged_in:
        st.error(f"{plain(address())} may not see this study. Whoever runs it can add the address to AGESCOPE_PEOPLE.")
        sign_out()
    else:
        st.markdown("This study is for those who sign in.")
        st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)


def address() -> str:
    """The mail address of whoever is signed in, as the provider gives it."""
    return str(st.user.get("email") or "Somebody without a mail address")


def sign_out() -> None:
    """A button that does."""
    st.button("Sign out", icon=":material/logout:", on_click=st.logout)


def _allowed(settings: Settings) -> set[str]:
    return {person.strip().lower() for person in settings.people.split(",")} - {""}
