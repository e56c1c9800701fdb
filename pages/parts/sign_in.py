"""Who is at the dashboard, and what they may do there; every page and every button asks here.

``.streamlit/secrets.toml`` names somebody who vouches for people: any provider that speaks OpenID
Connect; Streamlit does the talking. Without ``[auth]`` there is no sign-in, since the dashboard then
listens on this computer only. ``AGESCOPE_PEOPLE`` says who of those who sign in may come in, and as what.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import streamlit as st

from core.errors import AgeScopeError
from core.privacy.action_log import record
from core.privacy.pseudonyms import open_pseudonyms
from core.privacy.roles import LOCAL, Action, Person
from core.privacy.study_settings import read_study
from core.settings import Settings, read_people, settings_of
from core.utils.formatting import plain
from pages.parts.study import in_study, the_settings


def person_of(user: Mapping[str, Any], settings: Settings) -> Person | None:
    """Who somebody is; None where they may not see the study.

    Args:
        user: the claims of the provider, with ``is_logged_in``; without it nobody can sign in.
        settings: say who may see the study.
    """
    if "is_logged_in" not in user:  # no [auth]
        return None if settings.roles else LOCAL
    email = user.get("email")
    # an address that nobody has verified may be anybody's: only the word true counts, not its absence
    if user.get("is_logged_in") is not True or user.get("email_verified") is not True or not isinstance(email, str):
        return None
    if not settings.roles:
        return Person(email, "operator")
    role = settings.roles.get(email.strip().lower())
    return Person(email, role) if role else None


def here() -> Person | None:
    """Who looks at the page; None where they may not see the study."""
    return _in_study_of(the_settings())


def who_is_in(study: str) -> Person | None:
    """Who looks at the page, in the study of that name; None where they may not see it."""
    return _in_study_of(settings_of(study))


def _in_study_of(settings: Settings) -> Person | None:
    return allowed(person_of(st.user.to_dict(), settings), read_study(settings).people)


def allowed(person: Person | None, people: str) -> Person | None:
    """Who somebody is in a study that names those who may see it; None where it does not name them.

    Args:
        person: who they are for the whole dashboard.
        people: whom the study names; "" leaves it at that.
    """
    if person is None or person is LOCAL or not people:  # nobody signs in here, so nobody can be told from another
        return person
    role = read_people(people).get(person.name.strip().lower())
    both = {role, person.role}
    return Person(person.name, "viewer" if "viewer" in both else "operator") if role else None


def may(action: Action) -> bool:
    """Whether whoever looks at the page may do ``action``; for what is drawn."""
    person = here()
    return person is not None and person.may(action)


def require(action: Action) -> Person:
    """Whoever looks at the page, if they may do ``action``.

    Raises:
        AgeScopeError: they may not.
    """
    person = here()
    if person is None:
        raise AgeScopeError("Sign in first.")
    person.require(action)
    return person


def act(action: Action, about: str = "") -> None:
    """Let ``action`` happen, and write down that it does; whatever changes or gives away something begins with it.

    Args:
        action: what is done.
        about: what it concerns; never a name of an account or a caption.

    Raises:
        AgeScopeError: whoever is at the page may not do it, or the log cannot be written.
    """
    record(the_settings(), require(action), action, about)


def acting(action: Action, about: str, make: Callable[[], bytes | str]) -> Callable[[], bytes | str]:
    """The content of a download, made for whoever is at the page now, and written down when it is.

    Streamlit makes it when the button is pressed, outside the page, where nobody is at it any more.
    """
    return partial(_made_for, the_settings(), require(action), action, about, make)


def _made_for(
    settings: Settings, person: Person, action: Action, about: str, make: Callable[[], bytes | str]
) -> bytes | str:
    person.require(action)
    record(settings, person, action, about)
    with in_study(settings):
        return make()


def note_account(username: str) -> None:
    """Write down, once a visit, that somebody opened an account, by its pseudonym."""
    noted: set[str] = st.session_state.setdefault("noted_accounts", set())
    if username in noted:
        require(Action.SEE_ACCOUNTS)
        return
    try:
        about = open_pseudonyms(the_settings()).of(username)
    except AgeScopeError:  # the key is missing, which Settings tells of; reading goes on
        about = "an account; the key of pseudonyms is missing"
    act(Action.SEE_ACCOUNTS, about)
    noted.add(username)


def sign_in() -> None:
    """What somebody sees who may not see the study."""
    st.title("AgeScope")
    if "is_logged_in" not in st.user:
        st.error(
            "AGESCOPE_PEOPLE says who may see this study, but nobody can sign in: .streamlit/secrets.toml has no "
            "[auth]. Add one (docs/settings.md, Sign-in), or take AGESCOPE_PEOPLE away."
        )
    elif st.user.is_logged_in:
        st.error(why_refused(st.user.to_dict()))
        sign_out()
    else:
        st.markdown("This study is for those who sign in.")
        st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)


def why_refused(user: Mapping[str, Any]) -> str:
    """What keeps somebody out who has signed in, and who can change it."""
    who = plain(str(user.get("email") or "Somebody without a mail address"))
    if allowed(person_of(user, the_settings()), "") is not None:
        return f"{who} may not see this study, which names those who may. An operator of it can add the address."
    if user.get("email_verified") is not True:
        return f"{who} may not see this study: the provider does not say that the address is verified."
    return f"{who} may not see this study. Whoever runs it can add the address to AGESCOPE_PEOPLE."


def sign_out() -> None:
    """A button that does."""
    st.button("Sign out", icon=":material/logout:", on_click=st.logout)
