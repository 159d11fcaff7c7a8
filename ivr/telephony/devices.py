"""Village video phones in Asterisk: their secrets, their part of pjsip's configuration, their registrations and calls."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ivr.domain.device import village_of
from ivr.domain.device_use import Reach
from ivr.domain.errors import BadSetting
from ivr.ports.devices import DeviceContact, DeviceLine
from ivr.telephony.dialplan import checked
from ivr.telephony.embedded import Console

FILE = "pjsip_devices.conf"
_NONE: Mapping[str, str] = {}
_UNFIT_NAME = re.compile(r"[^\w ·（）()、-]")
_CONTACT = re.compile(r"^\s*Contact:\s+(v-[^/\s]+)/\S+\s+\S+\s+(\w+)\s+(\S+)", re.MULTILINE)


def load_key(file: Path) -> bytes:
    """The install's key that makes devices' secrets, made when missing; BadSetting when others can read it. Blocking."""
    try:
        if file.stat().st_mode & 0o077:
            raise BadSetting(f"{file} can be read by others; run `chmod 600 {file}`, or delete it and rotate every device")
        key = file.read_bytes()
        if len(key) != 32:
            raise BadSetting(f"{file} is broken; restore it, or delete it and rotate every device")
        return key
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(secrets.token_bytes(32))
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(fresh, file)  # another process may have been faster: its key stands
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        return load_key(file)


def secret_of(key: bytes, device: str, salt: str) -> str:
    """The device's SIP secret. The salt is random and new at every rotation; without the install's key it tells nothing."""
    made = hmac.new(key, f"{device}\0{salt}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made[:18]).decode()


def idle_token_of(key: bytes, device: str, salt: str) -> str:
    """What closes the device's own page, 256 bits: made of the same salt, and nothing that leads to the SIP secret."""
    made = hmac.new(key, f"idle page\0{device}\0{salt}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def shown_name(village: str, device: str) -> str:
    """What phones show: the village's name without what a configuration gives a meaning to, or the device's own."""
    return _UNFIT_NAME.sub("", village) or device


def render_devices(lines: Sequence[DeviceLine], key: bytes, sip_host: str, templates: Path, silence_s: int = 30) -> str:
    """pjsip's part for these devices; every value is checked against what the file gives a meaning to.

    A call ends when nothing is heard of its device for ``silence_s``.
    """
    environment = Environment(
        loader=FileSystemLoader(templates), undefined=StrictUndefined, finalize=checked, keep_trailing_newline=True,
        autoescape=False,
    )
    rows: list[dict[str, Any]] = [
        {
            "id": line.device.id, "name": shown_name(line.name, line.device.id), "number": line.device.number,
            "village": line.device.village, "adviser": line.device.adviser, "station": line.station,
            "speciality_key": line.device.speciality_key, "secret": secret_of(key, line.device.id, line.salt),
            "telephone": line.device.telephone,
        }
        for line in lines
    ]
    return environment.get_template(f"{FILE}.j2").render(devices=rows, sip={"host": sip_host}, silence_s=silence_s)


class AsteriskDevices:
    """ivr.ports.devices.DeviceExchange: a file that Asterisk reads again at every start, and the console for what is at once.

    The console, because AMI would need a right to the system for a reload.
    """

    def __init__(self, console: Console, run: Path, key: bytes, sip_host: str, templates: Path, silence_s: int = 30) -> None:
        self._console = console
        self._file = run / "etc" / FILE
        self._key = key
        self._sip_host = sip_host
        self._templates = templates
        self._silence_s = silence_s
        self._loaded = False

    async def take(self, lines: Sequence[DeviceLine]) -> bool:
        """See the port. The first time the file is loaded even when it is the same: Asterisk may have read an older one."""
        text = render_devices(lines, self._key, self._sip_host, self._templates, self._silence_s)
        changed = await asyncio.to_thread(self._write, text)
        if self._loaded and not changed:
            return False
        self._loaded = False
        await self._console.command("module reload res_pjsip.so")
        self._loaded = True
        return changed

    def _write(self, text: str) -> bool:
        if self._file.exists() and self._file.read_text() == text:
            return False
        fresh = self._file.with_name(f".{FILE}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        fresh.rename(self._file)
        return True

    async def cut(self, device: str) -> int:
        """See the port; only a device's name ever reaches the console."""
        if not village_of(device):
            raise ValueError(f"{device[:40]!r} is no device")
        held = await self._console.command("database show registrar/contact")
        for key in re.findall(rf"^/registrar/contact/({re.escape(device)};@[0-9a-f]+)\s*:", held, re.MULTILINE):
            await self._console.command(f'database del registrar/contact "{key}"')
        calls = re.findall(
            rf"^(PJSIP/{re.escape(device)}-[0-9a-f]{{8}})!", await self._console.command("core show channels concise"), re.MULTILINE
        )
        for channel in calls:
            await self._console.command(f"channel request hangup {channel}")
        return len(calls)


class AsteriskSight:
    """ivr.ports.devices.DeviceSight over the console: one question for all devices, never one for each.

    AMI's PJSIPShowContacts would need a right to the whole system.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    async def contacts(self) -> Sequence[DeviceContact]:
        """Every device's registration as Asterisk holds it; Unavailable when it cannot be asked."""
        held = await self._console.command("database show registrar/contact")
        return read_contacts(await self._console.command("pjsip show contacts"), user_agents(held), renewals(held))


def read_contacts(shown: str, agents: Mapping[str, str], renewed: Mapping[str, str] = _NONE) -> tuple[DeviceContact, ...]:
    """Devices among the lines of ``pjsip show contacts``; one that is not asked or not yet answered counts as reachable."""
    found = {}
    for device, status, trip in _CONTACT.findall(shown):
        if village_of(device):
            known = re.fullmatch(r"[0-9]+\.[0-9]+", trip)
            reach: Reach = "silent" if status.startswith("Unavail") else "reachable"
            found[device] = DeviceContact(
                device, reach, agents.get(device, ""), float(trip) if known else None, renewed.get(device, "")
            )
    return tuple(found.values())


def user_agents(shown: str) -> dict[str, str]:
    """{device: what it says it is} from ``database show registrar/contact``; what cannot be read is left out."""
    return _held(shown, "user_agent")


def renewals(shown: str) -> dict[str, str]:
    """{device: until when its registration holds}, which each REGISTER moves on."""
    return _held(shown, "expiration_time")


def _held(shown: str, field: str) -> dict[str, str]:
    found = {}
    for device, text in re.findall(r"^/registrar/contact/(v-[^;\s]+);@\S+\s*:\s*(\{.*\})\s*$", shown, re.MULTILINE):
        try:
            told = json.loads(text).get(field, "")
        except ValueError:
            continue
        found[device] = "".join(c for c in str(told) if c.isprintable())[:80]
    return found
