"""Whom a client trusts, by the address that it calls."""

from __future__ import annotations

import ssl

import pytest
from openbeam.places import trust


@pytest.mark.parametrize(
    ("url", "onward", "knows_authorities"),
    [
        ("https://beam.example.org", False, True),
        ("http://beam.example.org", False, True),  # a proxy may have certificates
        ("https://localhost:8600", False, True),
        ("http://127.0.0.1:8600", False, False),
        ("http://localhost:8600", False, False),
        ("http://[::1]:8600/api", False, False),
        ("http://127.0.0.1:8600", True, True),  # it may lead to anybody
    ],
)
def test_certificates_are_always_checked(url: str, *, onward: bool, knows_authorities: bool) -> None:
    trusted = trust(url, onward=onward)
    assert trusted["trust_env"] == ("example" in url)
    checks = trusted["verify"]
    assert (checks.verify_mode, checks.check_hostname) == (ssl.CERT_REQUIRED, True)
    # Without an authority nobody passes.
    assert (checks.cert_store_stats()["x509_ca"] > 0) == knows_authorities


def test_authorities_are_read_once() -> None:
    assert trust("https://one.example.org")["verify"] is trust("https://two.example.org")["verify"]
