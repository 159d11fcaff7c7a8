"""What the settings make of partners: whom events go to, by which secrets, and who may file tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ivr.domain.callback import DIALABLE
from ivr.domain.delivery import RetryRules
from ivr.domain.notices import MOBILE, NoticeRules
from ivr.domain.voice_notice import LANDLINE, VOICE
from ivr.domain.worktime import SHANGHAI
from ivr.intake_tables import shipped_tables
from ivr.pipeline.call_notices import VoicePost
from ivr.pipeline.deliver_events import EventDeliverer, Lane
from ivr.pipeline.watch_tasks import UrgentTaskWatch
from ivr.ports.callbacks import OutgoingLine
from ivr.ports.partners import Partner, PartnerPost, PartnerServices
from ivr.ports.pipeline import Alarms
from ivr.ports.voice_notices import NoticeCalls
from ivr.settings import Settings
from ivr.storage.inbound import PostgresInbox
from ivr.storage.outbox import PostgresOutbox
from ivr.storage.voice_notices import PostgresVoiceNotices
from ivr.web.inbound_scheme import SignedScheme
from ivr.web.notices import GATEWAY, NoticePost
from ivr.web.webhooks import WebhookPost

if TYPE_CHECKING:
    from ivr.storage.database import Pool


_LONGEST_VOICE_RETRY_S = 14_400.0


def partner_services(settings: Settings, pool: Pool) -> PartnerServices:
    """What the HTTP edge serves partners with."""
    secrets = {p.name: p.secret.get_secret_value().encode() for p in settings.partners if p.inbound}
    return PartnerServices(SignedScheme(secrets), _inbox(pool), PostgresOutbox(pool))


@dataclass(frozen=True, slots=True)
class VoiceRoad:
    """How notices are spoken: the exchange, its ledger, the lines by name, and whether Asterisk can be told anything."""

    calls: NoticeCalls
    read_ledger: Callable[[float], Awaitable[None]]
    lines: Mapping[str, OutgoingLine]
    link_up: Callable[[], bool]


@asynccontextmanager
async def partner_tasks(
    settings: Settings, pool: Pool, alarms: Alarms, road: VoiceRoad
) -> AsyncIterator[tuple[EventDeliverer, UrgentTaskWatch]]:
    """What the controller runs for partners; the wire to them is open meanwhile."""
    delivery, told = settings.delivery, [p for p in settings.partners if p.url]
    addresses = {p.name: (p.url, p.secret.get_secret_value().encode()) for p in told}
    partners = [Partner(p.name, frozenset(p.events), p.own_only) for p in told]
    retries = RetryRules(delivery.first_retry_s, delivery.longest_retry_s, delivery.tries)
    notices, outbox = settings.notices, PostgresOutbox(pool)
    rules = NoticeRules(notices.texts, notices.quiet_from, notices.quiet_until)
    if notices.url and notices.secret is not None:
        addresses[GATEWAY] = (notices.url, notices.secret.get_secret_value().encode())
        partners.append(Partner(GATEWAY, frozenset(notices.texts), citizens=MOBILE))
    fit = {"off": "", "landlines": LANDLINE, "all": DIALABLE}[notices.voice]
    lanes = {}
    if fit:
        partners.append(Partner(VOICE, frozenset(notices.voice_events), citizens=fit))
        again = RetryRules(notices.voice_retry_s, max(notices.voice_retry_s, _LONGEST_VOICE_RETRY_S), notices.voice_tries)
        lanes[VOICE] = Lane(again, VoicePost.longest_s(notices.voice_ring_s), notices.voice_at_once, told_held=False)

    def quiet(partner: str) -> bool:
        return partner in (GATEWAY, VOICE) and rules.quiet_at(datetime.now(SHANGHAI).time())

    async with WebhookPost(addresses, timeout_s=delivery.timeout_s) as post:
        told_by: PartnerPost = NoticePost(post, outbox, rules)
        if fit:
            told_by = VoicePost(
                told_by, outbox, PostgresVoiceNotices(pool), road.calls, road.read_ledger, road.lines, settings.asterisk.name,
                fit=fit, ring_s=notices.voice_ring_s, link_up=road.link_up,
            )
        deliverer = EventDeliverer(
            outbox, told_by, partners, retries, alarms, attempt_s=delivery.timeout_s, keep_days=delivery.keep_days, quiet=quiet,
            lanes=lanes,
        )
        yield deliverer, UrgentTaskWatch(_inbox(pool), delivery.urgent_accept_minutes * 60)


def _inbox(pool: Pool) -> PostgresInbox:
    return PostgresInbox(pool, shipped_tables().current.version)
