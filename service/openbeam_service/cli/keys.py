"""Commands about the issuer's keys."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(help="Keys that sign tokens.", no_args_is_help=True)


@app.callback()
def _keys() -> None:
    """Keys that sign tokens."""


@app.command()
def rotate(
    *,
    forget: Annotated[
        bool, typer.Option("--forget", help="Drop the old keys at once, for one that got out: all must sign in again.")
    ] = False,
) -> None:
    """Sign with a new key from now on. A running service takes it up by itself."""
    from openbeam_service.audit.store import note
    from openbeam_service.identity.keys import rotate as rotate_keys
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings
    from openbeam_service.vault import Vault

    settings = Settings()
    vault = Vault(settings.home)
    vault.read(vault.issuer_key)
    seconds = 0 if forget else settings.longest_token_seconds
    with opened(settings) as db:
        kid = rotate_keys(vault.issuer_key, vault.retired_keys, seconds)
        note(db, "cli", "key.rotate", kid, forgotten=forget)
    kept = "Older keys are forgotten." if forget else f"The one before is known for {seconds / 3600:.1f} h more."
    print(f"Tokens are signed with {kid} now. {kept}")
