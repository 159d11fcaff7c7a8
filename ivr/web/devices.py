"""Village video phones over HTTP: every device with the one word that is true of it, its history, and what may be done to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from ivr.domain.device import village_of
from ivr.domain.device_test import DeviceTest, Outcome
from ivr.domain.errors import NotFound
from ivr.domain.media_quality import MediaQuality
from ivr.domain.worktime import SHANGHAI
from ivr.ports.devices import DeviceRecord, DeviceRegister
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.models import Moment
from ivr.web.query import NoQuery, read_body, read_query


class DeviceRow(BaseModel):
    """One device. ``use``: ``used`` (a call within ``village.silent_days``), ``unused`` (could be), ``unusable`` since and why.

    ``village`` is the town's code for a town's station. ``calls`` are those of these days; ``sentence`` says it all, in Chinese.
    """

    device: str
    village: str
    village_name: str
    town: str
    helper: str
    adviser: str
    place: str
    model: str
    speciality: str
    state: Literal["active", "blocked"]
    use: Literal["used", "unused", "unusable"]
    since: Moment | None
    reason: str
    registered_at: Moment | None
    secret_shown: bool = Field(description="whether its secret was shown to whoever set it up; a secret is shown once")
    user_agent: str
    round_trip_ms: float | None
    last_call: Moment | None
    calls: int
    poor_line: bool = Field(description="its last calls lost much, or came late: two poor calls in a row, until three good ones")
    fallbacks: list[str] = Field(description="what its last calls had to do without and why, each a sentence in Chinese")
    sentence: str = Field(description="used, could be used but is not, or could not be since and because, and what that rests on")
    self_test: bool = Field(description="whether it answers a self-test by itself, and is tested every night")


class DeviceTown(BaseModel):
    """A town with the devices of its villages and its own; ``without`` names its villages that have none."""

    town: str
    name: str
    devices: list[DeviceRow]
    without: list[str]


class DeviceList(BaseModel):
    """Every town. ``as_of`` is when the exchange was asked last who is registered, ``stale`` that this is too long ago."""

    towns: list[DeviceTown]
    as_of: Moment | None
    stale: bool


class DeviceEventRow(BaseModel):
    """Something that happened; ``actor`` is '' for the exchange."""

    at: Moment
    kind: str
    actor: str
    reason: str


class MediaRow(BaseModel):
    """How one medium of a call travelled, by RTCP, the worse way of the two; ``loss`` is a share from 0 to 1."""

    medium: Literal["audio", "video"]
    loss: float
    jitter_ms: float
    round_trip_ms: float
    packets_received: int
    packets_sent: int
    poor: bool


class DeviceCallRow(BaseModel):
    """A call of the device; ``ladder`` is how the ladder went, ``step:why`` in order."""

    linked_id: str
    arrived_at: Moment
    outcome: str | None
    ladder: str
    order: str
    media: list[MediaRow]


class DeviceTestRow(BaseModel):
    """A finished self-test; ``asked_by`` is '' for the nightly round. Delay and level are the echo's, null where none was heard."""

    night: date
    asked_by: str
    ended_at: Moment
    outcome: Outcome
    reason: str
    delay_ms: float | None
    level_db: float | None


class DeviceHistoryAnswer(BaseModel):
    """The latest first, at most 200 events, 50 calls and 20 self-tests."""

    device: str
    events: list[DeviceEventRow]
    calls: list[DeviceCallRow]
    tests: list[DeviceTestRow]


class TestAsked(BaseModel):
    """The number of the self-test; one that was asked for already stands."""

    __test__ = False

    device: str
    test: int


class DeviceAct(BaseModel):
    """Why it is done, for those who read the record later."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Annotated[str, StringConstraints(min_length=1, max_length=200)]


_ACT = TypeAdapter(DeviceAct)


async def list_devices(request: web.Request) -> web.Response:
    """GET /api/v1/devices."""
    read_query(request, NoQuery)
    return answer(_listed(await request.app[SERVICES].devices.register()))


async def show_history(request: web.Request) -> web.Response:
    """GET /api/v1/devices/{device}/history."""
    read_query(request, NoQuery)
    device = _named(request)
    history = await request.app[SERVICES].devices.history(device)
    return answer(DeviceHistoryAnswer(
        device=device,
        events=[DeviceEventRow(at=_shown(e.at), kind=e.kind, actor=e.actor, reason=e.reason) for e in history.events],
        calls=[
            DeviceCallRow(
                linked_id=c.linked_id, arrived_at=_shown(c.arrived_at), outcome=c.outcome, ladder=c.ladder, order=c.order,
                media=[_media_row(m) for m in c.media],
            ) for c in history.calls
        ],
        tests=[_test_row(test) for test in history.tests],
    ))


async def block(request: web.Request) -> web.Response:
    """POST /api/v1/devices/{device}/block: within a few seconds its registration and calls are over; audited."""
    return await _act(request, request.app[SERVICES].devices.block)


async def unblock(request: web.Request) -> web.Response:
    """POST /api/v1/devices/{device}/unblock: it may register again, with the secret it had; audited."""
    return await _act(request, request.app[SERVICES].devices.unblock)


async def rotate(request: web.Request) -> web.Response:
    """POST /api/v1/devices/{device}/rotate: its secret is worthless; the new one is shown on the server alone; audited."""
    return await _act(request, request.app[SERVICES].devices.rotate)


async def test(request: web.Request) -> web.Response:
    """POST /api/v1/devices/{device}/test: a self-test now, of a device that answers by itself; audited."""
    read_query(request, NoQuery)
    wish = await read_body(request, _ACT, request.app[OPTIONS].body_limit_bytes)
    device = _named(request)
    number = await request.app[SERVICES].devices.test(device, request[IDENTITY].actor, wish.reason)
    return answer(TestAsked(device=device, test=number))


async def _act(request: web.Request, act: Callable[[str, str, str], Awaitable[None]]) -> web.Response:
    read_query(request, NoQuery)
    wish = await read_body(request, _ACT, request.app[OPTIONS].body_limit_bytes)
    await act(_named(request), request[IDENTITY].actor, wish.reason)
    return answer(_listed(await request.app[SERVICES].devices.register()))


def _named(request: web.Request) -> str:
    device = request.match_info["device"]
    if not village_of(device):
        raise NotFound(f"There is no device {device[:40]}.")
    return device


def _listed(register: DeviceRegister) -> DeviceList:
    have = {r.device.village for r in register.devices}
    towns = [
        DeviceTown(
            town=code, name=name, devices=[_row(r, register) for r in register.devices if r.device.town == code],
            without=[village for place, village, town in register.villages if town == code and place not in have],
        ) for code, name in register.towns
    ]
    return DeviceList(towns=towns, as_of=_moment(register.as_of), stale=register.stale)


def _row(record: DeviceRecord, register: DeviceRegister) -> DeviceRow:
    device, verdict = record.device, register.verdict(record)
    return DeviceRow(
        device=device.id, village=device.village, village_name=record.village_name, town=device.town, helper=device.helper,
        adviser=device.adviser, place=device.place, model=device.model, speciality=device.speciality, state=device.state,
        use=verdict.use, since=_moment(verdict.since), reason=verdict.reason, registered_at=_moment(record.registered_at),
        secret_shown=record.shown_at is not None, user_agent=record.user_agent, round_trip_ms=record.round_trip_ms,
        last_call=_moment(record.last_call), calls=record.calls, poor_line=record.poor_line, sentence=register.sentence(record),
        self_test=device.self_test, fallbacks=list(record.fallbacks),
    )


def _test_row(test: DeviceTest) -> DeviceTestRow:
    return DeviceTestRow(
        night=test.night, asked_by=test.asked_by, ended_at=_shown(test.ended_at), outcome=test.outcome, reason=test.reason,
        delay_ms=None if test.delay_ms is None else round(test.delay_ms, 1),
        level_db=None if test.level_db is None else round(test.level_db, 1),
    )


def _media_row(media: MediaQuality) -> MediaRow:
    return MediaRow(
        medium=media.medium, loss=round(media.loss, 4), jitter_ms=round(media.jitter_ms, 1), poor=media.poor,
        round_trip_ms=round(media.round_trip_ms, 1), packets_received=media.received, packets_sent=media.sent,
    )


def _moment(at: datetime | None) -> datetime | None:
    return None if at is None else _shown(at)


def _shown(at: datetime) -> datetime:
    return at.astimezone(SHANGHAI)
