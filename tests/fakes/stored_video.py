"""Files as Asterisk writes them of a room: a synthetic camera's picture, and a second of sound for each of its seconds."""

from __future__ import annotations

import struct
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np

from ivr.domain.stored_video import ENTRY, MARKER, Codec

FPS = 10
ROOM = "c-1764000000.1"
NAME = f"{ROOM}-52b22089-d5eb-4550-83a1-5c01fb3e6d3b"
_PIECE = 400


def encoded(codec: Codec, seconds: int, *, size: tuple[int, int] = (320, 240), shade: int = 60) -> list[bytes]:
    """One camera's frames: a grey that grows lighter, a key frame each second."""
    encoder = cast(Any, av.CodecContext.create({"vp8": "libvpx", "h264": "libx264"}[codec], "w"))
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base, encoder.gop_size = *size, "yuv420p", Fraction(1, FPS), FPS
    encoder.options = {"vp8": {"deadline": "realtime", "lag-in-frames": "0"}, "h264": {"tune": "zerolatency"}}[codec]
    found: list[bytes] = []
    for n in range(seconds * FPS):
        picture = np.full((size[1], size[0], 3), shade + n % 90, np.uint8)
        picture[: size[1] // 2] = 20
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = n
        found += [bytes(packet) for packet in encoder.encode(frame)]
    return found + [bytes(packet) for packet in encoder.encode(None)]


def h264_payload(shade: int) -> bytes:
    """One whole picture of 96 × 80 that begins with a shade of grey, as one RTP payload: parameter sets and picture in a STAP-A."""
    data = encoded("h264", 1, size=(96, 80), shade=shade)[0]
    units = [unit for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit and unit[0] & 0x1F in (5, 7, 8)]
    return b"\x78" + b"".join(struct.pack(">H", len(unit)) + unit for unit in units)


def stored(codec: Codec, pictures: list[bytes], first: int = 1) -> bytes:
    """Packets of the frames in Asterisk's framing; ``first`` is the first picture's number."""
    found = b""
    for n, data in enumerate(pictures):
        payloads = _vp8(data, first + n) if codec == "vp8" else _h264(data)
        for k, payload in enumerate(payloads):
            found += ENTRY.pack(90_000 // FPS if k == 0 else 0, len(payload) | (MARKER if k == len(payloads) - 1 else 0)) + payload
    return found


def _vp8(data: bytes, number: int) -> list[bytes]:
    pieces = [data[at:at + _PIECE] for at in range(0, len(data), _PIECE)]
    return [bytes([0x90 if k == 0 else 0x80, 0x80]) + struct.pack(">H", 0x8000 | number) + piece for k, piece in enumerate(pieces)]


def _h264(data: bytes) -> list[bytes]:
    found: list[bytes] = []
    for unit in (u for u in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if u):
        if len(unit) <= _PIECE:
            found.append(unit)
            continue
        pieces = [unit[1:][at:at + _PIECE] for at in range(0, len(unit) - 1, _PIECE)]
        for k, piece in enumerate(pieces):
            edge = (0x80 if k == 0 else 0) | (0x40 if k == len(pieces) - 1 else 0)
            found.append(bytes([unit[0] & 0xE0 | 28, edge | unit[0] & 0x1F]) + piece)
    return found


def spool(folder: Path, codec: Codec = "vp8", *, seconds: int = 3, name: str = NAME, picture: bytes | None = None) -> Path:
    """Both files of a room in ``folder``/filming, the sound's first; the picture's path."""
    there = folder / "filming"
    there.mkdir(parents=True, exist_ok=True)
    with wave.open(str(there / f"{name}.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes((np.sin(np.arange(8000 * seconds) / 5) * 8000).astype("<i2").tobytes())
    file = there / f"{name}.{codec}"
    file.write_bytes(stored(codec, encoded(codec, seconds)) if picture is None else picture)
    return file
