"""Frames out of the file Asterisk writes of a channel's picture (format_vp8, format_h264), sans-IO.

The file is one entry for each RTP packet: 90 kHz ticks since the packet before (32 bits), length (15 bits) under the marker bit,
then the payload of RFC 7741 (VP8) or RFC 6184 (H.264). There are no sequence numbers and no clock, so
a lost packet and another source are found by what the payload itself tells.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Codec = Literal["vp8", "h264"]
TICKS_A_SECOND: Final = 90_000
ENTRY: Final = struct.Struct(">IH")
MARKER: Final = 0x8000
_LONGEST_STEP_S: Final = 3600.0
_A_FEW_LOST: Final = 60
_LEAST_STEP_S: Final = 0.001
_START: Final = b"\x00\x00\x00\x01"


@dataclass(frozen=True, slots=True)
class Packet:
    """One entry of the file; ``step_s`` seconds after the one before, ``last`` of its frame."""

    step_s: float
    last: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole picture as its codec takes it (H.264: Annex B), ``step_s`` seconds after the one before it.

    ``cut``: it comes from another camera than the one before, so what follows needs a key frame, and ``step_s`` may count
    time that passed for the camera before too.
    """

    step_s: float
    key: bool
    cut: bool
    data: bytes


def packet_of(entry: bytes, payload: bytes) -> Packet:
    """From an entry's six bytes; a step nobody could have recorded is none."""
    ticks, length = ENTRY.unpack(entry)
    step_s = ticks / TICKS_A_SECOND
    return Packet(step_s if step_s <= _LONGEST_STEP_S else 0.0, bool(length & MARKER), payload)


def frames(packets: Iterable[Packet], codec: Codec) -> Iterator[Frame]:
    """Whole frames that can be decoded, from the first key frame on; time of what is left out goes to the next."""
    found = _vp8_frames(packets) if codec == "vp8" else _h264_frames(packets)
    waited, cut, decodable = 0.0, False, False
    for frame in found:
        waited, cut = waited + frame.step_s, cut or frame.cut
        decodable = frame.key or (decodable and not frame.cut)
        if decodable and frame.data:
            yield Frame(waited, frame.key, cut, frame.data)
            waited, cut = 0.0, False


def times(steps: Sequence[tuple[float, bool]], begins_s: float, sound_s: float) -> list[float]:
    """When each frame is shown, in seconds of the sound, from (step, cut) of each.

    A camera's first step after a cut reaches back to its own last frame, which nobody was shown: each cut counts a little too
    much. What the frames last longer than the sound is taken from the cuts; where none are known, from all steps alike.
    """
    excess = begins_s + sum(step for step, _ in steps) - sound_s
    of_cuts = sum(step for step, cut in steps if cut)
    everywhere = excess > of_cuts
    share = 0.0 if excess <= 0 else min(1.0, excess / ((of_cuts if not everywhere else sum(step for step, _ in steps)) or 1.0))
    at = begins_s
    found: list[float] = []
    for step, cut in steps:
        at += max(_LEAST_STEP_S if found else 0.0, step * (1.0 - share) if cut or everywhere else step)
        found.append(at)
    return found


def _vp8_frames(packets: Iterable[Packet]) -> Iterator[Frame]:
    parts: list[bytes] = []
    step_s, known, cut = 0.0, -1, False
    for packet in packets:
        step_s += packet.step_s
        begins, number, payload = _vp8_payload(packet.payload)
        if begins:
            cut = cut or (number >= 0 and known >= 0 and not 0 < (number - known) % _numbers(number) <= _A_FEW_LOST)
            known, parts = number, [payload]
        elif parts and number in (known, -1):
            parts.append(payload)
        else:
            parts = []  # its beginning was lost, or was another camera's
        if packet.last:
            data = b"".join(parts)
            if data:
                yield Frame(step_s, not data[0] & 1, cut, data)
                step_s, cut = 0.0, False
            parts = []


def _numbers(number: int) -> int:
    return 0x8000 if number > 0x7F else 0x80


def _vp8_payload(data: bytes) -> tuple[bool, int, bytes]:
    """Whether a frame begins here, its picture's number (-1: none is told), and what is behind the descriptor (RFC 7741 §4.2)."""
    if not data:
        return False, -1, b""
    begins, at, number = bool(data[0] & 0x10) and not data[0] & 0x07, 1, -1
    if data[0] & 0x80:
        more = data[1] if len(data) > 1 else 0
        at = 2
        if more & 0x80 and len(data) > at + 1:
            long = bool(data[at] & 0x80)
            number = (data[at] & 0x7F) << 8 | data[at + 1] if long else data[at]
            at += 2 if long else 1
        at += bool(more & 0x40) + bool(more & 0x30)
    return begins, number, data[at:]


def _h264_frames(packets: Iterable[Packet]) -> Iterator[Frame]:
    units: list[bytes] = []
    step_s, broken = 0.0, False
    for packet in packets:
        step_s += packet.step_s
        broken = not _h264_add(units, packet.payload) or broken
        if packet.last:
            if units and not broken:
                key = any(unit[0] & 0x1F == 5 for unit in units)
                yield Frame(step_s, key, False, b"".join(_START + unit for unit in units))
                step_s = 0.0
            units, broken = [], False


def _h264_add(units: list[bytes], data: bytes) -> bool:
    """Add what a payload holds (RFC 6184 §5.6 to 5.8); False when the beginning of it was lost."""
    kind = data[0] & 0x1F if data else 0
    if 1 <= kind <= 23:
        units.append(data)
    elif kind == 24:
        at = 1
        while at + 2 < len(data):
            length = int.from_bytes(data[at:at + 2])
            if length:
                units.append(data[at + 2:at + 2 + length])
            at += 2 + length
    elif kind == 28 and len(data) > 2:
        if data[1] & 0x80:
            units.append(bytes([data[0] & 0xE0 | data[1] & 0x1F]) + data[2:])
        elif units and units[-1][0] & 0x1F == data[1] & 0x1F:
            units[-1] += data[2:]
        else:
            return False
    return True
