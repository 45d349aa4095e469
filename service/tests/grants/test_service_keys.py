"""A new signing key: taken up by the running service, with the old one known as long as its tokens live."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from oauth_walk import PASSWORD, Browser, Native
from openbeam_service.audit.models import AuditRow
from openbeam_service.provision import opened
from support import nursery


@pytest.fixture(scope="module")
def own(start_for_module: Callable[..., Any], hashed: str) -> Any:
    service = start_for_module()
    service.user("ada", password_hash=hashed)
    return service


@pytest.fixture
def program(own: Any) -> Any:
    with own.client(Accept="text/html") as http:
        browser = Browser(http)
        browser.sign_in("ada")
        yield Native(own, browser)


def _run(service: Any, *arguments: str, typed: str = "") -> str:
    known = {name: value for name, value in os.environ.items() if not name.startswith("OPENBEAM_")}
    known |= {"OPENBEAM_HOME": str(service.home.root), "OPENBEAM_DATABASE": service.settings.database}
    done = nursery.run("openbeam-service", *arguments, env=known, typed=typed)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _keys(service: Any) -> list[dict[str, Any]]:
    return list(service.anyone.get("/oauth/jwks").json()["keys"])


def _kid(token: str, service: Any) -> str:
    known = KeySet.import_key_set({"keys": _keys(service)})
    return str(jwt.decode(token, known, algorithms=["ES256"]).header["kid"])


def test_the_old_key_is_known_as_long_as_its_tokens_live(own: Any, program: Native) -> None:
    before, (old,) = program.tokens(), _keys(own)
    said = _run(own, "keys", "rotate")
    new, retired = _keys(own)
    assert new["kid"] in said
    assert retired == old
    assert all("d" not in key for key in (new, retired))
    assert "d" not in json.loads((own.home.keys / "issuer-retired.json").read_text())[0]["key"]
    for name in ("issuer.jwk", "issuer-retired.json"):
        assert stat.S_IMODE((own.home.keys / name).stat().st_mode) == 0o600
    # The same process serves both: nobody signs in again.
    assert own.whoami(before["access_token"]).status_code == 200
    after = program.refresh(before["refresh_token"]).json()
    assert (_kid(before["access_token"], own), _kid(after["access_token"], own)) == (old["kid"], new["kid"])
    assert own.whoami(after["access_token"]).status_code == 200

    path: Path = own.home.keys / "issuer-retired.json"
    listed = json.loads(path.read_text())
    longest = own.settings.portal_token_seconds
    assert longest <= listed[0]["until"] - time.time() <= longest + 120
    path.write_text(json.dumps([{**listed[0], "until": time.time() - 1}]))
    assert _keys(own) == [new]
    assert own.whoami(before["access_token"]).status_code == 401
    assert own.whoami(after["access_token"]).status_code == 200
    with opened(own.settings) as db:
        assert db.query(AuditRow).filter_by(action="key.rotate", object_id=new["kid"]).count() == 1


def test_a_key_that_got_out_is_forgotten_at_once(own: Any, program: Native) -> None:
    tokens = program.tokens()
    _run(own, "keys", "rotate")
    between = program.tokens()
    _run(own, "keys", "rotate", "--forget")
    assert len(_keys(own)) == 1
    for signed_before in (tokens, between):
        assert own.whoami(signed_before["access_token"]).status_code == 401
    renewed = program.refresh(tokens["refresh_token"]).json()
    assert own.whoami(renewed["access_token"]).status_code == 200


def test_a_token_that_was_good_expires(own: Any, program: Native) -> None:
    key = ECKey.import_key(json.loads((own.home.keys / "issuer.jwk").read_text()))
    found = jwt.decode(program.tokens()["access_token"], key, algorithms=["ES256"])
    # Clocks may differ by five seconds.
    end = int(time.time()) - 3
    token = jwt.encode(found.header, {**found.claims, "exp": end}, key)
    assert own.whoami(token).status_code == 200
    time.sleep(max(0, end + 6.5 - time.time()))
    refused = own.whoami(token)
    assert refused.status_code == 401
    assert "expired" in refused.json()["error"]["message"]


def test_a_new_password_ends_all_sign_ins(own: Any, program: Native, hashed: str) -> None:
    personal = own.user("bea", password_hash=hashed)
    with own.client(Accept="text/html") as http:
        browser = Browser(http)
        browser.sign_in("bea")
        bea = Native(own, browser).tokens()
        ada = program.tokens()
        _run(own, "user", "set", "bea", "--password-stdin", typed=f"{PASSWORD}!\n")
        assert own.whoami(bea["access_token"]).status_code == 401
        assert program.refresh(bea["refresh_token"]).json()["error"] == "invalid_grant"
        assert own.whoami(ada["access_token"]).status_code == 200
        assert own.whoami(personal).status_code == 200
