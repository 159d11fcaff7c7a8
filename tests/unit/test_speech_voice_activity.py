"""Silence is skipped, whatever it is made of, and no speech is lost with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ivr.speech.audio import Samples, inspect_wav, iter_frames
from ivr.speech.decoding_settings import VoiceActivitySettings
from ivr.speech.voice_activity import Stretch, find_speech, levels_dbfs
from tests.fakes.sound import A_LAW_IDLE, noise, silence, spoken, tone, write_wav


def stretches(path: Path, *parts: Samples, rate: int = 8_000, **settings: float) -> list[tuple[float, float]]:
    """(start, end) in seconds of what is found."""
    write_wav(path, *parts, rate=rate)
    found = list(_found(path, VoiceActivitySettings(**settings)))  # type: ignore[arg-type]
    for early, later in zip(found, found[1:], strict=False):
        assert early.last <= later.first if not early.open else (early.first, early.last) <= (later.first, later.last)
    assert not found or not found[-1].open
    return [(round(s.first / rate, 2), round(s.last / rate, 2)) for s in found if not s.open]


def _found(path: Path, settings: VoiceActivitySettings) -> Iterator[Stretch]:
    info = inspect_wav(path)
    return find_speech(iter_frames(path, info, round(settings.block_s * info.sample_rate)), info.sample_rate, settings)


def test_a_long_stretch_is_told_before_it_ends(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", silence(3), tone(25), silence(3))
    found = list(_found(path, VoiceActivitySettings(block_s=10.0)))
    assert [(s.first, s.last, s.open) for s in found] == [
        (21_600, 80_000, True), (21_600, 160_000, True), (21_600, 226_400, False)
    ]


@pytest.mark.parametrize(
    "quiet", [silence(40), silence(40, A_LAW_IDLE), silence(40, -A_LAW_IDLE), noise(40, 12)], ids=str
)
def test_silence_holds_no_speech(tmp_path: Path, quiet: Samples) -> None:
    assert stretches(tmp_path / "a.wav", quiet) == []


@pytest.mark.parametrize("peak", [60, 300])
def test_steady_noise_of_a_line_is_mostly_skipped(tmp_path: Path, peak: int) -> None:
    found = stretches(tmp_path / "a.wav", noise(60, peak))
    assert sum(end - start for start, end in found) < 6


def test_click_is_not_speech(tmp_path: Path) -> None:
    assert stretches(tmp_path / "a.wav", silence(1), tone(0.03), silence(1)) == []


def test_sound_is_padded_and_close_sounds_are_one(tmp_path: Path) -> None:
    found = stretches(
        tmp_path / "a.wav", silence(2), tone(1), silence(0.5), tone(1), silence(3), tone(1), silence(0.1)
    )
    assert found == [(1.7, 4.8), (7.2, 8.6)]


def test_stretches_run_across_blocks_and_do_not_overlap(tmp_path: Path) -> None:
    parts = [p for _ in range(12) for p in (silence(1.1, A_LAW_IDLE), tone(0.8))]
    whole = stretches(tmp_path / "a.wav", *parts)
    assert len(whole) == 12
    assert all(a[1] <= b[0] for a, b in zip(whole, whole[1:], strict=False))
    assert stretches(tmp_path / "a.wav", *parts, block_s=1.0) == whole


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100])
@pytest.mark.parametrize("background", [0, 40])
def test_speech_is_found_at_every_rate_and_over_noise(tmp_path: Path, rate: int, background: int) -> None:
    speech = spoken("我想申请法律援助", rate=rate)
    sound = np.concatenate([silence(3, rate=rate), speech, silence(3, rate=rate)])
    if background:
        sound = sound + noise(len(sound) / rate, background, rate=rate)[: len(sound)]
    ((start, end),) = stretches(tmp_path / "a.wav", sound.astype(np.int16), rate=rate)
    assert 2.5 <= start <= 3.05 and 2.9 + len(speech) / rate - 0.4 <= end <= 3.7 + len(speech) / rate


def test_quiet_speech_is_found(tmp_path: Path) -> None:
    speech = (spoken("我的电话号码是一三九五二") / 40).astype(np.int16)
    assert len(stretches(tmp_path / "a.wav", silence(2, A_LAW_IDLE), speech, silence(2, A_LAW_IDLE))) == 1


def test_levels_are_decibels_of_full_scale() -> None:
    rows = np.stack([np.full(80, 32767), np.zeros(80), np.full(80, A_LAW_IDLE)]).astype(np.int16)
    np.testing.assert_allclose(levels_dbfs(rows), [0.0, -96.3, -72.2], atol=0.1)


def test_half_an_hour_costs_little(tmp_path: Path) -> None:
    part = np.concatenate([silence(5, A_LAW_IDLE), noise(4, 60), spoken("老板拖欠工资三个月了")])
    count = 1_800 * 8_000 // len(part)
    began = time.process_time()
    found = stretches(tmp_path / "a.wav", np.tile(part, count))
    assert len(found) >= count
    assert time.process_time() - began < 4.0, "the gate must stay far below the cost of decoding"
