"""From the settings to video rooms: who can be asked in, and who rings them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ivr.desk_setup import CommandHints
from ivr.exchange_setup import database_url, seat_line
from ivr.pipeline.keep_rooms import RoomKeeper
from ivr.ports.callbacks import OutgoingLine
from ivr.settings import Settings
from ivr.storage.database import connect
from ivr.storage.feed import PostgresFeed
from ivr.storage.people import PostgresMediators
from ivr.storage.rooms import CHANNEL, PostgresRooms
from ivr.telephony.ami import AmiClient
from ivr.telephony.rooms import AsteriskRoomDoor, Mediation, OutsideTelephone
from ivr.telephony.supervision import AsteriskListeningPost

if TYPE_CHECKING:
    from ivr.storage.database import Pool


def room_keeper(
    settings: Settings, pool: Pool, client: AmiClient, post: AsteriskListeningPost,
    lines: dict[str, OutgoingLine], free: Callable[[OutgoingLine], Awaitable[int]],
) -> tuple[RoomKeeper, CommandHints]:
    """Who rings the third, and what must run for it."""
    url = database_url(settings)
    feed = PostgresFeed(pool, lambda: connect(url, application="rooms"), channel=CHANNEL)
    seats = {
        s.work_number: (f"seat-{s.name}", next(iter(seat_line(s)["queues"]), "")) for s in settings.seats if s.work_number
    }
    first = next(iter(lines.values()), None)
    outside = {d.extension: OutsideTelephone(d.number, first) for d in settings.duty_numbers if d.extension and first}
    door = AsteriskRoomDoor(
        client, post, seats, outside, free, Mediation(PostgresMediators(pool).phone, first),
        shown=settings.hotline.number, ring_s=settings.hotline.transfer_ring_s,
    )
    return RoomKeeper(PostgresRooms(pool, feed), door, settings.asterisk.name), CommandHints(feed)
