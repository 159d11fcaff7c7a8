"""The running Asterisk as the pipeline sees it: live events and the few commands the controller may give."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ivr.domain.call import interface_of
from ivr.domain.callback import dialable
from ivr.domain.device import village_of
from ivr.domain.events import LiveEvent
from ivr.ports.callbacks import CallRefused, CitizenCall, OutgoingLine
from ivr.ports.voice_notices import NoticeCall
from ivr.telephony.ami import AmiClient, AmiRefused

_NETWORK_OUT_OF_ORDER = "38"
_NAME = "法律服务热线"
_CODECS = "alaw,ulaw,h264,vp8"  # those of pjsip_devices.conf: an Originate that names none offers sound alone
_DIRECTION = {"caller": "read", "operator": "write"}


class AsteriskExchange:
    """ivr.ports.pipeline.Exchange, ivr.ports.desk.SeatLegs, ivr.ports.callbacks.CitizenCalls and NoticeCalls over one AMI link."""

    def __init__(self, client: AmiClient) -> None:
        self._client = client

    def events(self) -> AsyncIterator[LiveEvent]:
        """Live events in order."""
        return self._client.events()

    async def mute_recording(self, channel: str, track: str, muted: bool) -> None:
        """AMI MixMonitorMute: silence is recorded instead, so the tracks keep one clock."""
        await self._client.request(
            "MixMonitorMute", Channel=channel, Direction=_DIRECTION[track], State="1" if muted else "0"
        )

    async def pause_seat(self, interface: str, paused: bool, reason: str) -> None:
        """See ivr.ports.desk.SeatControl: AMI QueuePause without a queue, which means all of them."""
        await self._client.request("QueuePause", Interface=interface, Paused="true" if paused else "false", Reason=reason)

    async def legs_of(self, interface: str) -> list[str]:
        """See ivr.ports.desk.SeatLegs: AMI CoreShowChannels."""
        channels = await self._client.request("CoreShowChannels", within_s=10)
        return [
            frame["channel"] for frame in channels
            if interface_of(frame.get("channel", "")) == interface and frame.get("channelstatedesc") == "Up"
        ]

    async def packets_heard(self, channel: str) -> int | None:
        """See the port: what Asterisk's own RTCP would report."""
        try:
            answer = await self._client.request("Getvar", Channel=channel, Variable="CHANNEL(rtcp,rxcount,audio)")
        except AmiRefused:
            return None
        told = answer[0].get("value", "")
        return int(told) if told.isdecimal() else None

    async def end_lost(self, channel: str) -> None:
        """See the port: Q.850's cause "network out of order", which dialplan/lost_seat.j2 tells from a telephone that hung up."""
        try:
            await self._client.request("Hangup", Channel=channel, Cause=_NETWORK_OUT_OF_ORDER)
        except AmiRefused:
            if await self.packets_heard(channel) is not None:
                raise

    async def tell_wait(self, queue: str, seconds_per_place: int | None, at: float) -> None:
        """See ivr.ports.waits.WaitNotice: a global variable ``<Unix time>:<seconds>``, read by dialplan/expected_wait.j2."""
        await self._client.request("Setvar", Variable=f"WAIT_{queue}", Value=f"{int(at)}:{seconds_per_place or 0}")

    async def room(self, line: OutgoingLine) -> int:
        """See the port: channels both ways count, as for the cap; a line whose carrier does not answer has no room."""
        state = await self._client.request("Getvar", Variable=f"DEVICE_STATE(PJSIP/trunk-{line.name})")
        if state[0].get("value", "") in ("UNAVAILABLE", "INVALID"):
            return 0
        channels = await self._client.request("CoreShowChannels", within_s=10)
        used = sum(frame.get("channel", "").startswith(f"PJSIP/trunk-{line.name}-") for frame in channels)
        return line.channel_cap - used

    async def reaches(self, device: str) -> bool:
        """See the port: what Asterisk holds of its registration and the last OPTIONS."""
        if not village_of(device):
            return False
        state = await self._client.request("Getvar", Variable=f"DEVICE_STATE(PJSIP/{device})")
        return state[0].get("value", "") not in ("UNAVAILABLE", "INVALID")

    async def call(self, call: CitizenCall) -> None:
        """AMI Originate under the call's own id, which Asterisk takes only once while the call is up.

        The number is checked here once more, because nothing after this line would refuse another one. A village's phone is rung
        like any telephone: no header asks it to answer by itself (only [self-test] adds those); video is offered.
        """
        if call.line is None:
            return await self._call_device(call)
        if not dialable(call.number):
            raise ValueError(f"{call.number[:40]!r} is no number that may be called back")
        try:
            await self._client.request(
                "Originate", within_s=10, Channel=f"PJSIP/{call.number}@trunk-{call.line.name}", ChannelId=call.linked_id,
                Context=f"callback-answered-{call.queue}", Exten=call.kind, Priority="1", Timeout=str(call.ring_s * 1000),
                CallerID=call.line.shown, Async="true", Variable=[
                    f"GROUP(trunk)={call.line.name}", f"CALLBACK_NUMBER={call.number}",
                    f"ARRIVED={int(call.arrived_at * 10)}",
                ],
            )
        except AmiRefused as refused:
            raise CallRefused(str(refused)) from refused

    async def _call_device(self, call: CitizenCall) -> None:
        if not village_of(call.device):
            raise ValueError(f"{call.device[:40]!r} is no village's phone")
        try:
            await self._client.request(
                "Originate", within_s=10, Channel=f"PJSIP/{call.device}", ChannelId=call.linked_id,
                Context=f"callback-answered-{call.queue}", Exten="village", Priority="1", Timeout=str(call.ring_s * 1000),
                CallerID=f"{_NAME} <{call.shown}>", Codecs=_CODECS, Async="true",
                Variable=[f"ARRIVED={int(call.arrived_at * 10)}"],
            )
        except AmiRefused as refused:
            raise CallRefused(str(refused)) from refused

    async def tell(self, call: NoticeCall) -> None:
        """See ivr.ports.voice_notices: AMI Originate into dialplan/notices.j2, under the call's own id."""
        if not dialable(call.number):
            raise ValueError(f"{call.number[:40]!r} is no number that may be called")
        try:
            await self._client.request(
                "Originate", within_s=10, Channel=f"PJSIP/{call.number}@trunk-{call.line.name}", ChannelId=call.linked_id,
                Context="notice-answered", Exten=call.words, Priority="1", Timeout=str(call.ring_s * 1000),
                CallerID=call.line.shown, Async="true", Variable=[
                    f"GROUP(trunk)={call.line.name}", f"CALLBACK_NUMBER={call.number}", f"NOTICE_DIGITS={call.digits}",
                ],
            )
        except AmiRefused as refused:
            raise CallRefused(str(refused)) from refused

    async def is_live(self, linked_id: str) -> bool:
        """See the port."""
        try:
            await self._client.request("Getvar", Channel=linked_id, Variable="UNIQUEID")
        except AmiRefused:
            return False
        return True
