"""What is sealed to an endpoint opens there, for its user alone, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey
from openbeam.errors import InvalidInput, OutputNotStored
from openbeam.models import SealedSecret
from openbeam.sealing import seal, thumbprint
from openbeam_endpoint.identity import public_jwk
from openbeam_endpoint.stageout.sealed import opened

KEY = ECKey.generate_key("P-256", auto_kid=True)
WHOSE = {"endpoint_id": "lab", "user_id": "ada", "name": "eos"}
SECRET = "kept-between-ada-and-the-lab"


def secret(**more: Any) -> SealedSecret:
    about = {"destination": "root://eos.example.org//eos/user/a/ada", "kind": "token", "secret": SECRET}
    return SealedSecret.model_validate({**WHOSE, **about, **more})


def test_what_was_sealed_opens_and_its_seal_tells_nothing() -> None:
    inside = secret(expires=datetime.now(UTC) + timedelta(hours=1))
    sealed = seal(public_jwk(KEY), inside)
    assert opened(KEY, sealed, **WHOSE) == inside
    assert SECRET not in sealed
    assert sealed != seal(public_jwk(KEY), inside)
    assert thumbprint(public_jwk(KEY)) == KEY.kid


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        (secret(user_id="bob"), "not one of this task's user"),
        (secret(endpoint_id="other"), "not one of this task's user"),
        (secret(name="dcache"), "not one of this task's user"),
        (secret(expires=datetime.now(UTC) - timedelta(seconds=1)), "expired"),
    ],
)
def test_another_ones_and_an_expired_one_are_not_used(inside: SealedSecret, words: str) -> None:
    with pytest.raises(OutputNotStored, match=words) as caught:
        opened(KEY, seal(public_jwk(KEY), inside), **WHOSE)
    assert SECRET not in str(caught.value)


def _other_ways() -> list[str]:
    content = secret().model_dump_json().encode()
    public = ECKey.import_key(public_jwk(KEY))
    packed = {"alg": "ECDH-ES", "enc": "A256GCM", "zip": "DEF"}
    wrapped = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}
    return [
        seal(public_jwk(ECKey.generate_key("P-256")), secret()),
        jwe.encrypt_compact(packed, content, public, algorithms=["ECDH-ES", "A256GCM", "DEF"]),
        jwe.encrypt_compact(wrapped, content, public, algorithms=["ECDH-ES+A256KW", "A256GCM"]),
        jwe.encrypt_compact({"alg": "ECDH-ES", "enc": "A256GCM"}, b"{}", public),
        "",
        "a.b.c.d.e",
    ]


@pytest.mark.parametrize("sealed", _other_ways(), ids=["key", "zip", "wrap", "content", "empty", "words"])
def test_what_is_sealed_otherwise_does_not_open(sealed: str) -> None:
    with pytest.raises(OutputNotStored, match="cannot open"):
        opened(KEY, sealed, **WHOSE)


SEALED = seal(public_jwk(KEY), secret())


@given(place=st.integers(0, len(SEALED) - 1), letter=st.characters(codec="ascii"))
def test_a_seal_that_was_touched_gives_what_was_sealed_or_nothing(place: int, letter: str) -> None:
    try:
        found = opened(KEY, SEALED[:place] + letter + SEALED[place + 1 :], **WHOSE)
    except OutputNotStored:
        return
    # The last letter of a part has bits that say nothing.
    assert found == secret()


@pytest.mark.parametrize("key", [{}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {"kty": "oct", "k": "AA"}])
def test_nothing_is_sealed_to_what_is_no_key(key: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="not a public key"):
        seal(key, secret())
