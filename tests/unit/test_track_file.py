"""A recording read while it grows gives the same blocks as one read afterwards."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ivr.domain.errors import AudioUnreadable
from ivr.speech.audio import wav_header
from ivr.speech.track_file import TrackFile
from tests.fakes.sound import noise, write_wav

BLOCK = 800


class Recorder:
    """Writes a WAV as Asterisk does: a header whose sizes are zero until the end, then pieces of any length."""

    def __init__(self, path: Path, samples: np.ndarray, cuts: Iterator[int]) -> None:
        self._path = path
        self._whole = wav_header(8000, 1, 2 * len(samples)) + samples.astype("<i2").tobytes()
        self._cuts = cuts
        self._written = 0
        self.waits = 0

    def write_more(self) -> bool:
        """One more piece; True when the recording is closed."""
        self.waits += 1
        size = next(self._cuts, len(self._whole))
        self._written = min(self._written + size, len(self._whole))
        done = self._written == len(self._whole)
        header = self._whole[:44] if done else wav_header(8000, 1, 0)
        self._path.write_bytes((header + self._whole[44:])[: self._written])
        return done


@pytest.mark.parametrize("seed", range(20))
def test_blocks_do_not_depend_on_when_they_were_read(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    samples = noise(1.23, 3000, seed)
    path = tmp_path / "a.wav"
    recorder = Recorder(path, samples, iter([chance.randrange(1, 5000) for _ in range(chance.randrange(12))]))
    seen: list[float] = []
    growing = TrackFile(path, recorder.write_more, seen.append)
    blocks = list(growing.blocks(BLOCK))
    whole = list(TrackFile(path).blocks(BLOCK))
    assert [len(b) for b in blocks] == [BLOCK] * (len(samples) // BLOCK) + [len(samples) % BLOCK]
    assert all(np.array_equal(a, b) for a, b in zip(blocks, whole, strict=True))
    assert seen == sorted(seen) and seen[-1] == growing.seconds == pytest.approx(1.23)


def test_a_recording_that_never_got_sound_ends_as_unreadable(tmp_path: Path) -> None:
    looks = iter([False, False, True])
    with pytest.raises(AudioUnreadable, match="not on disk"):
        TrackFile(tmp_path / "absent.wav", lambda: next(looks))
    assert next(looks, None) is None


def test_what_is_no_recording_is_told_while_it_grows(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x" * 100)
    with pytest.raises(AudioUnreadable, match="not a WAV file"):
        TrackFile(tmp_path / "a.wav", lambda: pytest.fail("nothing to wait for"))


@pytest.mark.parametrize("change", ["shorter", "gone"])
def test_another_file_under_the_same_name_is_not_followed(tmp_path: Path, change: str) -> None:
    path = write_wav(tmp_path / "a.wav", noise(0.15, 100))

    def meanwhile() -> bool:
        path.unlink()
        if change == "shorter":
            write_wav(path, noise(0.05, 100))
        return False

    track = TrackFile(path, meanwhile)
    with pytest.raises(AudioUnreadable, match="became another file|not on disk"):
        list(track.blocks(BLOCK))
