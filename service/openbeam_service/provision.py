"""Makes a data directory ready: folders, secrets, schema, the operator and its token, the portal's client.

Everything here may be done again: what is there is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from openbeam.models import Role
from sqlalchemy.orm import Session

from openbeam_service.backup.save import aside, save
from openbeam_service.database import make_engine, make_sessions, now, upgrade
from openbeam_service.database.upgrade import pending, revision
from openbeam_service.identity import store, tokens
from openbeam_service.identity.keys import IssuerKeys
from openbeam_service.identity.scopes import ROLE_SCOPES
from openbeam_service.identity.secret import make_secret
from openbeam_service.registry import search
from openbeam_service.settings import Settings
from openbeam_service.vault import Vault, make_folder, write_secret

__all__ = ["initialise", "make_link", "opened", "upgraded"]

_OPERATOR_DAYS: Final = 3650
_RENEW_BEFORE: Final = timedelta(days=30)


@contextmanager
def opened(settings: Settings) -> Iterator[Session]:
    """Yield a session outside any request; commit at the end."""
    engine = make_engine(settings.database)
    try:
        with make_sessions(engine).begin() as db:
            yield db
    finally:
        engine.dispose()


def make_link(settings: Settings, db: Session) -> str:
    """Return a new one-time link for an administrator; it is also in the file ``setup-link`` until it is used."""
    url = f"{settings.url}/setup/{store.make_setup_link(db)}"
    write_secret(Vault(settings.home).setup_link, f"{url}\n")
    return url


def _keep_operator(vault: Vault, db: Session) -> None:
    """Make the operator and a token of it that is good for the next month."""
    operator = store.find_user(db, store.OPERATOR) or store.add_user(db, store.OPERATOR, Role.admin)
    path = vault.operator_token
    row = tokens.find(db, path.read_text().strip()) if path.exists() else None
    # A newer version may know scopes that the token was made without.
    stale = row is None or row.expires - now() < _RENEW_BEFORE or set(row.scopes) != ROLE_SCOPES[operator.role]
    if stale:
        write_secret(path, tokens.make(db, operator, days=_OPERATOR_DAYS))


def _current_link(settings: Settings, db: Session) -> str | None:
    """Return the setup link that was made before, when it still works at this address."""
    path = Vault(settings.home).setup_link
    url = path.read_text().strip() if path.exists() else ""
    start, _, secret = url.rpartition("/")
    return url if start == f"{settings.url}/setup" and store.is_setup_link(db, secret) else None


def upgraded(settings: Settings) -> tuple[Path | None, list[str]]:
    """Bring the database to this program's schema. Return where what was there has been saved, and the steps."""
    engine = make_engine(settings.database)
    try:
        steps = pending(engine)
        with engine.connect() as connection:
            is_empty = revision(connection) is None
    finally:
        engine.dispose()
    if not steps:
        return None, []
    path = None if is_empty else aside(settings, f"upgrade-to-{steps[0]}")
    if path:
        # Migrations leave uploaded files alone.
        save(settings, path, with_files=False)
    upgrade(settings.database)
    return path, steps


def initialise(settings: Settings) -> str | None:
    """Make everything that is missing. Return the setup link while no administrator can sign in."""
    home, vault = settings.home, Vault(settings.home)
    for folder in (home.root, home.keys, home.tokens, home.files, home.logs, home.valkey, home.socket("any").parent):
        make_folder(folder)
    vault.keep(vault.issuer_key, IssuerKeys.generate)
    portal_secret = vault.keep(vault.portal_secret, make_secret)
    for path in (vault.session_secret, vault.cookie_secret, vault.tickets_secret):
        vault.keep(path, make_secret)
    upgraded(settings)
    with opened(settings) as db:
        _keep_operator(vault, db)
        store.write_native_client(db)
        search.catch_up(db)
        store.write_portal_client(db, portal_secret, f"{settings.portal_url}/oauth2callback")
        if store.has_admin_with_password(db):
            return None
        return _current_link(settings, db) or make_link(settings, db)
