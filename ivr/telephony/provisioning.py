"""Writes the configuration a device fetches: a template for each maker in ``phones/``, and a QR code for soft clients."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ivr.domain.errors import BadSetting
from ivr.domain.provisioning import Dialect
from ivr.ports.provisioning import DeviceSecret
from ivr.telephony.devices import idle_token_of, secret_of, shown_name

_PHONES = Path(__file__).with_name("phones")
_EXPIRES_S = 120


class PhoneFiles:
    """ivr.ports.provisioning.ConfigurationWriter for devices of the exchange at ``sip_host``, UDP port ``sip_port``."""

    def __init__(self, key: bytes, sip_host: str, sip_port: int) -> None:
        self._key = key
        self._sip = {"host": sip_host, "port": sip_port, "expires_s": _EXPIRES_S}
        self._environment = Environment(
            loader=FileSystemLoader(_PHONES), undefined=StrictUndefined, finalize=_one_line, keep_trailing_newline=True,
            autoescape=lambda name: bool(name and ".xml" in name),
        )

    def write(self, dialect: Dialect, secret: DeviceSecret, idle_page: str) -> str:
        """See the port. Blocking for a moment: the template is read."""
        suffix = "xml" if dialect.media_type.endswith("xml") else "txt"
        device = secret.device
        return self._environment.get_template(f"{dialect.name}.{suffix}.j2").render(
            id=device.id, name=shown_name(secret.village_name, device.id), sip=self._sip,
            secret=secret_of(self._key, device.id, secret.salt), self_test=device.self_test, idle_page=idle_page,
        )

    def picture(self, text: str) -> str:
        """A QR code of ``text`` as an SVG document."""
        drawn = io.BytesIO()
        segno.make(text, error="m").save(drawn, kind="svg", scale=4, border=4, light="#fff", xmldecl=False)
        return drawn.getvalue().decode()

    def idle_token(self, secret: DeviceSecret) -> str:
        """See the port."""
        return idle_token_of(self._key, secret.device.id, secret.salt)


def terminal_picture(text: str) -> str:
    """A QR code of ``text`` for a terminal."""
    drawn = io.StringIO()
    segno.make(text, error="l").terminal(drawn, compact=True)
    return drawn.getvalue()


def _one_line(value: Any) -> Any:
    if re.search(r"[\x00-\x1f\x7f]", str(value)):
        raise BadSetting(f"{str(value)!r} holds a control character, which no phone's configuration can carry")
    return value
