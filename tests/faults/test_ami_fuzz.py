"""Bytes no Asterisk would send, from real ones: never an exception but its own, linear work, bounded memory, and back."""

from __future__ import annotations

import asyncio
import random
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.domain.events import CallerJoined
from ivr.domain.queue import QueueBoard
from ivr.domain.witness import LiveWitness
from ivr.telephony.ami_events import WANTED, read_event
from ivr.telephony.ami_framing import AmiProtocolError, Frame, FrameReader
from tests.fakes.asterisk import FakeAsterisk
from tests.faults.conftest import FULL
from tests.unit.test_ami_client import linked
from tests.unit.test_ami_framing import BANNER, Counting

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1200)]

FRAMES = 1_000_000 if FULL else 100_000
SEED = 12348
LIMIT = 1 << 16
_TRACED = 5
_END = b"\r\n\r\n"
_CAPTURES = [Path(__file__).parents[1] / name for name in ("fakes/captures/ami_queue_call.txt", "bench/captured_call.ami")]
_PIECES = [
    b"\r", b"\n", b"\r\n", _END, b":", b": ", b"\0", b"\xff", "张".encode()[:2], b"Event: ", b"\r\nEvent: Hangup\r\n", b"Response: ",
    b"\r\nActionID: ", b"ActionID: 1\r\n", b"EventList: start\r\n", b"a" * 3000, b" ", b"-1", b"99999999999999999999",
]


def fuzzed(frames: int, chance: random.Random) -> Iterator[bytes]:
    """Real frames, each damaged in up to four places: bytes changed, cut out, doubled, put in, joined with another's."""
    real = [f for capture in _CAPTURES for f in capture.read_bytes().split(_END)[1:] if f]
    for _ in range(frames):
        frame = bytearray(chance.choice(real)[:1500])
        for _ in range(chance.randrange(5)):
            start = chance.randrange(len(frame) + 1)
            end = min(len(frame), start + chance.randrange(40))
            match chance.randrange(5):
                case 0:
                    frame[start:end] = chance.randbytes(end - start)
                case 1:
                    del frame[start:end]
                case 2:
                    frame[start:start] = frame[start:end]
                case 3:
                    frame[start:start] = chance.choice(_PIECES)
                case 4:
                    frame[start:] = chance.choice(real)[start:]
        yield bytes(frame) + (_END if chance.random() < 0.98 else b"\r\n")


def chunks(data: bytes, chance: random.Random) -> Iterator[bytes]:
    """The bytes in reads of any size."""
    at = 0
    while at < len(data):
        size = chance.choice((1, 7, 100, 1448, 4096, 65536))
        yield data[at : at + size]
        at += size


def reference(data: bytes) -> list[Frame]:
    """The frames of a stream read at once, as the format's one sentence has it: no wanted names, no chunks, no limit."""
    found = []
    for text in data.split(_END)[:-1]:
        lines = [line.partition(":") for line in text.decode("utf-8", "replace").split("\r\n") if ":" in line]
        frame = {key.strip().lower(): value.removeprefix(" ") for key, _, value in reversed(lines)}
        if frame.keys() & {"event", "response"}:
            found.append(frame)
    return found


def _matters(frame: Frame) -> bool:
    return frame.get("event", "Hangup") in WANTED


def test_damaged_frames_read_alike_in_any_chunks_in_linear_work_and_bounded_memory(
    record_property: Callable[[str, object], None],
) -> None:
    chance = random.Random(SEED)
    board, witness = QueueBoard(), LiveWitness(most_calls=50)
    read = total = looked = peak = 0
    tracemalloc.start()
    try:
        for n in range(FRAMES // 1000):
            if n == _TRACED:  # tracing costs ten times the work, and every thousand frames are a stream of their own
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
            data = b"".join(fuzzed(1000, chance)) + _END
            reader = FrameReader()
            list(reader.feed(BANNER))
            counting = Counting()
            reader._buffer = counting
            wanted = FrameReader(WANTED)
            list(wanted.feed(BANNER))
            frames, kept = [], []
            for chunk in chunks(data, chance):
                frames += reader.feed(chunk)
                kept += wanted.feed(chunk)
                assert len(counting) <= LIMIT
            assert frames == reference(data)
            assert [f for f in kept if _matters(f)] == [f for f in frames if _matters(f)]
            for frame in kept:
                event = read_event(frame, 1.0)
                if event is not None:
                    board.apply(event)
                    witness.apply(event)
            read, total, looked = read + len(frames), total + len(data), looked + counting.looked
    finally:
        tracemalloc.stop()
    assert read > FRAMES // 2, "most frames should have been damaged only a little"
    assert looked < 5 * total, "bytes were looked at again and again"
    assert 0 < peak < 64 << 20
    assert len(witness.calls) <= 50
    record_property("seed", SEED)
    record_property("frames", read)
    record_property("bytes looked at per byte", round(looked / total, 2))
    record_property("peak MB", round(peak / (1 << 20), 1))


def test_frames_over_the_limit_end_the_reader_and_nothing_else() -> None:
    chance = random.Random(SEED)
    refused = 0
    for _ in range(FRAMES // 2000):
        reader = FrameReader(WANTED, limit=2000)
        try:
            for chunk in chunks(BANNER + b"".join(fuzzed(50, chance)), chance):
                for frame in reader.feed(chunk):
                    read_event(frame, 1.0)
                assert len(reader._buffer) <= 2000
        except AmiProtocolError:
            refused += 1
    assert refused > 0


async def test_the_link_lives_through_damaged_frames_or_is_made_again() -> None:
    """Over TCP, through the product's own client: afterwards a caller who joins is seen and an action is answered."""
    chance = random.Random(SEED)
    async with FakeAsterisk() as fake, linked(fake, queue_size=1_000_000) as link:
        await link.snapshot()
        for n in range(FRAMES // 2_000):
            await fake.until(lambda f: f.links == 1)
            for chunk in chunks(b"".join(fuzzed(1000, chance)) + _END, chance):
                await fake.send(chunk)
            await fake.until(lambda f: f.links == 1)
            await fake.tell("QueueCallerJoin", Queue="hotline", Uniqueid=f"marker-{n}", Position="1")
            async with asyncio.timeout(10):
                while not (isinstance(event := await link.next(), CallerJoined) and event.caller.unique_id == f"marker-{n}"):
                    pass
            (answer,) = await link.client.request("Ping")
            assert answer["ping"] == "Pong"
        assert not link.task.done()
