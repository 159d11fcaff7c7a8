"""Healthy while the web process answers; what it stands on is in its answer's body (docs/reference/api.md)."""

from __future__ import annotations

import ssl
import sys
from urllib.error import URLError
from urllib.request import urlopen

from ivr.settings import WebSettings, load_settings


def address(web: WebSettings) -> str:
    """Where the process listens, from inside its own container."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(web.host, web.host)  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    return f"http{'' if web.tls == 'off' else 's'}://{host}:{web.port}/healthz"


def main() -> int:
    """0 when it answers. The certificate is not looked at: the question is whether it serves, not to whom it belongs."""
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    try:
        with urlopen(address(load_settings().web), timeout=5, context=unverified) as answer:  # noqa: S310
            print(answer.read(200).decode())
            return 0
    except (URLError, OSError) as away:
        print(away)
        return 1


if __name__ == "__main__":
    sys.exit(main())
