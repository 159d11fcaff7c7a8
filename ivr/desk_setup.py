"""From the settings to operators' desks: which seats are pages, who keeps them at the exchange, who leases them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ivr.domain.seat_state import SeatRules
from ivr.domain.video_room import ADVISER, STATION
from ivr.exchange_setup import credentials, database_url, seat_line, waiting_lines
from ivr.pipeline.keep_seats import CommandCarrier, SeatKeeper
from ivr.pipeline.watch_seats import LostSeatWatch
from ivr.ports.desk import BrowserSeat, DeskServices, SeatControl, SeatLegs
from ivr.ports.rooms import Third
from ivr.settings import Settings
from ivr.storage.database import connect
from ivr.storage.desk import CHANNEL, PostgresCommands, PostgresSeats
from ivr.storage.feed import PostgresFeed
from ivr.storage.own_day import DeskSeat, PostgresOwnDays
from ivr.storage.people import PostgresMediators
from ivr.storage.rooms import PostgresRooms

if TYPE_CHECKING:
    from ivr.storage.database import Pool


class CommandHints:
    """Hears that a command was asked for; a task of the controller."""

    def __init__(self, feed: PostgresFeed) -> None:
        self._feed = feed

    async def run(self) -> None:
        """Ends only when cancelled."""
        await self._feed.listen()


def page_interfaces(settings: Settings) -> frozenset[str]:
    """The seats that are pages, as queues name them."""
    return frozenset(f"PJSIP/seat-{seat.name}" for seat in settings.seats if seat.browser)


def lost_seat_watch(settings: Settings, legs: SeatLegs) -> LostSeatWatch:
    """Who finds telephones that are gone in the middle of a call."""
    return LostSeatWatch(page_interfaces(settings), legs)


def seat_keeper(settings: Settings, control: SeatControl) -> SeatKeeper:
    """Wrap-ups and unanswered rings of the seats that are pages."""
    wrap_up_s = {q["name"]: float(q["wrap_up_s"]) for q in waiting_lines(settings)}
    return SeatKeeper(SeatRules(page_interfaces(settings), wrap_up_s), control)


def command_carrier(
    settings: Settings, pool: Pool, control: SeatControl, page_gone: Callable[[str], None]
) -> tuple[CommandCarrier, CommandHints]:
    """Who carries out what pages ask of the exchange, and what must run for it."""
    url = database_url(settings)
    feed = PostgresFeed(pool, lambda: connect(url, application="commands"), channel=CHANNEL)
    return CommandCarrier(PostgresCommands(pool, feed), PostgresSeats(pool), control, page_gone), CommandHints(feed)


async def desk_services(settings: Settings, pool: Pool) -> DeskServices:
    """What the web process needs; it reads the install's secrets only where a seat is a page."""
    pages = [seat for seat in settings.seats if seat.browser]
    secrets = (await asyncio.to_thread(credentials, settings)).endpoints if pages else {}
    wrap_up_s = {q["name"]: int(q["wrap_up_s"]) for q in waiting_lines(settings)}
    seats = {
        s.name: BrowserSeat(
            s.name, s.operator, s.work_number, tuple(s.queues),
            max((wrap_up_s[queue] for queue in seat_line(s)["queues"]), default=0), secrets[f"seat-{s.name}"],
        ) for s in pages
    }
    port = settings.asterisk.wss_port if settings.web.tls != "off" else None
    phones = {s.name: DeskSeat(s.operator or s.name, "" if s.browser else s.work_number) for s in settings.seats}
    thirds = [Third(STATION, ""), Third(ADVISER, "")]
    thirds += [Third(s.work_number, s.operator or s.name) for s in settings.seats if s.work_number]
    thirds += [Third(d.extension, d.name) for d in settings.duty_numbers if d.extension and settings.trunks]
    return DeskServices(
        seats, PostgresSeats(pool), PostgresCommands(pool), port, days=PostgresOwnDays(pool, phones), rooms=PostgresRooms(pool),
        thirds=thirds, mediators=PostgresMediators(pool) if settings.trunks else None,
    )
