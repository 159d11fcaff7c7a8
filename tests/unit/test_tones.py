"""Tones over what is not to be heard: every range of bytes is that of the whole, and nothing of the voice is left under them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.speech.archive import RecordingArchive
from ivr.speech.tones import PEAK, cover_peaks, tone
from tests.fakes.web_world import wav

TONES = {"caller": [(0.25, 0.5), (0.75, 0.8)], "operator": [(0.1, 0.2)]}


async def whole(folder: Path, track: str, tones: object) -> bytes:
    sound = await RecordingArchive().open({"caller": folder / "c.wav", "operator": folder / "o.wav"}, track, tones)  # type: ignore[arg-type]
    return await sound.read(0, sound.size)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tones")
    (made / "c.wav").write_bytes(wav(1.0, 77))
    (made / "o.wav").write_bytes(wav(0.9, -55))
    return made


@pytest.mark.parametrize(("track", "channels"), [("caller", 1), ("operator", 1), ("both", 2)])
async def test_the_voice_is_gone_there_and_stays_elsewhere(folder: Path, track: str, channels: int) -> None:
    before = (folder / "c.wav").read_bytes(), (folder / "o.wav").read_bytes()
    plain, toned = await whole(folder, track, {}), await whole(folder, track, TONES)
    assert len(plain) == len(toned) and plain[:44] == toned[:44]
    voices, heard = (np.frombuffer(b[44:], "<i2").reshape(-1, channels) for b in (plain, toned))
    speakers = ["caller", "operator"] if channels == 2 else [track]
    for channel, speaker in enumerate(speakers):
        covered = np.zeros(len(heard), bool)
        for start, end in TONES[speaker]:
            covered[int(start * 8000) : int(end * 8000)] = True
        covered = covered[: len(heard)]
        assert np.array_equal(heard[covered, channel], tone(0, len(heard), 8000)[covered]), "whatever was said there"
        assert np.array_equal(heard[~covered, channel], voices[~covered, channel])
    assert before == ((folder / "c.wav").read_bytes(), (folder / "o.wav").read_bytes())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.integers(0, 32100), st.integers(0, 9000), st.sampled_from(["caller", "both"]))
async def test_a_range_is_exactly_that_part_of_the_whole(folder: Path, offset: int, length: int, track: str) -> None:
    paths = {"caller": folder / "c.wav", "operator": folder / "o.wav"}
    sound = await RecordingArchive().open(paths, track, TONES)  # type: ignore[arg-type]
    assert await sound.read(offset, length) == (await sound.read(0, sound.size))[offset : offset + length]


async def test_the_waveform_tells_nothing_of_it(folder: Path) -> None:
    paths = {"caller": folder / "c.wav", "operator": folder / "o.wav"}
    found = await RecordingArchive().peaks(paths, 10, TONES)  # type: ignore[arg-type]
    assert [n for n, peak in enumerate(found["caller"]) if peak == PEAK] == [2, 3, 4, 7]
    assert found["operator"][0] == pytest.approx(55 / 32768, abs=1e-4) and found["operator"][1] == PEAK
    assert cover_peaks([0.1, 0.2], 0.0, [(0, 1)]) == [0.1, 0.2]
