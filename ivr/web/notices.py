"""Notices to citizens by a message gateway (SMS, WeChat): a signed webhook of its own shape, like any partner's in all else."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from ivr.domain.delivery import EventName
from ivr.domain.notices import MOBILE, NoticeRules
from ivr.ports.partners import Delivery, PartnerPost, Receipt, Recipients

GATEWAY = "notices"
"""The gateway's name among the partners; a partner's own name may not be this one."""


class NoticePost:
    """ivr.ports.partners.PartnerPost for the gateway, and for every other partner what it wraps.

    The telephone is looked up when the message goes out, and is in no row of the outbox. The voice call is
    ivr/pipeline/call_notices.py; another channel is another class like these.
    """

    def __init__(self, post: PartnerPost, recipients: Recipients, rules: NoticeRules) -> None:
        self._post = post
        self._recipients = recipients
        self._rules = rules

    async def send(self, partner: str, delivery: Delivery) -> Receipt:
        """See the port. An order that became confidential meanwhile, or lost its telephone, is told to nobody."""
        if partner != GATEWAY:
            return await self._post.send(partner, delivery)
        order = delivery.content["order"]["number"]
        to = await self._recipients.telephone(order, MOBILE)
        event = cast(EventName, delivery.event)
        if not to or event not in self._rules.texts:
            return Receipt(None, "", withdrawn=True)
        content = {"id": delivery.event_id, "event": event, "order": order, "to": to, "text": self._rules.text(event, order)}
        return await self._post.send(partner, replace(delivery, content=content))
