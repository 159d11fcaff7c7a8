"""AMI framing: the same frames whatever the chunks, bounded memory, linear work, no forgery."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.telephony.ami_events import WANTED, read_event
from ivr.telephony.ami_framing import AmiProtocolError, Frame, FrameReader
from tests.fakes.ami_wire import packet

CAPTURE = (Path(__file__).parents[1] / "fakes/captures/ami_queue_call.txt").read_bytes()
BANNER = b"Asterisk Call Manager/11.0.0\r\n"


def read(data: bytes, size: int, reader: FrameReader | None = None) -> list[Frame]:
    """All frames of ``data`` fed ``size`` bytes at a time."""
    reader = reader or FrameReader()
    return [f for n in range(0, len(data), size) for f in reader.feed(data[n : n + size])]


def one(data: bytes) -> Frame:
    (frame,) = read(BANNER + data, 65536)
    return frame


def test_a_real_call_reads_the_same_in_every_chunk_size() -> None:
    whole = read(CAPTURE, len(CAPTURE))
    names = [f["event"] for f in whole if "event" in f]
    assert names.count("QueueCallerJoin") == 1 and "QueueMemberStatus" in names and "Hangup" in names
    assert any(f.get("membername") == "王律师" for f in whole)
    for size in range(1, 4097):
        assert read(CAPTURE, size) == whole, f"chunks of {size} bytes"


def test_only_wanted_events_and_answers_pass() -> None:
    found = read(CAPTURE, 1000, FrameReader(WANTED))
    wanted = [f for f in read(CAPTURE, 1000) if f.get("event") in WANTED or "response" in f]
    assert [f for f in found if f.get("event") in WANTED or "response" in f] == wanted
    assert len(found) < len(read(CAPTURE, 1000)) / 2


@pytest.mark.parametrize("cut", range(1, len("李四村民委员会".encode())))
def test_a_name_cut_inside_a_character_arrives_whole(cut: int) -> None:
    data = BANNER + packet(("Event", "QueueCallerJoin"), ("CallerIDName", "李四村民委员会"))
    at = data.index("李".encode()) + cut
    reader = FrameReader()
    (frame,) = [*reader.feed(data[:at]), *reader.feed(data[at:])]
    assert frame["calleridname"] == "李四村民委员会"


def test_a_header_without_space_or_value_is_kept() -> None:
    frame = one(b"Event: Newchannel\r\nAccountCode:\r\nContext:from-seat\r\nUrl: http://a: b\r\n\r\n")
    assert (frame["accountcode"], frame["context"], frame["url"]) == ("", "from-seat", "http://a: b")


def test_a_repeated_header_cannot_overrule_the_first() -> None:
    frame = one(packet(("Event", "UserEvent"), ("UserEvent", "x"), ("Event", "QueueMemberRemoved"), ("Queue", "hotline")))
    assert frame["event"] == "UserEvent"
    assert read_event(frame, 0.0) is None


@pytest.mark.parametrize("name", ["a\nb", "a\n\nEvent: Hangup\n\n", "a\rb", "a\r\rEvent: Hangup", "a\n\r\nEvent: x"])
def test_a_lone_line_feed_or_return_ends_no_frame(name: str) -> None:
    frame = one(packet(("Event", "QueueCallerJoin"), ("CallerIDName", name), ("Queue", "hotline")))
    assert (frame["event"], frame["queue"]) == ("QueueCallerJoin", "hotline")


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert one(b"Event: QueueCallerJoin\r\nCallerIDName: \xd5\xc5\xff\r\n\r\n")["calleridname"] == "���"


def test_a_line_without_a_colon_says_nothing_and_costs_nothing() -> None:
    assert one(b"Event: Hangup\r\nnonsense\r\n\tfolded\r\nUniqueid: f-1.1\r\n\r\n") == {"event": "Hangup", "uniqueid": "f-1.1"}
    assert read(BANNER + b"nonsense\r\n\r\n", 5) == []


def test_nul_is_a_character_like_any_other() -> None:
    frame = one(b"Event: QueueCallerJoin\r\nCallerIDName: a\0b\r\nQueue\0: x\r\nQueue: hotline\r\n\r\n")
    assert (frame["calleridname"], frame["queue"]) == ("a\0b", "hotline")


def test_empty_frames_and_many_line_ends_are_stepped_over() -> None:
    data = BANNER + b"\r\n" * 7 + packet(("Event", "Hangup"), ("Uniqueid", "f-1.1")) + b"\r\n\r\n\r\n" + packet(("Event", "Y"))
    for size in range(1, len(data) + 1):
        assert [f["event"] for f in read(data, size)] == ["Hangup", "Y"], size


def test_line_feeds_alone_are_no_line_ends_and_end_in_a_refusal() -> None:
    with pytest.raises(AmiProtocolError, match="not an AMI server"):
        read(BANNER.replace(b"\r", b"") + b"Event: Hangup\nUniqueid: f-1.1\n\n" * 10, 64)
    with pytest.raises(AmiProtocolError, match="more than 1048576 bytes"):
        read(BANNER + b"Event: Hangup\nUniqueid: f-1.1\n\n" * 40_000, 65536)


def test_a_million_headers_are_refused_and_as_many_as_fit_are_read() -> None:
    with pytest.raises(AmiProtocolError, match="more than 1048576 bytes"):
        read(BANNER + b"Event: X\r\n" + b"a: b\r\n" * 1_000_000 + b"\r\n", 65536)
    fits = (1 << 20) // len(b"k000000:\r\n") - 10
    frame = one(b"Event: X\r\n" + b"".join(b"k%06d:\r\n" % n for n in range(fits)) + b"\r\n")
    assert len(frame) == fits + 1


def test_kept_header_names_are_bounded() -> None:
    reader = FrameReader()
    for n in range(200):
        read((BANNER if not n else b"") + b"Event: X\r\n" + b"".join(b"K%d-%d: v\r\n" % (n, k) for k in range(100)) + b"\r\n", 4096, reader)
    assert len(reader._names) <= 1000


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"\x16\x03\x01\x02\x00", b"Asterisk "
                                    b"Call Master/1\r\n", b"Event: FullyBooted\r\n\r\n", BANNER[:22] + b"1" * 300])
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_foreign_greeting_is_refused(banner: bytes, size: int) -> None:
    with pytest.raises(AmiProtocolError, match="not an AMI server"):
        read(banner, size)


@pytest.mark.parametrize("version", ["11.0.0", "12.1.3", "2.10.6"])
def test_the_version_is_read(version: str) -> None:
    reader = FrameReader()
    assert read(f"Asterisk Call Manager/{version}\r\n".encode(), 1, reader) == []
    assert reader.version == version


@pytest.mark.parametrize("size", [1000, 65536, 11 << 20])
@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_an_endless_header_is_refused_whatever_the_chunks(size: int, end: bytes) -> None:
    reader = FrameReader()
    data = BANNER + b"Event: X\r\nName: " + b"a" * (10 << 20) + end
    taken = 0
    with pytest.raises(AmiProtocolError, match="more than 1048576 bytes"):
        for n in range(0, len(data), size):
            taken += size
            list(reader.feed(data[n : n + size]))
    assert taken <= max((1 << 20) + 2 * size, size)


class Counting(bytearray):
    """Counts the bytes a search may look at and those that are copied."""

    looked = 0

    def find(self, sub: bytes, start: int = 0) -> int:  # type: ignore[override]
        found = super().find(sub, start)
        self.looked += (len(self) if found == -1 else found + len(sub)) - start
        return found

    def __bytes__(self) -> bytes:
        self.looked += len(self)
        return bytes(memoryview(self))


@pytest.mark.parametrize("size", [1, 100, 65536])
def test_no_byte_is_searched_more_than_a_few_times(size: int) -> None:
    reader = FrameReader(limit=1 << 22)
    list(reader.feed(BANNER))
    counting = Counting()
    reader._buffer = counting
    data = (b"Event: X\r\nName: " + b"a" * 200_000 + b"\r\n\r\n") + packet(("Event", "Y")) * 2000
    assert len(read(data, size, reader)) == 2001
    assert counting.looked < 5 * len(data)


def _noise(chance: random.Random) -> Iterator[bytes]:
    """100 000 frames or near-frames, from a fixed seed."""
    pieces = [b"Event: ", b"Response: ", b"ActionID: ", b": ", b":", b"\r", b"\n", b"\x00", b"\xff\xfe", "张".encode(), b" ", b"x" * 50]
    for _ in range(100_000):
        yield b"".join(chance.choices(pieces, k=chance.randrange(6))) + chance.choice([b"\r\n\r\n", b"\r\n\r\n", b"\r\n"])


def test_noise_raises_nothing_but_its_own_error() -> None:
    chance = random.Random(12348)
    reader = FrameReader()
    list(reader.feed(BANNER))
    for data in _noise(chance):
        try:
            for frame in reader.feed(data):
                read_event(frame, 0.0)
        except AmiProtocolError:
            reader = FrameReader()
            list(reader.feed(BANNER))
