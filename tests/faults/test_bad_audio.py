"""Files no honest recorder leaves, through spool, collector, worker and pages: each ends, none holds up another."""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import pytest_asyncio

from ivr.speech.audio import Samples, wav_header
from tests.e2e.hotline import RunningHotline
from tests.fakes.sound import noise, silence, spoken, tone, write_wav
from tests.faults.conftest import FULL
from tests.faults.planted import PlantedCall, Put, differences, family, rss_kb
from tests.faults.witness import rows

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="session")]

AID = "我想申请法律援助"
MOST_RSS_KB = 400 << 10
TEN_HOURS = 10 * 3600 * 8_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(sturdy: RunningHotline) -> RunningHotline:
    """Nothing here may harm it."""
    return sturdy


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def unheard(product: RunningHotline) -> PlantedCall:
    """An answered call of a minute ago whose files are headers alone; it is looked after in the background."""
    call = PlantedCall.new(product, ended_at=time.time() - 120)
    call.record(raw(wav_header(8_000, 1, 0)), raw(wav_header(8_000, 1, 0)))
    call.tell()
    return call


def heard() -> Samples:
    return np.concatenate([silence(0.5, 8), spoken(AID), silence(0.5, 8)])


def whole(path: Path) -> Path:
    return write_wav(path, heard())


def raw(data: bytes) -> Put:
    return lambda path: path.write_bytes(data)


def sized(riff: int, data: int, tail: bytes = b"") -> Put:
    """A good recording whose header says something else of its size."""
    def put(path: Path) -> None:
        held = bytearray(whole(path).read_bytes()) + tail
        held[4:8], held[40:44] = struct.pack("<I", riff), struct.pack("<I", data)
        path.write_bytes(held)
    return put


def formatted(tag: int, bits: int, body: bytes, rate: int = 8_000) -> Put:
    width = bits // 8
    fmt = struct.pack("<HHIIHH", tag, 1, rate, rate * width, width, bits)
    return raw(b"RIFF" + struct.pack("<I", 36 + len(body)) + b"WAVEfmt \x10\0\0\0" + fmt + b"data" + struct.pack("<I", len(body)) + body)


def link(path: Path) -> None:
    """To a recording elsewhere on this machine, which is not this call's to hear."""
    path.symlink_to(whole(path.parent.parent.parent / f"elsewhere-{path.name}"))


FLOATS = np.full(8_000, np.nan, dtype="<f4").tobytes()
QUARANTINED, SILENT, HEARD = {"quarantined"}, {"no_speech"}, {"transcribed"}
BAD: dict[str, tuple[Put, set[str], str]] = {
    "0 bytes": (raw(b""), QUARANTINED, "is empty"),
    "30 bytes": (raw(wav_header(8_000, 1, 0)[:30]), QUARANTINED, "cut short"),
    "header only": (raw(wav_header(8_000, 1, 0)), SILENT, ""),
    "sizes of 0": (sized(0, 0), HEARD, ""),
    "sizes of 2^31-1": (sized(2**31 - 1, 2**31 - 1), HEARD, ""),
    "sizes of 2^32-1": (sized(2**32 - 1, 2**32 - 1), HEARD, ""),
    "cut mid-frame": (sized(0, 0, b"\x7f"), HEARD, ""),
    "float, NaN": (formatted(3, 32, FLOATS), QUARANTINED, "floating point"),
    "mu-law": (formatted(7, 8, b"\xff" * 8_000), QUARANTINED, "mu-law"),
    "24 bit": (formatted(1, 24, bytes(24_000)), QUARANTINED, "24-bit"),
    "stereo": (lambda path: write_wav(path, heard(), channels=2), QUARANTINED, "2 channels"),
    "44.1 kHz": (lambda path: write_wav(path, spoken(AID, rate=44_100), rate=44_100), HEARD, ""),
    "2 kHz": (lambda path: write_wav(path, tone(1, rate=2_000), rate=2_000), QUARANTINED, "2000 samples"),
    "text": (raw(b"not a recording at all\n" * 400), QUARANTINED, "not a WAV"),
    "silence": (lambda path: write_wav(path, silence(20)), SILENT, ""),
    "noise": (lambda path: write_wav(path, noise(5, 30_000)), SILENT | HEARD, ""),
    "a link": (link, QUARANTINED, "is a link"),
    "a FIFO": (os.mkfifo, QUARANTINED, "not a plain file"),
    "a folder": (lambda path: path.mkdir(), QUARANTINED, "is a folder"),
    "missing": (lambda path: None, QUARANTINED, "not on disk"),
}


def digest(path: Path) -> str:
    """Of a plain file's bytes; a link's own name; '' for what cannot be read."""
    if path.is_symlink():
        return os.readlink(path)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


async def asked(product: RunningHotline, path: str, **headers: str) -> tuple[int, str, int]:
    """Status, media type and bytes of what the web server answers; it must answer."""
    async with (
        aiohttp.ClientSession(product.url, headers={"Authorization": f"Bearer {product.token}"} | headers) as client,
        client.get(f"/api/v1{path}", timeout=aiohttp.ClientTimeout(total=20)) as answer,
    ):
        size = 0
        async for chunk in answer.content.iter_chunked(1 << 16):
            size += len(chunk)
        return answer.status, answer.content_type, size


async def test_each_bad_file_ends_and_its_call_has_one_order(product: RunningHotline) -> None:
    planted = {}
    for label, (put, _, _) in BAD.items():
        planted[label] = PlantedCall.new(product)
        planted[label].record(put, whole)
        planted[label].tell()
    before = {label: digest(call.file("caller")) for label, call in planted.items()}
    for label, (_, states, problem) in BAD.items():
        call = planted[label]
        tracks = await call.settled(within_s=60)
        assert tracks["operator"]["state"] == "transcribed" and tracks["operator"]["text"] == AID, (label, tracks)
        caller = tracks["caller"]
        assert caller["state"] in states and problem in caller["problem"], (label, caller)
        assert caller["text"] == (AID if states == HEARD else None) or label == "noise", (label, caller)
        told = "有一方的录音无法转写，原文件已保留，请人工收听。" in (await call.order())["note"]
        assert told == (states == QUARANTINED), (label, await call.order())
        assert digest(call.file("caller")) == before[label], f"{label}: the file was changed"
        for side in ("caller", "operator", "both"):
            status, media, size = await asked(product, f"/calls/{call.linked_id}/audio?track={side}")
            if side != "operator" and states == QUARANTINED:  # what nobody transcribed may hold numbers
                assert status == 409 and media == "application/problem+json", (label, side, status)
            elif side == "both" and label == "44.1 kHz":
                assert status == 422
            else:
                assert status == 200 and media == "audio/wav" and size >= 44, (label, side, status)
        assert (await asked(product, f"/calls/{call.linked_id}/peaks"))[0] == (409 if states == QUARANTINED else 200), label
    assert rss_kb(family(product)) < MOST_RSS_KB


async def test_hostile_file_names_are_left_alone_and_told(product: RunningHotline) -> None:
    call = PlantedCall.new(product)
    call.record(whole, whole, done=False)
    day = os.fsencode(call.file("caller").parent)
    marker = product.folder / "marker"
    names = [
        b"';$(touch MARKER)-caller.wav", b"`touch MARKER`-caller.wav", b"a\nb-caller.wav", b"a\x1b[31m-caller.wav",
        "\u202e12348\u202c-caller.wav".encode(), b"\xff\xfe-caller.wav", b"x" * 239 + b"-caller.wav", "律".encode() * 81 + b"-caller.wav",
        b"-caller.wav", b"..-caller.wav", b"planted-1-1.0-caller.wav", b"%s%n-caller.wav", b"${SHELL(touch MARKER)}-caller.wav",
    ]
    old = time.time() - 300
    for name in names:
        path = os.path.join(day, name.replace(b"MARKER", os.fsencode(marker).replace(b"/", b"_")))
        Path(os.fsdecode(path)).write_bytes(whole(product.folder / "sound.wav").read_bytes())
        os.utime(path, (old, old))
        Path(os.fsdecode(path.removesuffix(b"-caller.wav") + b".done")).touch()
    put = {f: digest(f) for f in Path(os.fsdecode(day)).iterdir()}
    call.finish()
    call.tell()
    assert {t["text"] for t in (await call.settled(within_s=60)).values()} == {AID}
    told = await product.cli("reconcile", "--days", "1", succeed=False)
    assert told.count("file_name_unknown") == len(names), told
    assert r"a\u000ab" in told and r"\u202e12348\u202c" in told and r"\udcff\udcfe" in told
    assert "\x1b[31m-caller" not in told
    [kept] = await rows(product, "SELECT differences FROM reconciliation ORDER BY id DESC LIMIT 1")
    assert kept["differences"].count("file_name_unknown") == len(names)
    assert not marker.exists()
    settled = {f: d for f, d in put.items() if call.name.base.partition("/")[2] not in f.name}
    assert {f: digest(f) for f in settled} == settled, "a file that is not ours was touched"
    tracks = await rows(product, "SELECT path FROM recording_track WHERE path NOT LIKE '%/planted-1-%'")
    assert tracks == []


async def test_ten_hours_of_sound_hold_up_no_other_call(product: RunningHotline) -> None:
    speech = heard()
    said_at_s = (3_600, 18_000, 35_000)
    minutes = 60 if FULL else 6  # of speech on each side: more than the others need

    def ten_hours(path: Path) -> None:
        with path.open("wb") as file:
            file.write(wav_header(8_000, 1, 2 * TEN_HOURS))
            file.truncate(44 + 2 * TEN_HOURS)  # digital silence that takes no room on disk
            for at_s in said_at_s:
                file.seek(44 + 2 * 8_000 * at_s)
                file.write(speech.astype("<i2").tobytes())
            file.seek(44 + 2 * 8_000 * 7_200)
            file.write(speech.astype("<i2").tobytes() * (minutes * 60 * 8_000 // len(speech)))

    long = PlantedCall.new(product, talk_s=36_000)
    long.record(ten_hours, ten_hours)
    long.tell()
    await long.leased()
    for _ in range(3):
        short = PlantedCall.new(product)
        short.record(whole, whole)
        short.tell()
        assert {t["text"] for t in (await short.settled(within_s=60)).values()} == {AID}
    assert not await long.order_filled(), "the long one was done first: it held the others up, or is too short to tell"
    sounds = ("audio", "audio?track=caller", "peaks?points=5000")
    for path in sounds:  # nobody knows yet which seconds hold numbers
        assert (await asked(product, f"/calls/{long.linked_id}/{path}", Range="bytes=500000000-500065535"))[0] == 409, path
    assert await highest_rss_kb(product, long.order_filled, within_s=300 if FULL else 120) < MOST_RSS_KB
    tracks = await long.tracks()
    assert {t["state"] for t in tracks.values()} == {"transcribed"}
    for path in sounds:
        status, _, _ = await asked(product, f"/calls/{long.linked_id}/{path}", Range="bytes=500000000-500065535")
        assert status in (200, 206), path
    for at_s in said_at_s:
        found = await rows(
            product, "SELECT text FROM transcript_segment WHERE linked_id = $1 AND start_s BETWEEN $2 AND $2 + 2", long.linked_id, at_s)
        assert [f["text"] for f in found] == [AID, AID]


async def test_a_file_cut_short_while_it_is_heard_ends(product: RunningHotline) -> None:
    speech = heard()
    call = PlantedCall.new(product, talk_s=600)
    call.record(lambda path: write_wav(path, *[speech] * (1_200_000 // len(speech) * 4)), whole)
    call.tell()
    await call.leased()
    os.truncate(call.file("caller"), 40_001)
    tracks = await call.settled(within_s=60)
    assert tracks["caller"]["state"] in ("quarantined", "transcribed") and tracks["operator"]["text"] == AID
    told = await differences(product)
    assert ("file_differs", call.linked_id) in told or ("track_quarantined", call.linked_id) in told, told


async def test_a_file_cut_short_while_it_is_played_cuts_the_answer_off(product: RunningHotline) -> None:
    half_an_hour = 1_800 * 8_000

    def mostly_silent(path: Path) -> None:
        with path.open("wb") as file:
            file.write(wav_header(8_000, 1, 2 * half_an_hour))
            file.write(heard().astype("<i2").tobytes())
            file.truncate(44 + 2 * half_an_hour)

    call = PlantedCall.new(product, talk_s=1_800)
    call.record(mostly_silent, mostly_silent)
    call.tell()
    await call.settled(within_s=120)
    async with aiohttp.ClientSession(product.url, headers={"Authorization": f"Bearer {product.token}"}) as client:
        async with client.get(f"/api/v1/calls/{call.linked_id}/audio?track=caller") as answer:
            assert answer.status == 200
            await answer.content.read(1000)
            os.truncate(call.file("caller"), 40_001)
            with pytest.raises(aiohttp.ClientError):  # cut off: what is missing must not be taken for silence
                async with asyncio.timeout(30):
                    while await answer.content.read(1 << 16):
                        pass


async def test_an_order_does_not_wait_for_sound_that_was_never_written(unheard: PlantedCall) -> None:
    assert await unheard.settled(within_s=90) == {}
    assert "没有找到录音文件" in (await unheard.order())["note"]


async def highest_rss_kb(product: RunningHotline, done: Callable[[], Any], within_s: float) -> int:
    """The most that was seen until ``done`` says so."""
    highest = 0
    async with asyncio.timeout(within_s):
        while not await done():
            highest = max(highest, rss_kb(family(product)))
            await asyncio.sleep(0.2)
    return highest
