"""Hands a device its configuration behind an address that only it knows."""

from __future__ import annotations

import asyncio
import hmac
import secrets

from ivr.domain.errors import NotFound
from ivr.domain.idle_page import IdleFacts
from ivr.domain.provisioning import SOFT_CLIENT, TOKEN, dialect_asked, dialect_of, digest_of
from ivr.ports.provisioning import ConfigurationFile, ConfigurationWriter, DeviceSecret, IssuedAddress, NoAddress, ProvisioningStore

PATH = "/api/v1/provision"
IDLE_PATH = "/api/v1/idle"


class Provisioner:
    """ivr.ports.provisioning.ProvisioningDesk. ``origin`` is https://host:port as devices reach it, '' without HTTPS."""

    def __init__(self, store: ProvisioningStore, writer: ConfigurationWriter, origin: str) -> None:
        self._store = store
        self._writer = writer
        self._origin = origin

    async def issue(self, device: str, actor: str, reason: str) -> IssuedAddress:
        """See the port."""
        if not self._origin:
            raise NoAddress("a configuration holds a secret and is sent over HTTPS alone: set web.tls to files or local_ca")
        token = secrets.token_urlsafe(32)
        digest = digest_of(token)
        assert digest is not None
        secret, expires_at = await self._store.issue(device, digest, actor, reason)
        folder = f"{self._origin}{PATH}/{token}"
        asked = dialect_of(secret.device.model).asked
        soft_client = f"{folder}/{SOFT_CLIENT.asked}"
        qr = await asyncio.to_thread(self._writer.picture, soft_client)
        return IssuedAddress(secret, f"{folder}/{asked}".rstrip("/"), soft_client, qr, expires_at, self._idle_page(secret))

    async def file(self, token: str, file: str, remote: str) -> ConfigurationFile:
        """See the port."""
        digest, dialect = digest_of(token), dialect_asked(file)
        if self._origin and digest and dialect and (secret := await self._store.fetched(digest, file, remote)):
            text = await asyncio.to_thread(self._writer.write, dialect, secret, self._idle_page(secret))
            return ConfigurationFile(text, dialect.media_type)
        raise NotFound("There is nothing at this address.")

    async def idle_address(self, device: str) -> str:
        """See the port."""
        if not self._origin:
            raise NoAddress("a device's own page is sent over HTTPS alone: set web.tls to files or local_ca")
        found = await self._store.idle(device)
        if found is None:
            raise NotFound(f"There is no device {device[:40]} that may register; `ivr devices list` shows those there are.")
        return self._idle_page(found[0])

    async def idle(self, device: str, token: str) -> IdleFacts:
        """See the port."""
        found = await self._store.idle(device) if self._origin and TOKEN.fullmatch(token) else None
        if found is None or not hmac.compare_digest(self._writer.idle_token(found[0]).encode(), token.encode()):
            raise NotFound("There is nothing at this address.")
        return found[1]

    def _idle_page(self, secret: DeviceSecret) -> str:
        return f"{self._origin}{IDLE_PATH}/{secret.device.id}/{self._writer.idle_token(secret)}"
