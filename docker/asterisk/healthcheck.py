"""Healthy while Asterisk answers AMI to a user that may only look; asked with a client the controller does not use."""

from __future__ import annotations

import sys

from ivr.domain.errors import IvrError
from ivr.settings import load_settings
from ivr.telephony.credentials import load_credentials
from ivr.telephony.probe import probe


def main() -> int:
    """0 when it answers; 1 with the reason otherwise."""
    try:
        settings = load_settings()
        secrets = settings.state_dir / "credentials.json"
        if not secrets.exists():  # made by `ivr asterisk`; two makers at once would disagree
            print("Asterisk has not been configured yet")
            return 1
        answer = probe(settings.asterisk.ami_port, load_credentials(secrets, []).ami_probe)
    except IvrError as away:
        print(away)
        return 1
    print(f"Asterisk {answer.version}, {answer.calls} calls")
    return 0


if __name__ == "__main__":
    sys.exit(main())
