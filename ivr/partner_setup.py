"""What the settings make of partners: whom events go to, by which secrets, and who may file tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from ivr.domain.delivery import RetryRules
from ivr.domain.notices import NoticeRules
from ivr.domain.worktime import SHANGHAI
from ivr.intake_tables import shipped_tables
from ivr.pipeline.deliver_events import EventDeliverer
from ivr.pipeline.watch_tasks import UrgentTaskWatch
from ivr.ports.partners import Partner, PartnerServices
from ivr.ports.pipeline import Alarms
from ivr.settings import Settings
from ivr.storage.inbound import PostgresInbox
from ivr.storage.outbox import PostgresOutbox
from ivr.web.inbound_scheme import SignedScheme
from ivr.web.notices import GATEWAY, NoticePost
from ivr.web.webhooks import WebhookPost

if TYPE_CHECKING:
    from ivr.storage.database import Pool


def partner_services(settings: Settings, pool: Pool) -> PartnerServices:
    """What the HTTP edge serves partners with."""
    secrets = {p.name: p.secret.get_secret_value().encode() for p in settings.partners if p.inbound}
    return PartnerServices(SignedScheme(secrets), _inbox(pool), PostgresOutbox(pool))


@asynccontextmanager
async def partner_tasks(
    settings: Settings, pool: Pool, alarms: Alarms
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
        partners.append(Partner(GATEWAY, frozenset(notices.texts), citizens=True))

    def quiet(partner: str) -> bool:
        return partner == GATEWAY and rules.quiet_at(datetime.now(SHANGHAI).time())

    async with WebhookPost(addresses, timeout_s=delivery.timeout_s) as post:
        deliverer = EventDeliverer(
            outbox, NoticePost(post, outbox, rules), partners, retries, alarms, attempt_s=delivery.timeout_s,
            keep_days=delivery.keep_days, quiet=quiet,
        )
        yield deliverer, UrgentTaskWatch(_inbox(pool), delivery.urgent_accept_minutes * 60)


def _inbox(pool: Pool) -> PostgresInbox:
    return PostgresInbox(pool, shipped_tables().current.version)
