"""A register of one village phone for contract tests, which keeps nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from ivr.domain.device import Device, checked_reason
from ivr.domain.device_test import DeviceTest
from ivr.domain.errors import NotFound
from ivr.domain.media_quality import MediaQuality
from ivr.ports.devices import DeviceCall, DeviceEvent, DeviceHistory, DeviceRecord, DeviceRegister

T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
DEVICE = Device("v-640105001-L01-1", "640105001-L01", "640105001", "马秀兰", "8001", "一楼大厅", "GXV3480", "labour", self_test=True)
MEDIA = [MediaQuality("audio", 3000, 0, 3000, 120, 4, 2, 30)]


class OneDevice:
    """ivr.ports.devices.DeviceDesk."""

    async def register(self) -> DeviceRegister:
        record = DeviceRecord(DEVICE, "康庄社区", "西花园路街道", "reachable", T0, T0, None, "", None, "baresip", 1.5, T0, 2)
        villages = [("640105001-L01", "康庄社区", "640105001"), ("640105001-L02", "西花园社区", "640105001")]
        return DeviceRegister([record], [("640105001", "西花园路街道")], villages, T0, T0)

    async def history(self, device: str) -> DeviceHistory:
        self._known(device)
        calls = [DeviceCall("b1-1764000000.1", T0, "answered", "adviser:ring", "640105126112300001", MEDIA)]
        tests = [DeviceTest(T0.date(), "", T0, "passed", "接通，回声正常", 120.0, -12.0, 0.9)]
        return DeviceHistory([DeviceEvent(T0, "reachable", "", "")], calls, tests)

    async def block(self, device: str, actor: str, reason: str) -> None:
        self._known(device)
        checked_reason(reason)

    unblock = rotate = block

    async def test(self, device: str, actor: str, reason: str) -> int:
        await self.block(device, actor, reason)
        return 7

    @staticmethod
    def _known(device: str) -> None:
        if device != DEVICE.id:
            raise NotFound("There is no such device.")
