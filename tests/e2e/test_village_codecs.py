"""H.264 between a village and its town's station goes through byte by byte, in a room of three too, which is recorded; without a shared codec there is sound."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import av
import pytest
import pytest_asyncio

from ivr.bootstrap import patient_pool
from ivr.exchange_setup import credentials
from ivr.storage.rooms import PostgresRooms
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import command
from tests.e2e.video_phone import VideoPhone
from tests.e2e.village import HEAD, eventually, secret_of
from tests.fakes.stored_video import h264_payload

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

DEVICE, OTHER, ADVISED, STATION = "v-640105001-L01-1", "v-640105001-L01-2", "v-640105001-L02-1", "v-640105001-1"
MORE = """
[village]
prompts = "normal"
film = true

[[seats]]
name = "three"
operator = "赵律师"
work_number = "8001"
"""
FMTP = "profile-level-id=42e01f;packetization-mode=1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[RunningHotline]:
    async with running_hotline(MORE) as running:
        rows = f"{DEVICE},康庄社区,,,,,\n{OTHER},康庄社区,,,,,\n{ADVISED},西花园社区,,8001,,,\n{STATION},640105001,,,,,\n"
        (running.folder / "devices.csv").write_text(HEAD + rows)
        await running.cli("devices", "import", str(running.folder / "devices.csv"))
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secrets(product: RunningHotline) -> dict[str, str]:
    return {name: await secret_of(product, name) for name in (DEVICE, OTHER, ADVISED, STATION)}


async def reaches(sender: VideoPhone, hearer: VideoPhone, medium: str, payload: bytes) -> None:
    """Sent until it is there, because Asterisk learns where a phone is from its first packets."""
    async with asyncio.timeout(30):
        while payload not in hearer.heard(medium):
            sender.send(medium, payload)
            await asyncio.sleep(0.05)


async def test_h264_passes_unchanged_and_without_a_shared_codec_sound_remains(product: RunningHotline, secrets: dict[str, str]) -> None:
    for device, codec, fmtp in ((DEVICE, "H264", FMTP), (OTHER, "VP8", "")):
        async with VideoPhone(product.sip, STATION, secrets[STATION], "H264", FMTP) as station, VideoPhone(
            product.sip, device, secrets[device], codec, fmtp
        ) as phone:

            async def registers(both: tuple[VideoPhone, ...] = (station, phone)) -> bool:
                return {await one.register() for one in both} == {200}

            await eventually(registers)
            assert await phone.call("3") == 200
            async with asyncio.timeout(60):
                await station.rung.wait()
            tone = os.urandom(160)
            await asyncio.gather(reaches(phone, station, "audio", tone), reaches(station, phone, "audio", tone[::-1]))
            if codec == "H264":
                for sdp in (station.invite, phone.answer):
                    assert "H264/90000" in sdp and "profile-level-id=42e01f" in sdp.lower() and "packetization-mode=1" in sdp.lower()
                frame = b"\x67\x42\xe0\x1f" + os.urandom(900)
                await asyncio.gather(reaches(phone, station, "video", frame), reaches(station, phone, "video", frame[::-1]))
            else:
                for _ in range(20):
                    station.send("video", b"h264")
                    phone.send("video", b"\x10vp8")
                    await asyncio.sleep(0.02)
                last = os.urandom(160)
                await asyncio.gather(reaches(phone, station, "audio", last), reaches(station, phone, "audio", last[::-1]))
            await product.cli("devices", "block", device, "--reason", "测试结束")
    assert "ERROR" not in product.asterisk_log
    assert not [file for name in ("filming", "films") for file in product.recordings.rglob(f"{name}/*")], "the picture of two is never recorded"


async def test_a_room_of_three_speaks_the_villages_codec_alone(product: RunningHotline, secrets: dict[str, str]) -> None:
    seat = credentials(product.settings).endpoints["seat-three"]
    async with VideoPhone(product.sip, ADVISED, secrets[ADVISED], "H264", FMTP) as phone, VideoPhone(
        product.sip, "seat-three", seat, "H264", FMTP
    ) as lawyer, VideoPhone(product.sip, STATION, secrets[STATION], "H264", FMTP) as station:

        async def register() -> bool:
            return {await one.register() for one in (phone, lawyer, station)} == {200}

        await eventually(register)
        assert await phone.call("1") == 200
        async with asyncio.timeout(60):
            await lawyer.rung.wait()
        tone = os.urandom(160)
        await asyncio.gather(reaches(phone, lawyer, "audio", tone), reaches(lawyer, phone, "audio", tone[::-1]))
        await asyncio.gather(reaches(phone, lawyer, "video", b"\x65" + tone), reaches(lawyer, phone, "video", b"\x65" + tone[::-1]))
        async with patient_pool(product.settings, "tests", size=1) as pool:
            rooms = PostgresRooms(pool)

            async def film_is(state: str) -> bool:
                last = await rooms.latest("three", "tests")
                return last is not None and last.film == state

            await rooms.invite("three", "station", "tests")
            async with asyncio.timeout(60):
                await station.rung.wait()
            offered = station.invite[station.invite.index("m=video") :]
            assert "H264/90000" in offered and "VP8" not in offered, offered
            await eventually(partial(film_is, "on"), within_s=60)
            for speaker, others, shade in ((phone, (lawyer, station), 60), (station, (phone, lawyer), 150)):
                frame = h264_payload(shade)
                async with talking(speaker, frame):
                    await eventually(partial(is_there, others, frame), within_s=60)
            await rooms.stop_film("three", "tests")
            await eventually(partial(film_is, "over"))
            frame = h264_payload(230)
            async with talking(phone, frame):
                await eventually(partial(is_there, (lawyer, station), frame), within_s=60)
            await command(product, "channel request hangup all")
            film = await kept_film(pool)
    assert (film["problem"], film["media_type"], film["third_told"], film["width"]) == ("", "video/mp4", STATION, 96), film
    with av.open(str(product.recordings / film["path"])) as shown:
        shades = [int(picture.to_ndarray(format="gray")[-10:].mean()) for picture in shown.decode(video=0)]
    seen = [next((n for n, shade in enumerate(shades) if abs(shade - wanted) < 20), -1) for wanted in (60, 150)]
    assert -1 < seen[0] < seen[1] and max(shades) < 200, f"who spoke, one after the other, and nothing after it was stopped: {seen} {max(shades)}"
    assert "ERROR" not in product.asterisk_log


async def kept_film(pool: Pool, within_s: float = 40) -> dict[str, Any]:
    """The only film there is, once its call is over."""
    async with asyncio.timeout(within_s):
        while not (rows := await pool.fetch("SELECT * FROM room_film")):
            await asyncio.sleep(0.3)
    (row,) = rows
    return dict(row)


async def is_there(phones: tuple[VideoPhone, ...], frame: bytes) -> bool:
    """All of them were shown it, byte by byte."""
    return all(frame in phone.heard("video") for phone in phones)


@asynccontextmanager
async def talking(phone: VideoPhone, frame: bytes) -> AsyncIterator[None]:
    """It speaks (noise, as loud as can be) and shows one picture again and again: a room shows who speaks."""

    async def speak() -> None:
        while True:
            phone.send("audio", os.urandom(160))
            phone.send("video", frame)
            await asyncio.sleep(0.02)

    speaking = asyncio.create_task(speak())
    try:
        yield
    finally:
        speaking.cancel()
        with suppress(asyncio.CancelledError):
            await speaking
