"""Recorded sound on disk: reading, mending and presenting WAV files of any length in bounded memory.

A WAV header is written last by whoever records, so a killed Asterisk leaves sizes of zero: the length of a track is
therefore taken from the size of the file whenever the header and the file disagree.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from ivr.domain.errors import AudioUnreadable

Samples = NDArray[np.int16]

SAMPLE_BYTES: Final = 2
MIN_RATE_HZ: Final = 8_000
MAX_RATE_HZ: Final = 48_000
BLOCK_FRAMES: Final = 1 << 16
_PCM: Final = 1
_FORMAT_NAMES: Final = {2: "Microsoft ADPCM", 3: "floating point", 6: "A-law", 7: "mu-law", 17: "IMA ADPCM", 49: "GSM"}
_EXTENSIBLE: Final = 0xFFFE
_PCM_GUID_TAIL: Final = bytes.fromhex("000000001000800000aa00389b71")
_MAX_CHUNKS: Final = 64
_HEADER_BYTES: Final = 44
_MOST_BYTES: Final = 0xFFFFFFFF  # what a header's 32 bits can say; the size of a longer file is asked of the disk
_NO_SUCH_FILE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})


@dataclass(frozen=True, slots=True)
class WavInfo:
    """Where the samples of a 16-bit PCM WAV lie and how long they last.

    ``data_offset`` and ``data_bytes`` are bytes in the file, whole frames only. ``header_ok`` is False when the sizes
    in the header contradict the file (its writer was killed); the other figures then come from the file's size.
    """

    sample_rate: int
    channels: int
    seconds: float
    data_offset: int
    data_bytes: int
    header_ok: bool

    @property
    def frames(self) -> int:
        """Samples per channel."""
        return self.data_bytes // (SAMPLE_BYTES * self.channels)


def open_sound(path: Path, *, writable: bool = False) -> BinaryIO:
    """Open a recording, if it is a plain file: never waits, as opening a FIFO would, and never follows a link.

    A link may lead to any file of this machine, so it is no recording of ours. Raises AudioUnreadable, or OSError when
    the disk does not give the file now.
    """
    flags = (os.O_RDWR if writable else os.O_RDONLY) | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(path, flags)
    except OSError as refused:
        if refused.errno in _NO_SUCH_FILE:
            raise AudioUnreadable(f"{path.name}: the recording is not on disk") from None
        if refused.errno == errno.ELOOP:
            raise AudioUnreadable(f"{path.name}: is a link, not a recording") from None
        if refused.errno == errno.EISDIR:
            raise AudioUnreadable(f"{path.name}: is a folder, not a recording") from None
        if refused.errno in (errno.ENXIO, errno.ENODEV):
            raise AudioUnreadable(f"{path.name}: is not a plain file") from None
        raise
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        kind = "is a folder, not a recording" if stat.S_ISDIR(mode) else "is not a plain file"
        raise AudioUnreadable(f"{path.name}: {kind}")
    return os.fdopen(handle, "r+b" if writable else "rb")


def inspect_wav(path: Path) -> WavInfo:
    """Read the header of a WAV and check that it is 16-bit PCM at 8…48 kHz, without reading the sound.

    A header with no samples behind it is a recording of zero seconds, not a fault. Raises AudioUnreadable, saying
    what the file is instead, or OSError as ``open_sound`` does.
    """
    with open_sound(path) as stream:
        return _inspect(stream, path.name)


def inspect_mono(path: Path) -> WavInfo:
    """The same as ``inspect_wav``, and refuses more than one channel: mixing two speakers would lose who said what."""
    info = inspect_wav(path)
    if info.channels != 1:
        raise AudioUnreadable(f"{path.name}: has {info.channels} channels; each speaker's track must be a mono file")
    return info


def _inspect(stream: BinaryIO, name: str) -> WavInfo:
    size = os.fstat(stream.fileno()).st_size
    if size == 0:
        raise AudioUnreadable(f"{name}: the file is empty")
    head = stream.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise AudioUnreadable(f"{name}: is not a WAV file ({size} bytes, begins with {head[:4]!r})")
    riff_size = struct.unpack("<I", head[4:8])[0]
    position = 12
    form: tuple[int, int, int] | None = None
    for _ in range(_MAX_CHUNKS):
        stream.seek(position)
        head = stream.read(8)
        if len(head) < 8:
            break
        chunk, length = head[:4], struct.unpack("<I", head[4:])[0]
        position += 8
        if chunk == b"fmt ":
            form = _read_format(stream.read(min(length, 40)), name)
        elif chunk == b"data":
            if form is None:
                raise AudioUnreadable(f"{name}: its sound comes before any description of its format")
            rate, channels, frame_bytes = form
            trusted = _ends_where_chunks_end(stream, position, length, size)
            available = (length if trusted else size - position) // frame_bytes * frame_bytes
            header_ok = trusted and available == length and riff_size == size - 8
            return WavInfo(rate, channels, available / frame_bytes / rate, position, available, header_ok)
        position += length + (length & 1)
    raise AudioUnreadable(f"{name}: holds no sound (no data chunk in {size} bytes)")


def _read_format(body: bytes, name: str) -> tuple[int, int, int]:
    """(sample rate in Hz, channels, bytes per frame) of a fmt chunk, if it is 16-bit PCM."""
    if len(body) < 16:
        raise AudioUnreadable(f"{name}: its format description is cut short")
    tag, channels, rate, _, frame_bytes, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == _EXTENSIBLE and len(body) >= 40 and body[26:40] == _PCM_GUID_TAIL:
        tag = struct.unpack("<H", body[24:26])[0]
    if tag != _PCM or bits != 8 * SAMPLE_BYTES:
        kind = "PCM" if tag == _PCM else _FORMAT_NAMES.get(tag, f"format {tag}")
        raise AudioUnreadable(f"{name}: is {bits}-bit {kind}; only 16-bit PCM can be read")
    if not 1 <= channels <= 2 or frame_bytes != SAMPLE_BYTES * channels:
        raise AudioUnreadable(f"{name}: has {channels} channels in frames of {frame_bytes} bytes")
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise AudioUnreadable(f"{name}: has {rate} samples a second; {MIN_RATE_HZ} to {MAX_RATE_HZ} can be read")
    return rate, channels, frame_bytes


def _ends_where_chunks_end(stream: BinaryIO, start: int, length: int, size: int) -> bool:
    """True when ``length`` bytes of data are followed by nothing, or by whole chunks up to the end of the file."""
    position = start + length + (length & 1)
    if position == size + 1:  # the padding byte of an odd chunk is often left out
        return True
    for _ in range(_MAX_CHUNKS):
        if position >= size:
            return position == size
        stream.seek(position)
        head = stream.read(8)
        if len(head) < 8 or not all(0x20 <= c < 0x7F for c in head[:4]):
            return False
        follows = struct.unpack("<I", head[4:])[0]
        position += 8 + follows + (follows & 1)
    return False


def repair_header(path: Path) -> WavInfo:
    """Write the true sizes into the header of a WAV whose writer was killed, and sync it to disk.

    The sound itself is not touched; a header that is right already is left alone. Chunks after the sound stay only
    if the header was right. Raises AudioUnreadable as ``inspect_wav`` does.
    """
    info = inspect_wav(path)
    if info.header_ok:
        return info
    with open_sound(path, writable=True) as stream:
        end = os.fstat(stream.fileno()).st_size
        if _trusted_end(stream, info, end) is None:
            end = info.data_offset + info.data_bytes
            stream.truncate(end)
            stream.seek(info.data_offset - 4)
            stream.write(struct.pack("<I", min(info.data_bytes, _MOST_BYTES)))
        stream.seek(4)
        stream.write(struct.pack("<I", min(end - 8, _MOST_BYTES)))
        stream.flush()
        os.fsync(stream.fileno())
    return inspect_wav(path)


def _trusted_end(stream: BinaryIO, info: WavInfo, size: int) -> int | None:
    """The file's end when only the outer size was wrong, None when the length of the sound was wrong as well."""
    stream.seek(info.data_offset - 4)
    declared = struct.unpack("<I", stream.read(4))[0]
    right = declared == info.data_bytes and _ends_where_chunks_end(stream, info.data_offset, declared, size)
    return size if right else None


def read_frames(stream: BinaryIO, info: WavInfo, first: int, count: int) -> Samples:
    """Up to ``count`` frames from frame ``first`` on: int16, shape (n,) mono, (n, 2) stereo; n = 0 at the end."""
    first = min(max(first, 0), info.frames)
    count = min(max(count, 0), info.frames - first)
    width = SAMPLE_BYTES * info.channels
    stream.seek(info.data_offset + first * width)
    raw = stream.read(count * width)
    samples = np.frombuffer(raw[: len(raw) // width * width], dtype="<i2")
    return samples if info.channels == 1 else samples.reshape(-1, info.channels)


def iter_frames(path: Path, info: WavInfo, block: int = BLOCK_FRAMES) -> Iterator[Samples]:
    """All frames in blocks of at most ``block``, as ``read_frames`` gives them."""
    with open_sound(path) as stream:
        for first in range(0, info.frames, block):
            yield read_frames(stream, info, first, block)


def wav_header(sample_rate: int, channels: int, data_bytes: int) -> bytes:
    """The 44 bytes that precede ``data_bytes`` bytes of 16-bit PCM; more than 4 GiB are told as 4 GiB."""
    width = SAMPLE_BYTES * channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", min(_HEADER_BYTES - 8 + data_bytes, _MOST_BYTES), b"WAVE", b"fmt ", 16, _PCM, channels,
        sample_rate, sample_rate * width, width, 8 * SAMPLE_BYTES, b"data", min(data_bytes, _MOST_BYTES),
    )  # fmt: skip


class StereoWav:
    """Two mono tracks seen as one stereo WAV (left caller, right operator), any byte range of it on demand.

    Nothing is written or held: a range costs two short reads, so hours of sound can be served with HTTP ranges. The
    shorter track is continued with silence. Raises AudioUnreadable when the tracks differ in rate.
    """

    def __init__(self, left: Path, right: Path) -> None:
        self._tracks = [(path, inspect_mono(path)) for path in (left, right)]
        rates = {info.sample_rate for _, info in self._tracks}
        if len(rates) != 1:
            raise AudioUnreadable(f"{left.name} and {right.name}: have different sample rates {sorted(rates)}")
        self.sample_rate = rates.pop()
        self.frames = max(info.frames for _, info in self._tracks)
        self._header = wav_header(self.sample_rate, 2, self.frames * 2 * SAMPLE_BYTES)

    @property
    def size(self) -> int:
        """Bytes of the whole stereo file, header included."""
        return len(self._header) + self.frames * 2 * SAMPLE_BYTES

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate

    def read(self, offset: int, length: int) -> bytes:
        """The bytes ``offset … offset + length`` of the file, fewer at its end; blocking, for a thread.

        Memory grows with ``length``: ask for pieces of some hundred kilobytes.
        """
        end = min(offset + max(length, 0), self.size)
        if offset < 0 or offset >= end:
            return b""
        head = self._header[offset : min(end, len(self._header))]
        start = max(offset - len(self._header), 0)
        stop = max(end - len(self._header), 0)
        if stop <= start:
            return head
        width = 2 * SAMPLE_BYTES
        first, last = start // width, -(-stop // width)
        both = np.zeros((last - first, 2), dtype="<i2")
        for channel, (path, info) in enumerate(self._tracks):
            with open_sound(path) as stream:
                samples = read_frames(stream, info, first, last - first)
            both[: len(samples), channel] = samples
        return head + both.tobytes()[start - first * width : stop - first * width]


def peaks(path: Path, n: int) -> NDArray[np.float32]:
    """The waveform as ``n`` pairs (lowest, highest) in −1…1: shape (n, 2), channels together, memory bounded.

    A recording without samples gives zeros, one with fewer than ``n`` frames repeats them.
    """
    info = inspect_wav(path)
    out = np.zeros((n, 2), dtype=np.float32)
    if not info.frames:
        return out
    with open_sound(path) as stream:
        for bucket in range(n):
            first = bucket * info.frames // n
            last = max((bucket + 1) * info.frames // n, first + 1)
            pieces = (
                read_frames(stream, info, at, min(BLOCK_FRAMES, last - at)) for at in range(first, last, BLOCK_FRAMES)
            )
            spans = [(int(p.min()), int(p.max())) for p in pieces if p.size]
            if spans:
                out[bucket] = min(low for low, _ in spans) / 32768, max(high for _, high in spans) / 32768
    return out
