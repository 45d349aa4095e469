"""``openbeam-portal``: serve the portal."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer
from openbeam.errors import OpenbeamError

__all__ = ["main"]

_SECONDS_TO_LEAVE = 3


def serve(
    bind: Annotated[
        str | None, typer.Option(help="host:port to listen on, when not that of OPENBEAM_PORTAL_URL.")
    ] = None,
) -> None:
    """Serve the portal until it is stopped."""
    # Here and not above: the process that draws figures imports this module too, and needs no web server.
    from dataclasses import replace

    import uvicorn

    from openbeam_portal.settings import Settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    # One line a request is what httpx calls information.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = Settings.from_env()
        settings = replace(settings, bind=bind or settings.bind)
        host, port = settings.address
    except OpenbeamError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    from openbeam_portal.asgi import create_app

    app = create_app(settings)
    typer.echo(f"The portal is at {settings.portal_url}")
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_SECONDS_TO_LEAVE,
    )


def main() -> None:
    """Run the command."""
    typer.run(serve)


if __name__ == "__main__":
    main()
