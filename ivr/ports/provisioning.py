"""What handing a device its configuration needs: who has an address, and how a maker's file is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ivr.domain.device import Device
from ivr.domain.errors import CallerFault
from ivr.domain.provisioning import Dialect


class NoAddress(CallerFault):
    """An address cannot be made as things are: the text says what to do first."""

    code = "no_address"


@dataclass(frozen=True, slots=True)
class DeviceSecret:
    """A device with what its secret is made from, and the name of its village."""

    device: Device
    salt: str
    village_name: str


@dataclass(frozen=True, slots=True)
class IssuedAddress:
    """An address as it is shown, once. ``address`` is what the device's own model is told, ``soft_client`` what an app is.

    ``qr`` is the picture of ``soft_client`` as SVG. Both hold the same token, until ``expires_at``.
    """

    secret: DeviceSecret
    address: str
    soft_client: str
    qr: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ConfigurationFile:
    """What a device is sent; it holds its secret."""

    text: str
    media_type: str


class ProvisioningStore(Protocol):
    """Who has an address; acts are written with their audit row, or not at all. Raises Unavailable."""

    async def issue(self, device: str, digest: bytes, actor: str, reason: str) -> tuple[DeviceSecret, datetime]:
        """Keep the digest of a new address and when it ends; the secret counts as shown.

        Raises NotFound; NoAddress while the device is blocked; AlreadyShown when its secret was shown before.
        """
        ...

    async def fetched(self, digest: bytes, file: str, remote: str) -> DeviceSecret | None:
        """Whose address this is, noted and audited; None for one that is not, or no longer."""
        ...


class ConfigurationWriter(Protocol):
    """Writes makers' files, and draws what a soft client's camera reads."""

    def write(self, dialect: Dialect, secret: DeviceSecret) -> str: ...

    def picture(self, text: str) -> str:
        """A QR code as SVG."""
        ...


class ProvisioningDesk(Protocol):
    """What the pages and the command line do with addresses."""

    async def issue(self, device: str, actor: str, reason: str) -> IssuedAddress:
        """See ProvisioningStore.issue; NoAddress too where the pages are not served over HTTPS."""
        ...

    async def file(self, token: str, file: str, remote: str) -> ConfigurationFile:
        """Raises NotFound for everything that is not this device's file behind an address in force, always alike."""
        ...
