"""From the settings to the supervisors' room: whose calls may be watched, and who calls the supervisor's telephone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.desk_setup import CommandHints
from ivr.exchange_setup import database_url
from ivr.pipeline.supervise import WatchKeeper
from ivr.ports.supervision import ListeningPost, SupervisedSeat, SupervisionServices
from ivr.settings import Settings
from ivr.storage.database import connect
from ivr.storage.feed import PostgresFeed
from ivr.storage.supervision import CHANNEL, PostgresSupervision

if TYPE_CHECKING:
    from ivr.storage.database import Pool


def watch_keeper(settings: Settings, pool: Pool, post: ListeningPost) -> tuple[WatchKeeper, CommandHints]:
    """Who carries out watches, and what must run for it."""
    url = database_url(settings)
    feed = PostgresFeed(pool, lambda: connect(url, application="watches"), channel=CHANNEL)
    return WatchKeeper(PostgresSupervision(pool, feed), post, settings.asterisk.name), CommandHints(feed)


def supervision_services(settings: Settings, pool: Pool) -> SupervisionServices:
    """What the web process needs."""
    seats = {
        s.name: SupervisedSeat(s.name, s.operator, s.work_number, tuple(s.queues), s.browser) for s in settings.seats
    }
    return SupervisionServices(seats, PostgresSupervision(pool))
