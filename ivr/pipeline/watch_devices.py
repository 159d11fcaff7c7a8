"""Village phones that cannot be used: one alarm that names them, which one odd minute neither raises nor clears."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from ivr.domain.device_use import moment
from ivr.domain.errors import IvrError
from ivr.domain.hysteresis import Hysteresis
from ivr.ports.devices import DeviceRecord, DeviceRegister, DeviceView
from ivr.ports.pipeline import Alarms

log = structlog.get_logger(__name__)

ALARM = "village_devices"
LOOK_EVERY_S = 10.0
TO_BAD = 12
TO_GOOD = 6
"""Looks in a row: about two minutes without a phone raise the alarm, one with it clears it."""
STALE_S = 60.0
_NAMED = 5


class DeviceAlarms:
    """Looks at the register. While nobody knows who is registered nothing is judged: that has its own words on the page."""

    def __init__(self, devices: DeviceView, alarms: Alarms, *, look_every_s: float = LOOK_EVERY_S) -> None:
        self._devices = devices
        self._alarms = alarms
        self._look_every_s = look_every_s
        self._states: dict[str, Hysteresis] = {}

    async def run(self) -> None:
        """Ends only when cancelled; a database that is away only delays it."""
        while True:
            try:
                await self.look()
            except (IvrError, TimeoutError, OSError) as away:
                log.warning("device_alarms_wait", reason=str(away) or type(away).__name__)
            await asyncio.sleep(self._look_every_s)

    async def look(self) -> int:
        """One look; how many devices the alarm names."""
        register = await self._devices.register()
        if register.as_of is None or (register.now - register.as_of).total_seconds() > STALE_S:
            return 0
        known = {r.device.id for r in register.devices}
        self._states = {device: state for device, state in self._states.items() if device in known}
        bad = [r for r in register.devices if self._sees(r, register)]
        if bad:
            await self._alarms.raised(ALARM, alarm_text(bad, register))
        else:
            await self._alarms.cleared(ALARM)
        return len(bad)

    def _sees(self, record: DeviceRecord, register: DeviceRegister) -> bool:
        # One that was blocked or never set up is no fault that came over it.
        fault = record.blocked_at is None and record.reach != "never" and register.verdict(record).use == "unusable"
        return self._states.setdefault(record.device.id, Hysteresis(TO_BAD, TO_GOOD)).see(fault)


def alarm_text(bad: Sequence[DeviceRecord], register: DeviceRegister) -> str:
    """Which, since when and why, the first few by name, and what to do."""
    told = []
    for record in bad[:_NAMED]:
        verdict = register.verdict(record)
        # One that is back but not yet for long has no reason any more.
        why = f"（自 {moment(verdict.since)}，{verdict.reason}）" if verdict.use == "unusable" else "（刚恢复）"
        told.append(f"{record.village_name} {record.device.id}{why}")
    more = f"等 {len(bad)} 台" if len(bad) > _NAMED else f" {len(bad)} 台"
    return f"村居终端不可用{more}：{'、'.join(told)}。请看“村居终端”页的维护清单，联系协助人检查电源和网络。"
