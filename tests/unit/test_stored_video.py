"""Frames out of what Asterisk writes of a picture: whole ones alone, from a key frame on, each at its time of the sound."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import pytest

from ivr.domain.stored_video import ENTRY, MARKER, Codec, Frame, Packet, frames, packet_of, times


def vp8(number: int, data: bytes, *, begins: bool = True, last: bool = True, step_s: float = 0.1, long: bool = True) -> Packet:
    """One packet of RFC 7741 with a picture's number of 15 bits, or of 7."""
    told = struct.pack(">H", 0x8000 | number) if long else bytes([number])
    return Packet(step_s, last, bytes([0x90 if begins else 0x80, 0x80]) + told + data)


KEY, NEXT = b"\x10key", b"\x11next"


def of(packets: Iterable[Packet], codec: Codec = "vp8") -> list[tuple[float, bool, bool, bytes]]:
    return [(round(f.step_s, 3), f.key, f.cut, f.data) for f in frames(packets, codec)]


def test_an_entry_is_time_length_marker_and_payload() -> None:
    assert packet_of(ENTRY.pack(9000, 5 | MARKER), b"abcde") == Packet(0.1, True, b"abcde")
    assert packet_of(ENTRY.pack(0xFFFF_FFFF, 1), b"a").step_s == 0.0, "a step of thirteen hours is no step"


def test_frames_begin_with_a_key_frame_and_wait_for_the_time_before_it() -> None:
    packets = [vp8(7, NEXT), vp8(8, KEY[:2], last=False), vp8(8, KEY[2:], begins=False, step_s=0), vp8(9, NEXT)]
    assert of(packets) == [(0.2, True, False, KEY), (0.1, False, False, NEXT)]
    assert of([vp8(8, KEY)][:0]) == [] and of([Packet(0.1, True, b"")]) == []


@pytest.mark.parametrize("long", [True, False])
def test_another_camera_is_shown_from_its_key_frame_on(long: bool) -> None:
    packets = [vp8(9, KEY, long=long), vp8(120, NEXT, long=long), vp8(121, NEXT, long=long), vp8(122, KEY, long=long), vp8(123, NEXT, long=long)]
    shown = of(packets)
    assert shown == [(0.1, True, False, KEY), (0.3, True, True, KEY), (0.1, False, False, NEXT)], "the old picture stands until then"


def test_a_lost_frame_or_packet_ends_no_picture() -> None:
    assert of([vp8(1, KEY), vp8(3, NEXT)]) == [(0.1, True, False, KEY), (0.1, False, False, NEXT)], "one was lost: no other camera"
    beginning_lost = [vp8(1, KEY), vp8(2, b"rest", begins=False), vp8(3, NEXT)]
    assert of(beginning_lost) == [(0.1, True, False, KEY), (0.2, False, False, NEXT)]
    assert of([vp8(0x7FFF, KEY), vp8(0, NEXT)])[1] == (0.1, False, False, NEXT), "numbers go round"
    middle_of_another = [vp8(1, KEY), vp8(500, b"tail", begins=False), vp8(2, NEXT)]
    assert of(middle_of_another)[1] == (0.2, False, False, NEXT)
    end_lost = [vp8(1, KEY), vp8(2, NEXT, last=False), vp8(3, NEXT)]
    assert [f[3] for f in of(end_lost)] == [KEY, NEXT]


def test_h264_units_are_put_together_as_annex_b() -> None:
    start = b"\x00\x00\x00\x01"
    sps, pps, idr, slice_ = b"\x67sps", b"\x68pps", b"\x65" + b"i" * 9, b"\x41s"
    aggregate = b"\x78" + b"".join(struct.pack(">H", len(u)) + u for u in (sps, pps))
    parts = [b"\x7c\x85" + idr[1:5], b"\x7c\x45" + idr[5:]]
    packets = [Packet(0.1, False, aggregate), Packet(0, False, parts[0]), Packet(0, True, parts[1]), Packet(0.04, True, slice_)]
    assert of(packets, "h264") == [(0.1, True, False, start + sps + start + pps + start + idr), (0.04, False, False, start + slice_)]
    broken = [*packets[:3], Packet(0.04, True, parts[1]), Packet(0.04, True, slice_)]
    assert of(broken, "h264")[1:] == [(0.08, False, False, start + slice_)], "a unit whose beginning was lost is left out"


def test_hostile_payloads_are_no_frames() -> None:
    for data in (b"", b"\x80", b"\x90\x80", b"\x90\xff", b"\x7c", b"\x78\xff", b"\x78\x00\x00\x00", b"\x1c\x85"):
        for codec in ("vp8", "h264"):
            assert all(isinstance(f, Frame) for f in frames([Packet(0.1, True, data)] * 3, codec))  # type: ignore[arg-type]


def test_time_that_cameras_count_twice_is_taken_from_the_cuts() -> None:
    steps = [(1.0, False), (1.0, False), (0.5, True), (1.0, False), (0.5, True)]
    assert times(steps, 0.0, 4.0) == [1.0, 2.0, 2.5, 3.5, 4.0], "all fits"
    assert times(steps, 0.5, 4.0) == [1.5, 2.5, 2.75, 3.75, 4.0], "half a second too much, of a second of cuts"
    assert times([(1.0, False)] * 4, 0.0, 2.0) == [0.5, 1.0, 1.5, 2.0], "no cut is known: from all alike"
    assert times(steps, 0.0, 9.0)[-1] == 4.0, "the picture ended before the sound"
    late = times(steps, 5.0, 4.0)
    assert all(b - a >= 0.001 for a, b in zip(late, late[1:], strict=False)), "never two at one time"
