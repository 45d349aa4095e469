"""Commands that make an installation ready and run its processes."""

from __future__ import annotations

import os

import typer
from openbeam.loading import loading

__all__ = ["app"]

_SWITCH_SECONDS = 0.0005
"""How long a thread may compute while another waits: Python's 5 ms are most of a short request."""

app = typer.Typer()


@app.command()
def init() -> None:
    """Make the data directory ready. May be run again at any time."""
    from openbeam_service.provision import initialise
    from openbeam_service.settings import Settings

    settings = Settings()
    link = initialise(settings)
    print(f"Ready: {settings.home.root}")
    if link:
        print(f"Choose the administrator's name and password here (works once): {link}")


@app.command()
def serve() -> None:
    """Serve the REST API and the sign-in pages."""
    import sys

    with loading():
        import structlog
        import uvicorn

        from openbeam_service import log
        from openbeam_service.app import create_app
        from openbeam_service.database.upgrade import check_schema
        from openbeam_service.settings import Settings

        settings = Settings()
        application = create_app(settings)
    sys.setswitchinterval(_SWITCH_SECONDS)
    host, port = settings.address
    check_schema(application.state.engine)
    log.set_up(settings.log_level, settings.log_format)
    structlog.get_logger("openbeam.service").info("serving", url=settings.url, host=host, port=port)
    uvicorn.run(
        application,
        host=host,
        port=port,
        workers=1,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=settings.is_behind_proxy,
        timeout_graceful_shutdown=3,
    )


@app.command()
def valkey() -> None:
    """Run the queue's server on a unix socket, in place of this process."""
    from openbeam.home import Home

    from openbeam_service.queue_server import command

    line = command(Home.from_env())
    os.execv(line[0], line)  # noqa: S606  a fixed command of our own, without a shell
