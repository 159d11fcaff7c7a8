"""Speak notices to citizens by a call: dial once for each try, and believe what the ledger tells of it.

A call is written down under the linked id it will have, then dialled. A controller that dies in between leaves a call without
a result; whoever takes the delivery next looks up what became of it, and never dials while that is open. So nobody who heard
the words is called a second time for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from ivr.domain.errors import IvrError, Unavailable
from ivr.domain.order_number import parse
from ivr.domain.voice_notice import DELIVERED, LONGEST_NOTICE_S, RESULT_WORDS, VOICE, WORDS
from ivr.ports.callbacks import CallRefused, OutgoingLine
from ivr.ports.partners import Delivery, PartnerPost, Receipt, Recipients
from ivr.ports.voice_notices import EarlierCall, NoticeCall, NoticeCalls, VoiceNotices

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.3
_LOOK_UP_AFTER_S = 10.0
_LEDGER_WITHIN_S = 30.0
_LATER = Receipt(None, "", postponed=True)


class VoicePost:
    """ivr.ports.partners.PartnerPost for the voice call, and for every other partner what it wraps.

    ``fit`` is the pattern of telephones that are called. Half of a line's channels stay for callers. ``read_ledger`` returns when
    all that Asterisk wrote so far is committed; ``link_up`` tells whether Asterisk can be told anything.
    """

    def __init__(
        self, post: PartnerPost, recipients: Recipients, notices: VoiceNotices, calls: NoticeCalls,
        read_ledger: Callable[[float], Awaitable[None]], lines: Mapping[str, OutgoingLine], system: str, *,
        fit: str, ring_s: int, link_up: Callable[[], bool], look_up_after_s: float = _LOOK_UP_AFTER_S,
    ) -> None:
        self._post = post
        self._recipients = recipients
        self._notices = notices
        self._calls = calls
        self._read_ledger = read_ledger
        self._line = next(iter(lines.values()), None)
        self._system = system
        self._fit = fit
        self._ring_s = ring_s
        self._link_up = link_up
        self._look_up_after_s = look_up_after_s

    @staticmethod
    def longest_s(ring_s: int) -> float:
        """How long one ``send`` may take, in seconds: ringing, the words, and the ledger."""
        return ring_s + LONGEST_NOTICE_S + _LEDGER_WITHIN_S

    async def send(self, partner: str, delivery: Delivery) -> Receipt:
        """See the port. What hinders us, and not the citizen, is no try."""
        if partner != VOICE:
            return await self._post.send(partner, delivery)
        try:
            return await self._tell(delivery)
        except (IvrError, TimeoutError, OSError) as away:
            log.warning("notice_waits", delivery=delivery.id, reason=str(away) or type(away).__name__)
            return _LATER

    async def _tell(self, delivery: Delivery) -> Receipt:
        if not self._link_up() or self._line is None:
            return _LATER
        earlier = await self._notices.earlier(delivery.id)
        for call in earlier:
            if not call.ended and call.result is None:
                return await self._end_of(delivery, call.linked_id)
        if earlier and earlier[-1].result in DELIVERED:
            return _receipt(earlier[-1])
        number = await self._recipients.telephone(delivery.content["order"]["number"], self._fit)
        if not number or delivery.event not in WORDS:
            return Receipt(None, "", withdrawn=True)
        if await self._calls.room(self._line) <= self._line.channel_cap // 2:
            return _LATER
        order = delivery.content["order"]["number"]
        linked_id = await self._notices.begin(delivery.id, order, delivery.event, number, self._system)
        if not linked_id:
            return _LATER
        log.info("notice_dialled", delivery=delivery.id, linked_id=linked_id)
        try:
            await self._calls.tell(
                NoticeCall(linked_id, number, self._line, WORDS[delivery.event], parse(order).short, self._ring_s)
            )
        except (CallRefused, ValueError) as refused:
            log.warning("notice_not_placed", linked_id=linked_id, reason=str(refused))
            await self._notices.not_placed(linked_id)
            return Receipt(None, RESULT_WORDS["not_placed"])
        return await self._end_of(delivery, linked_id)

    async def _end_of(self, delivery: Delivery, linked_id: str) -> Receipt:
        """What the call came to, as soon as the ledger tells; one that never was is found out and closed."""
        async with asyncio.timeout(self.longest_s(self._ring_s)):
            while True:
                call = next(c for c in await self._notices.earlier(delivery.id) if c.linked_id == linked_id)
                if call.result is not None:
                    return _receipt(call)
                if not call.told and call.age_s > self._look_up_after_s and not await self._calls.is_live(linked_id):
                    await self._until_read()
                    again = next(c for c in await self._notices.earlier(delivery.id) if c.linked_id == linked_id)
                    if not again.told:
                        log.warning("notice_not_placed", linked_id=linked_id, reason="no call came of it")
                        await self._notices.not_placed(linked_id)
                await asyncio.sleep(_LOOK_EVERY_S)

    async def _until_read(self) -> None:
        try:
            await self._read_ledger(_LEDGER_WITHIN_S)
        except TimeoutError:
            raise Unavailable("the ledger cannot be read to its end") from None


def _receipt(call: EarlierCall) -> Receipt:
    assert call.result is not None
    if call.result in DELIVERED:
        return Receipt(None, "")
    # No call, or one that Asterisk's own end broke off, is no try of the citizen's telephone.
    return Receipt(None, RESULT_WORDS[call.result], postponed=call.result in ("not_placed", "interrupted"))
