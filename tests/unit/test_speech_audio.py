"""WAV files as Asterisk leaves them, whole, killed and hostile; stereo by byte ranges; waveforms."""

from __future__ import annotations

import os
import socket
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from ivr.domain.errors import AudioUnreadable
from ivr.speech.audio import StereoWav, inspect_mono, inspect_wav, iter_frames, open_sound, peaks, repair_header, wav_header
from tests.fakes.sound import samples_of, silence, tone, write_wav


def with_sizes(path: Path, riff: int, data: int) -> Path:
    raw = bytearray(path.read_bytes())
    raw[4:8], raw[40:44] = struct.pack("<I", riff), struct.pack("<I", data)
    path.write_bytes(raw)
    return path


def test_whole_file_is_measured(tmp_path: Path) -> None:
    info = inspect_wav(write_wav(tmp_path / "a.wav", tone(1.5)))
    assert (info.sample_rate, info.channels, info.seconds, info.frames) == (8_000, 1, 1.5, 12_000)
    assert (info.data_offset, info.data_bytes, info.header_ok) == (44, 24_000, True)


@pytest.mark.parametrize(("riff", "data"), [(0, 0), (36, 0), (0xFFFFFFFF, 0xFFFFFFFF), (1000, 964), (24_036, 99_000)])
def test_killed_writer_leaves_wrong_sizes_and_the_file_tells_the_length(tmp_path: Path, riff: int, data: int) -> None:
    path = with_sizes(write_wav(tmp_path / "a.wav", tone(1.5)), riff, data)
    info = inspect_wav(path)
    assert (info.seconds, info.header_ok) == (1.5, False)
    repaired = repair_header(path)
    assert repaired == inspect_wav(path) and repaired.header_ok and repaired.seconds == 1.5
    with wave.open(str(path)) as reader:
        assert reader.getnframes() == 12_000
    np.testing.assert_array_equal(samples_of(path), tone(1.5))


def test_half_a_sample_at_the_end_is_dropped(tmp_path: Path) -> None:
    path = with_sizes(write_wav(tmp_path / "a.wav", tone(1.0)), 0, 0)
    path.write_bytes(path.read_bytes() + b"\x01")
    assert inspect_wav(path).frames == 8_000
    assert repair_header(path).header_ok


def test_chunks_around_the_sound_are_not_sound(tmp_path: Path) -> None:
    raw = write_wav(tmp_path / "a.wav", tone(1.0)).read_bytes()
    before = b"JUNK" + struct.pack("<I", 3) + b"abc\0"
    after = b"LIST" + struct.pack("<I", 4) + b"INFO"
    body = raw[8:36] + before + raw[36:] + after
    path = tmp_path / "b.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    info = inspect_wav(path)
    assert (info.seconds, info.data_offset, info.header_ok) == (1.0, 56, True)
    before_repair = path.read_bytes()
    path.write_bytes(b"RIFF" + bytes(4) + body)
    assert not inspect_wav(path).header_ok
    repair_header(path)
    assert path.read_bytes() == before_repair


def test_header_alone_is_a_recording_of_nothing(tmp_path: Path) -> None:
    info = inspect_wav(write_wav(tmp_path / "a.wav"))
    assert (info.seconds, info.frames, info.header_ok) == (0.0, 0, True)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "is empty"),
        (b"RIFF", "not a WAV"),
        (b"\0" * 44, "not a WAV"),
        (b"ID3\x04" + b"\0" * 500, "not a WAV"),
        (b"RIFF\0\0\0\0WAVE", "holds no sound"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "before any description"),
        (b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0abcd", "cut short"),
        (wav_header(8_000, 1, 0)[:36], "holds no sound"),
        (wav_header(8_000, 1, 0).replace(struct.pack("<HHI", 1, 1, 8_000), struct.pack("<HHI", 6, 1, 8_000)), "A-law"),
        (wav_header(8_000, 6, 0), "6 channels"),
        (wav_header(4_000, 1, 0), "4000 samples a second"),
        (wav_header(96_000, 1, 0), "96000 samples a second"),
    ],
)
def test_what_is_no_sound_is_named(tmp_path: Path, raw: bytes, reason: str) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(raw)
    with pytest.raises(AudioUnreadable, match=rf"call\.wav: .*{reason}"):
        inspect_wav(path)


def test_floating_point_missing_and_stereo_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.wav"
    path.write_bytes(
        b"RIFF" + struct.pack("<I", 36 + 8) + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 3, 1, 8_000, 32_000, 4, 32) + b"data" + struct.pack("<I", 8) + bytes(8)
    )  # fmt: skip
    with pytest.raises(AudioUnreadable, match="32-bit floating point"):
        inspect_wav(path)
    with pytest.raises(AudioUnreadable, match="not on disk"):
        inspect_wav(tmp_path / "absent.wav")
    with pytest.raises(AudioUnreadable, match="is a folder"):
        inspect_wav(tmp_path)
    stereo = write_wav(tmp_path / "s.wav", tone(1.0), channels=2)
    assert inspect_wav(stereo).seconds == 0.5
    with pytest.raises(AudioUnreadable, match="2 channels; each speaker's track must be a mono file"):
        inspect_mono(stereo)


def test_only_a_plain_file_is_opened_and_nothing_else_waited_for(tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "a.wav", tone(0.1))
    pipe, link, folder, bound = (tmp_path / f"{name}.wav" for name in ("pipe", "link", "folder", "socket"))
    os.mkfifo(pipe)
    link.symlink_to(sound)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(bound))
        for path, reason in ((pipe, "not a plain file"), (link, "is a link"), (folder, "is a folder"), (bound, "not a plain file")):
            for read in (inspect_wav, repair_header, lambda p: peaks(p, 10), lambda p: StereoWav(sound, p)):
                with pytest.raises(AudioUnreadable, match=rf"{path.name}: .*{reason}"):
                    read(path)
    with pytest.raises(AudioUnreadable, match="not on disk"):
        inspect_wav(tmp_path / ("x" * 300))
    with open_sound(sound) as stream:
        assert stream.read(4) == b"RIFF" and not os.get_inheritable(stream.fileno())


def test_more_than_four_gibibytes_are_read_mended_and_played(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "long.wav", tone(0.5))
    with path.open("r+b") as stream:
        stream.truncate((5 << 30) + 44)
    info = inspect_wav(path)
    assert (info.seconds, info.header_ok) == ((5 << 30) / 16_000, False)
    assert repair_header(path).seconds == info.seconds and path.stat().st_size == (5 << 30) + 44
    both = StereoWav(path, path)
    assert both.size == (10 << 30) + 44 and both.read(both.size - 5, 10) == bytes(5)
    assert peaks(write_wav(tmp_path / "short.wav"), 10).shape == (10, 2)


def test_a_file_cut_while_it_is_read_ends_early_or_in_silence(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", tone(1.0))
    info, both = inspect_wav(path), StereoWav(path, path)
    os.truncate(path, 44 + 1_001)
    blocks = list(iter_frames(path, info, 400))
    assert sum(len(b) for b in blocks) == 500
    assert len(both.read(0, both.size)) == both.size and not any(both.read(44 + 500 * 4, 10_000))
    assert peaks(path, 10).shape == (10, 2)


def test_two_tracks_are_one_stereo_file_in_any_byte_range(tmp_path: Path) -> None:
    left = write_wav(tmp_path / "l.wav", tone(0.1))
    right = with_sizes(write_wav(tmp_path / "r.wav", tone(0.05, 600.0)), 0, 0)
    both = StereoWav(left, right)
    whole = both.read(0, both.size)
    assert len(whole) == both.size == 44 + 800 * 4
    (tmp_path / "both.wav").write_bytes(whole)
    samples = samples_of(tmp_path / "both.wav")
    np.testing.assert_array_equal(samples[:, 0], tone(0.1))
    np.testing.assert_array_equal(samples[:, 1], np.concatenate([tone(0.05, 600.0), silence(0.05)]))
    for offset in (0, 1, 43, 44, 45, 47, 48, 1_000, both.size - 1, both.size, both.size + 5):
        for length in (0, 1, 2, 3, 4, 5, 44, 57, 10_000):
            assert both.read(offset, length) == whole[offset : offset + length], (offset, length)
    assert both.read(-1, 10) == b""


def test_tracks_of_different_rates_are_refused(tmp_path: Path) -> None:
    left = write_wav(tmp_path / "l.wav", tone(0.1))
    right = write_wav(tmp_path / "r.wav", tone(0.1, rate=16_000), rate=16_000)
    with pytest.raises(AudioUnreadable, match="different sample rates"):
        StereoWav(left, right)


def test_waveform_shows_loud_and_quiet(tmp_path: Path) -> None:
    shape = peaks(write_wav(tmp_path / "a.wav", silence(1.0), tone(1.0, peak=16_384)), 10)
    assert shape.shape == (10, 2)
    assert not shape[:5].any()
    np.testing.assert_allclose(shape[5:], [[-0.5, 0.5]] * 5, atol=0.01)
    assert not peaks(write_wav(tmp_path / "e.wav"), 4).any()
    assert peaks(write_wav(tmp_path / "s.wav", tone(0.001)), 50).shape == (50, 2)
