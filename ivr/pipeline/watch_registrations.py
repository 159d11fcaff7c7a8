"""A phone that registers again and again: known by looking, without a count of what it sends."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.domain.hysteresis import Hysteresis
from ivr.ports.devices import DeviceContact
from ivr.ports.pipeline import Alarms

ALARM = "village_registrations"
TO_BAD = 12
TO_GOOD = 6
"""Looks in a row, one about every five seconds. A phone asks again after half of 30 s or more, so at every third look at most."""
_NAMED = 5


class RegistrationWatch:
    """``see`` takes every look; a registration that is another one at each of them is a flood."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._last: dict[str, str] = {}
        self._states: dict[str, Hysteresis] = {}

    async def see(self, contacts: Sequence[DeviceContact]) -> tuple[str, ...]:
        """Take one look; the devices that flood, by name, which the alarm tells."""
        seen = {c.device: c.renewed for c in contacts}
        for device in set(self._states) | set(seen):
            again = device in seen and device in self._last and seen[device] != self._last[device]
            state = self._states.setdefault(device, Hysteresis(TO_BAD, TO_GOOD))
            if not state.see(again) and device not in seen:
                del self._states[device]
        self._last = seen
        floods = tuple(sorted(device for device, state in self._states.items() if state.bad))
        if floods:
            await self._alarms.raised(ALARM, flood_text(floods))
        else:
            await self._alarms.cleared(ALARM)
        return floods


def flood_text(floods: Sequence[str]) -> str:
    """Which, and what to do."""
    named = "、".join(floods[:_NAMED]) + (f" 等 {len(floods)} 台" if len(floods) > _NAMED else "")
    return f"终端不停地重新注册：{named}。其他终端不受影响；请检查它的注册有效期设置（应为 120 秒），查不出原因就停用或更换密码。"
