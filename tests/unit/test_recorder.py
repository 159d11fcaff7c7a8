"""A recording is renewed by one after another, and started again when Asterisk's console did not take it at once."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from ivr.domain.errors import Unavailable
from ivr.telephony.recorder import AsteriskRecorder

BASE = "20261126/t-1-1795500000.0-00000000-0000-4000-8000-000000000000"
VARIABLES = {"CHANNEL(name)": "PJSIP/trunk-carrier-00000001", "RECORDING": BASE, "RECORDINGS": "/var/spool/rec", "REFUSED": "", "RECORDING_PAUSED": ""}


class Asterisk:
    """A link and a console of which the first ``deaf`` starts are lost."""

    def __init__(self, deaf: int = 0, **changed: str) -> None:
        self.deaf = deaf
        self.lines: list[str] = []
        self.variables = VARIABLES | changed

    async def request(self, action: str, **headers: str) -> list[dict[str, str]]:
        return [{"value": self.variables[headers["Variable"]]}]

    async def command(self, line: str) -> str:
        await asyncio.sleep(0)
        verb = line.split()[1]
        if verb == "start" and self.deaf:
            self.deaf -= 1
            raise Unavailable("no console")
        self.lines.append(verb)
        return ""


def recorder(asterisk: Asterisk) -> AsteriskRecorder:
    return AsteriskRecorder(cast(Any, asterisk), cast(Any, asterisk))


async def test_two_renewals_at_once_leave_one_recorder() -> None:
    asterisk = Asterisk()
    one = recorder(asterisk)
    await asyncio.gather(one.renew("t-1.0"), one.renew("t-1.0"))
    assert asterisk.lines == ["stop", "start", "stop", "start"]


async def test_a_start_that_is_lost_is_tried_again() -> None:
    asterisk = Asterisk(deaf=2)
    await recorder(asterisk).renew("t-1.0")
    assert asterisk.lines == ["stop", "start"]
    with pytest.raises(Unavailable):
        await recorder(Asterisk(deaf=3)).renew("t-1.0")


@pytest.mark.parametrize("changed", [{"REFUSED": "1"}, {"RECORDING_PAUSED": "1"}, {"RECORDING": ""}, {"RECORDING": "../../etc/passwd"}])
async def test_who_refused_or_is_not_recorded_is_left_alone(changed: dict[str, str]) -> None:
    asterisk = Asterisk(**changed)
    await recorder(asterisk).renew("t-1.0")
    assert asterisk.lines == []
