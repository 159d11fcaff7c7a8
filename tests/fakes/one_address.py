"""One device's address for contract tests, which keeps nothing."""

from __future__ import annotations

from ivr.domain.device import checked_reason
from ivr.domain.errors import NotFound
from ivr.domain.idle_page import IdleFacts
from ivr.ports.provisioning import ConfigurationFile, DeviceSecret, IssuedAddress
from tests.fakes.one_device import DEVICE, T0

TOKEN = "t" * 43


class OneAddress:
    """ivr.ports.provisioning.ProvisioningDesk."""

    async def issue(self, device: str, actor: str, reason: str) -> IssuedAddress:
        checked_reason(reason)
        if device != DEVICE.id:
            raise NotFound("There is no such device.")
        folder = f"https://127.0.0.1:12348/api/v1/provision/{TOKEN}"
        return IssuedAddress(DeviceSecret(DEVICE, "salt", "康庄社区"), folder, f"{folder}/linphone.xml", "<svg/>", T0, await self.idle_address(device))

    async def file(self, token: str, file: str, remote: str) -> ConfigurationFile:
        if (token, file) != (TOKEN, "phone.txt"):
            raise NotFound("There is nothing at this address.")
        return ConfigurationFile("user v-640105001-L01-1\n", "text/plain")

    async def idle_address(self, device: str) -> str:
        if device != DEVICE.id:
            raise NotFound("There is no such device.")
        return f"https://127.0.0.1:12348/api/v1/idle/{device}/{TOKEN}"

    async def idle(self, device: str, token: str) -> IdleFacts:
        if (device, token) != (DEVICE.id, TOKEN):
            raise NotFound("There is nothing at this address.")
        return IdleFacts("康庄社区", "马大姐", "王律师", "ready", [], True, T0, T0)
