"""From the settings to video rooms: who can be asked in, and who rings them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ivr.desk_setup import CommandHints
from ivr.exchange_setup import database_url, seat_line
from ivr.pipeline.keep_films import FilmKeeper
from ivr.pipeline.keep_rooms import RoomKeeper
from ivr.ports.callbacks import OutgoingLine
from ivr.settings import Settings
from ivr.speech.film_spool import RoomFilmSpool
from ivr.storage.database import connect
from ivr.storage.feed import PostgresFeed
from ivr.storage.films import PostgresFilmBook
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
        shown=settings.hotline.number, ring_s=settings.hotline.transfer_ring_s, films=settings.village.film,
    )
    keeper = RoomKeeper(PostgresRooms(pool, feed), door, settings.asterisk.name, disk=film_spool(settings).problem)
    return keeper, CommandHints(feed)


def film_spool(settings: Settings) -> RoomFilmSpool:
    """Where rooms' pictures lie, and how much of them may."""
    return RoomFilmSpool(
        settings.recordings_dir, reserve_bytes=settings.disk_reserve_mb << 20, bound_bytes=settings.village.film_disk_mb << 20
    )


def film_keeper(settings: Settings, pool: Pool) -> FilmKeeper:
    """What makes a playable file of them; it runs whether or not more is recorded, for what was."""
    return FilmKeeper(film_spool(settings), PostgresFilmBook(pool))
