"""From what Asterisk wrote of a room, one file that browsers play: the picture as it came, the room's sound encoded (PyAV).

Two hours take half a minute of a core, so it is a program of its own, at low priority: CODEC PICTURE SOUND TARGET PARENT.
It prints a line of JSON and ends with 0, or with 3 where nothing can be shown, or in an error; it ends when its parent is gone.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

import av
import numpy as np

from ivr.domain.errors import AudioUnreadable
from ivr.domain.room_film import FilmUnreadable
from ivr.domain.stored_video import ENTRY, MARKER, Codec, Frame, Packet, frames, packet_of, times
from ivr.speech.audio import SAMPLE_BYTES, inspect_mono, open_sound

CONTAINERS: Final[dict[Codec, tuple[str, str, str]]] = {
    "vp8": ("webm", "libopus", "video/webm"), "h264": ("mp4", "aac", "video/mp4"),
}
"""Format, sound codec and media type for each codec of pictures."""

UNREADABLE: Final = 3
_PR_SET_PDEATHSIG = 1
_TICK = Fraction(1, 90_000)
_SOUND_RATE = 48_000
_BLOCK_S = 1
_BTIME_AT, _STATX_BYTES, _STATX_BTIME, _AT_FDCWD = 80, 256, 0x800, -100


@dataclass(frozen=True, slots=True)
class Muxed:
    """What was written: pixels of the first picture, seconds from the sound's begin to the last picture's end."""

    width: int
    height: int
    frames: int
    seconds: float
    size_bytes: int
    sha256: bytes


def mux(picture: Path, sound: Path, codec: Codec, target: Path) -> Muxed:
    """Write ``target`` whole and to the disk; nothing is decoded but the first picture, so that its size is known.

    FilmUnreadable when no picture can be decoded; OSError for the disk. What Asterisk left unfinished when it was killed is
    read as far as it goes.
    """
    info = inspect_mono(sound)
    steps = [(frame.step_s, frame.cut) for frame in _frames(picture, codec)]
    shown_at = times(steps, _born_after(picture, sound, info.seconds), info.seconds)
    container_format, sound_codec, _ = CONTAINERS[codec]
    begins, first, (width, height) = _first(picture, codec)
    options = {"movflags": "+faststart"} if container_format == "mp4" else {}
    with av.open(str(target), "w", format=container_format, options=options) as container:
        video = _stream(container, first, codec, width, height)
        voice = cast(Any, container.add_stream(sound_codec, rate=_SOUND_RATE, layout="mono"))
        voice.bit_rate = 32_000
        container.start_encoding()
        pictures = islice(zip(_frames(picture, codec), shown_at, strict=True), begins, None)
        pending = next(pictures, None)
        for until_s, packets in _voice(sound, voice):
            while pending is not None and pending[1] <= until_s:
                container.mux_one(_packet(pending, video))
                pending = next(pictures, None)
            for packet in packets:
                container.mux_one(packet)
        while pending is not None:
            container.mux_one(_packet(pending, video))
            pending = next(pictures, None)
    digest = hashlib.sha256()
    with target.open("r+b") as file:
        while block := file.read(1 << 20):
            digest.update(block)
        os.fsync(file.fileno())
        size = file.tell()
    return Muxed(width, height, len(steps) - begins, max(info.seconds, shown_at[-1]), size, digest.digest())


def main(codec: Codec, picture: str, sound: str, target: str, parent: str) -> int:
    """What the module's text says."""
    os.nice(10)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):  # gone before it could be followed
        return 1
    try:
        made = mux(Path(picture), Path(sound), codec, Path(target))
    except (AudioUnreadable, FilmUnreadable) as unreadable:
        print(unreadable)
        return UNREADABLE
    print(json.dumps({**asdict(made), "sha256": made.sha256.hex()}))
    return 0


def _packet(pending: tuple[Frame, float], stream: Any) -> av.Packet[Any]:
    frame, at = pending
    packet = av.Packet(frame.data)
    packet.stream, packet.time_base = stream, _TICK
    packet.pts = packet.dts = round(at / _TICK)
    packet.is_keyframe = frame.key
    return packet


def _frames(picture: Path, codec: Codec) -> Iterator[Frame]:
    return frames(_packets(picture), codec)


def _packets(picture: Path) -> Iterator[Packet]:
    with open_sound(picture) as file:
        while len(entry := file.read(ENTRY.size)) == ENTRY.size:
            length = ENTRY.unpack(entry)[1] & ~MARKER
            payload = file.read(length)
            if len(payload) < length:  # its writer was killed in the middle
                return
            yield packet_of(entry, payload)


def _first(picture: Path, codec: Codec) -> tuple[int, Frame, tuple[int, int]]:
    """The first key frame that can be decoded: its place among the frames, itself and its size."""
    for n, frame in enumerate(_frames(picture, codec)):
        if frame.key and (size := _size(frame, codec)):
            return n, frame, size
    raise FilmUnreadable("No picture in it can be decoded.")


def _size(frame: Frame, codec: Codec) -> tuple[int, int] | None:
    decoder = cast(Any, av.CodecContext.create(codec, "r"))
    with suppress(av.FFmpegError):
        for packet in (av.Packet(frame.data), None):
            for decoded in decoder.decode(packet):
                return decoded.width, decoded.height
    return None


def _stream(container: av.container.OutputContainer, first: Frame, codec: Codec, width: int, height: int) -> Any:
    if codec == "vp8":
        return container.add_mux_stream(codec, width=width, height=height, time_base=_TICK)
    # MP4 has the parameter sets in its head: they are taken from the first picture as a reader of raw H.264 finds them.
    with av.open(io.BytesIO(first.data), format=codec) as head:
        return container.add_stream_from_template(head.streams.video[0], opaque=True)


def _voice(sound: Path, stream: Any) -> Iterator[tuple[float, list[av.Packet[Any]]]]:
    """Encoded sound, a second at a time: (until when, its packets); the last is what the encoder still held."""
    info = inspect_mono(sound)
    resampler = av.AudioResampler(format=stream.codec_context.format or "s16", layout="mono", rate=_SOUND_RATE,
                                  frame_size=stream.codec_context.frame_size or None)
    done = 0
    with open_sound(sound) as file:
        file.seek(info.data_offset)
        while done < info.frames:
            block = file.read(min(info.frames - done, info.sample_rate * _BLOCK_S) * SAMPLE_BYTES)
            samples = np.frombuffer(block[: len(block) // SAMPLE_BYTES * SAMPLE_BYTES], "<i2")
            if not samples.size:
                break
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = info.sample_rate, done, Fraction(1, info.sample_rate)
            done += samples.size
            yield done / info.sample_rate, [p for f in resampler.resample(frame) for p in stream.encode(f)]
    yield done / info.sample_rate, [*(p for f in resampler.resample(None) for p in stream.encode(f)), *stream.encode(None)]


def _born_after(picture: Path, sound: Path, at_most: float) -> float:
    """Seconds between the two files' making: Asterisk makes the picture's with the first packet. 0 where the disk does not tell."""
    born = [_born(file) for file in (sound, picture)]
    if None in born:
        return 0.0
    return min(max(0.0, cast(float, born[1]) - cast(float, born[0])), at_most)


def _born(file: Path) -> float | None:
    """statx(2)'s stx_btime, which Python's os.stat does not give on Linux."""
    found = ctypes.create_string_buffer(_STATX_BYTES)
    try:
        failed = ctypes.CDLL(None, use_errno=True).statx(_AT_FDCWD, os.fsencode(file), 0, _STATX_BTIME, found)
    except AttributeError:
        return None
    if failed or not int.from_bytes(found.raw[:4], "little") & _STATX_BTIME:
        return None
    seconds = int.from_bytes(found.raw[_BTIME_AT:_BTIME_AT + 8], "little", signed=True)
    return seconds + int.from_bytes(found.raw[_BTIME_AT + 8:_BTIME_AT + 12], "little") / 1e9


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))  # type: ignore[arg-type]
