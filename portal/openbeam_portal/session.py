"""The signed-in person: the one place that makes a client with their token, and where every page's errors end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import streamlit as st
from openbeam import Client
from openbeam.errors import NotSignedIn, OpenbeamError

from openbeam_portal import trouble
from openbeam_portal.words import en as words

__all__ = ["PROVIDER", "is_signed_in", "page", "sign_in", "sign_out", "user_name"]

PROVIDER: Final = "openbeam"
"""Name of the issuer in Streamlit's secrets; it must not hold an underscore."""

# A token this young that is refused will be refused again: signing in once more would go round for ever.
_FRESH_SECONDS: Final = 60.0
_TIMEOUT: Final = 10.0


def is_signed_in() -> bool:
    """Whether somebody is signed in, as far as the cookie says; only the service knows."""
    return bool(st.user.get("is_logged_in")) and bool(_token())


def user_name() -> str:
    """Return the name of the signed-in person."""
    return str(st.user.get("name") or st.user.get("preferred_username") or st.user.get("sub") or "")


def sign_in() -> None:
    """Send the browser to the service's sign-in page, and back here."""
    st.login(PROVIDER)


def sign_out() -> None:
    """Forget the person, here and at the service."""
    st.logout()


def page(render: Callable[[Client], None], welcome: Callable[[], None]) -> Callable[[], None]:
    """Return a page: ``render`` for those who are signed in, ``welcome`` for others, a traceback for nobody."""

    def shown() -> None:
        if not is_signed_in():
            welcome()
            return
        try:
            render(_client(_token()))
        except NotSignedIn:
            _sign_in_again()
        except OpenbeamError as error:
            trouble.show(error)
        except Exception as error:  # noqa: BLE001 - the last door: logged with a reference
            trouble.show_unexpected(error)

    shown.__name__ = render.__module__.rpartition(".")[2]
    return shown


def _token() -> str:
    # Never empty: a client without a token looks for the machine's own, which is the operator's.
    return str(st.user.tokens.get("access") or "")


@st.cache_resource(scope="session", max_entries=2, show_spinner=False, on_release=Client.close)
def _client(token: str) -> Client:
    # Nobody watches a page that waits: what is put off is said at once.
    return Client(token=token, timeout=_TIMEOUT, patience=0)


def _sign_in_again() -> None:
    issued = float(str(st.user.get("iat") or time.time()))
    if time.time() - issued > _FRESH_SECONDS:
        st.info(words.SIGNING_IN_AGAIN)
        sign_in()
        return
    st.error(words.REFUSED, icon=":material/lock:")
    st.button(words.SIGN_OUT, on_click=sign_out, key="sign-out-refused")
