"""A real provider of sign-in, Canaille, as a process: ``python provider_server.py '{"port": …, "people": …}'``.

People and clients are in its memory. Two pages are ours: ``/test/email`` gives somebody another
address, and ``/test/user`` says who a token stands for in the way of providers without OpenID Connect.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from flask import request
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server


def configuration(port: int) -> dict[str, Any]:
    key = RSAKey.generate_key(2048, auto_kid=True)
    return {
        "SECRET_KEY": "only for tests",
        "SERVER_NAME": f"127.0.0.1:{port}",
        "PREFERRED_URL_SCHEME": "http",
        "CANAILLE": {"DATABASE": "memory", "HTMX": False, "JAVASCRIPT": False},
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
    }


def fill(people: list[dict[str, Any]], clients: list[dict[str, Any]]) -> None:
    with Backend.instance.session():
        for person in people:
            Backend.instance.save(models.User(**person))
        for client in clients:
            row = models.Client(**client)
            Backend.instance.save(row)
            row.audience = [row]
            Backend.instance.save(row)


def main() -> None:
    given = json.loads(sys.argv[1])
    app = create_app(configuration(given["port"]))
    with app.app_context():
        fill(given["people"], given["clients"])

    @app.route("/test/email/<name>/<address>")
    def change(name: str, address: str) -> str:
        user = Backend.instance.get(models.User, user_name=name)
        user.emails = [address]
        Backend.instance.save(user)
        return address

    @app.route("/test/user")
    def user() -> tuple[dict[str, Any], int]:
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = Backend.instance.get(models.Token, access_token=sent) if sent else None
        if token is None:
            return {"message": "Bad credentials"}, 401
        owner = token.subject
        return {"id": 7, "login": owner.display_name, "name": owner.formatted_name}, 200

    make_server("127.0.0.1", given["port"], app, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
