"""What village phones hear is louder than the slow set, by how much, and never clipped."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ivr.domain.errors import BadSetting
from ivr.settings import PROJECT_ROOT
from ivr.telephony.louder import raise_level
from ivr.telephony.prompt_sound import complaints, measure
from ivr.telephony.prompts import build_prompts, read_manifest
from ivr.telephony.speaking import write_wav


def test_the_shipped_prompts_for_villages_are_slow_and_five_decibels_louder_and_none_is_clipped(tmp_path: Path) -> None:
    manifest = read_manifest(PROJECT_ROOT / "dialplans/prompts/prompts.yaml")
    build_prompts(manifest, tmp_path / "none", tmp_path / "out")
    gains = []
    for name in manifest.spoken:
        slow, louder = measure(tmp_path / f"out/slow/{name}.wav"), measure(tmp_path / f"out/louder/{name}.wav")
        gains.append(louder.speech_dbfs - slow.speech_dbfs)
        assert louder.seconds == slow.seconds and louder.clipped == 0 and louder.peak_dbfs < -0.1
        assert not list(complaints(replace(louder, seconds=1.0), manifest.limits)), name
    print(f"louder by {min(gains):.1f} to {max(gains):.1f} dB, median {statistics.median(gains):.1f} dB")
    assert statistics.median(gains) > 5.0 and min(gains) > 4.0


def test_a_loud_recording_of_a_person_bends_and_is_not_cut(tmp_path: Path) -> None:
    loud = np.asarray(np.sin(np.arange(8000) / 5) * 32000, dtype=np.int16)
    write_wav(tmp_path / "slow.wav", loud)
    raise_level(tmp_path / "slow.wav", tmp_path / "louder.wav", 6)
    told = measure(tmp_path / "louder.wav")
    assert told.clipped == 0 and told.peak_dbfs < -0.1


def test_it_is_made_again_only_when_the_words_or_the_gain_change(tmp_path: Path) -> None:
    write_wav(tmp_path / "slow.wav", np.asarray(np.sin(np.arange(8000) / 5) * 3000, dtype=np.int16))
    target = tmp_path / "louder.wav"
    raise_level(tmp_path / "slow.wav", target, 6)
    first = measure(target).speech_dbfs
    target.write_bytes(target.read_bytes()[:-2] + b"\x07\x00")
    touched = target.read_bytes()
    raise_level(tmp_path / "slow.wav", target, 6)
    assert target.read_bytes() == touched
    raise_level(tmp_path / "slow.wav", target, 3)
    assert measure(target).speech_dbfs == pytest.approx(first - 3, abs=0.1)
    with pytest.raises(BadSetting):
        raise_level(tmp_path / "slow.wav", target, 20)
