"""Look at Asterisk from outside with asterisk-ami, a client that shares nothing with the controller's.

Blocking and short: for `ivr doctor`, container health checks and tests, never for the event loop. Its user can only
look (see manager.conf).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asterisk.ami import AMIClient, SimpleAction

from ivr.domain.errors import Unavailable

_WITHIN_S = 3


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What Asterisk says of itself."""

    version: str
    calls: int


def probe(port: int, secret: str, username: str = "probe") -> ProbeAnswer:
    """Log in, ask, log off. Raises Unavailable with what to do."""
    client = AMIClient(address="127.0.0.1", port=port, timeout=_WITHIN_S)
    try:
        login = client.login(username=username, secret=secret).response
        if login is None:
            raise Unavailable(f"AMI on port {port} did not answer the login within {_WITHIN_S} s; is Asterisk overloaded?")
        if login.is_error():
            raise Unavailable(
                f"Asterisk refused the AMI login of {username}: {login.keys.get('Message', '')}; "
                "run `ivr asterisk` or `make run` again so that configuration and credentials match"
            )
        settings, status = _ask(client, "CoreSettings"), _ask(client, "CoreStatus")
        return ProbeAnswer(settings.get("AsteriskVersion", "?"), int(status.get("CoreCurrentCalls", "0")))
    except (OSError, EOFError) as failed:
        raise Unavailable(f"nothing answers AMI on 127.0.0.1:{port} ({failed}); is Asterisk running?") from failed
    finally:
        _leave(client)


def may_run_commands(port: int, username: str, secret: str) -> bool:
    """Whether an AMI user could run console commands, which reach the operating system: nobody's user should."""
    client = AMIClient(address="127.0.0.1", port=port, timeout=_WITHIN_S)
    try:
        login = client.login(username=username, secret=secret).response
        if login is None or login.is_error():
            raise Unavailable(f"Asterisk refused the AMI login of {username}; run `make run` again so that both match")
        answer = client.send_action(SimpleAction("Command", Command="core show version")).response
        return answer is not None and not answer.is_error()
    except (OSError, EOFError) as failed:
        raise Unavailable(f"nothing answers AMI on 127.0.0.1:{port} ({failed}); is Asterisk running?") from failed
    finally:
        _leave(client)


def _leave(client: AMIClient) -> None:
    for step in (client.logoff, client.disconnect):
        try:
            step()
        except Exception:
            pass


def _ask(client: AMIClient, name: str) -> dict[str, Any]:
    answer = client.send_action(SimpleAction(name)).response
    if answer is None or answer.is_error():
        raise Unavailable(f"Asterisk does not answer {name}: {'' if answer is None else answer.keys.get('Message', '')}")
    return dict(answer.keys)
