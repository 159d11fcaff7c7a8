"""Say before anything starts which port is taken and which setting moves it; a half-started product helps nobody."""

from __future__ import annotations

import socket

from ivr.domain.errors import BadSetting
from ivr.exchange_setup import menus_in_force
from ivr.settings import Settings
from ivr.settings_sections import AsteriskSettings


class PortsInUse(BadSetting):
    """Another program listens where this product should."""

    code = "ports_in_use"


def refuse_ports_in_use(settings: Settings, *, asterisk_runs: bool = False) -> None:
    """Raise one BadSetting that names every port in use. Blocking, but only for bind calls.

    ``asterisk_runs``: our own Asterisk was left running and is being adopted, so its ports are rightly in use.
    """
    asterisk, web = settings.asterisk, settings.web
    wanted = [(socket.SOCK_STREAM, web.host, web.port, "web.port")]
    wanted.append((socket.SOCK_STREAM, "127.0.0.1", asterisk.fastagi_port, "asterisk.fastagi_port"))
    if any(menu.spoken for menu in menus_in_force(settings).menus.values()):
        wanted.append((socket.SOCK_STREAM, "127.0.0.1", asterisk.audiosocket_port, "asterisk.audiosocket_port"))
    if not asterisk_runs:
        wanted += _asterisk_ports(asterisk)
    taken = []
    for kind, host, port, setting in wanted:
        problem = _problem(kind, host, port)
        if problem:
            name = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
            variable = "IVR_" + setting.upper().replace(".", "__")
            taken.append(f"  {name} {host}:{port} ({setting}): {problem}; choose another with {variable}=PORT")
    if taken:
        raise PortsInUse("these ports cannot be used:\n" + "\n".join(dict.fromkeys(taken)))


def _asterisk_ports(asterisk: AsteriskSettings) -> list[tuple[socket.SocketKind, str, int, str]]:
    wanted = [
        (socket.SOCK_DGRAM, asterisk.sip_host, asterisk.sip_port, "asterisk.sip_port"),
        (socket.SOCK_STREAM, asterisk.sip_host, asterisk.sip_port, "asterisk.sip_port"),
        (socket.SOCK_STREAM, "127.0.0.1", asterisk.ami_port, "asterisk.ami_port"),
    ]
    if asterisk.wss_port:
        wanted.append((socket.SOCK_STREAM, asterisk.sip_host, asterisk.wss_port, "asterisk.wss_port"))
    if asterisk.sip_tls_port:
        wanted.append((socket.SOCK_STREAM, asterisk.sip_host, asterisk.sip_tls_port, "asterisk.sip_tls_port"))
    return wanted


def _problem(kind: socket.SocketKind, host: str, port: int) -> str:
    try:
        family = socket.getaddrinfo(host, port, type=kind)[0][0]
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as taken:
        return taken.strerror or str(taken)
    return ""
