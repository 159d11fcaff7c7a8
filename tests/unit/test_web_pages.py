"""The content security policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.ports.web import WebOptions
from ivr.web.pages import content_security_policy

OPTIONS = WebOptions(Path("/r"), Path("/s"), connect_sources=("wss://{host}:8089", "https://maps.example"))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("hotline.office:8443", "connect-src 'self' wss://hotline.office:8089 https://maps.example;"),
        ("hotline.office", "connect-src 'self' wss://hotline.office:8089 https://maps.example;"),
        ("[::1]:8443", "connect-src 'self' wss://[::1]:8089 https://maps.example;"),
        ("[::1]", "connect-src 'self' wss://[::1]:8089 https://maps.example;"),
        ("a;script-src *", "connect-src 'self' https://maps.example;"),
        ("", "connect-src 'self' https://maps.example;"),
    ],
)
def test_the_exchange_is_reached_under_the_pages_own_name(host: str, expected: str) -> None:
    policy = content_security_policy(OPTIONS, None, host)
    assert expected in policy and "script-src 'self';" in policy and "nonce" not in policy


def test_a_nonce_opens_styles_only() -> None:
    policy = content_security_policy(OPTIONS, "abc", "h")
    assert "style-src 'self' 'nonce-abc';" in policy and "script-src 'self';" in policy
