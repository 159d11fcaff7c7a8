"""What handing a device its configuration needs: who has an address, and how a maker's file is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ivr.domain.device import Device
from ivr.domain.errors import CallerFault
from ivr.domain.idle_page import IdleFacts
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

    ``qr`` is the picture of ``soft_client`` as SVG. Both hold the same token, until ``expires_at``. ``idle_page``, for the device's
    browser, stands until its secret is rotated or the device blocked, and holds a token of its own.
    """

    secret: DeviceSecret
    address: str
    soft_client: str
    qr: str
    expires_at: datetime
    idle_page: str


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

    async def idle(self, device: str) -> tuple[DeviceSecret, IdleFacts] | None:
        """What the own page of this device tells now; None for a device that is not there, or blocked."""
        ...


class ConfigurationWriter(Protocol):
    """Writes makers' files, and draws what a soft client's camera reads."""

    def write(self, dialect: Dialect, secret: DeviceSecret, idle_page: str) -> str:
        """The file of this dialect; ``idle_page`` stands in it where the maker has a place for a web page's address."""
        ...

    def picture(self, text: str) -> str:
        """A QR code as SVG."""
        ...

    def idle_token(self, secret: DeviceSecret) -> str:
        """What closes the device's own page: no part of its secret, and another one when that is rotated."""
        ...


class ProvisioningDesk(Protocol):
    """What the pages and the command line do with addresses."""

    async def issue(self, device: str, actor: str, reason: str) -> IssuedAddress:
        """See ProvisioningStore.issue; NoAddress too where the pages are not served over HTTPS."""
        ...

    async def file(self, token: str, file: str, remote: str) -> ConfigurationFile:
        """Raises NotFound for everything that is not this device's file behind an address in force, always alike."""
        ...

    async def idle_address(self, device: str) -> str:
        """The address of the page for the device's own browser. Raises NotFound; NoAddress without HTTPS."""
        ...

    async def idle(self, device: str, token: str) -> IdleFacts:
        """What that page tells now. Raises NotFound for everything that is no active device's own address, always alike."""
        ...
