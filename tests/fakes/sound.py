"""Small WAV files for tests: tones, silence, noise and spoken Mandarin."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import soxr

from ivr.speech.audio import Samples, inspect_wav, iter_frames, wav_header

LINE_HZ = 8_000
A_LAW_IDLE = 8  # what silence looks like after a trip through G.711 A-law


def silence(seconds: float, level: int = 0, rate: int = LINE_HZ) -> Samples:
    return np.full(round(seconds * rate), level, dtype=np.int16)


def tone(seconds: float, hertz: float = 440.0, peak: int = 8_000, rate: int = LINE_HZ) -> Samples:
    at = np.arange(round(seconds * rate)) / rate
    return (peak * np.sin(2 * np.pi * hertz * at)).astype(np.int16)


def noise(seconds: float, peak: int, seed: int = 1, rate: int = LINE_HZ) -> Samples:
    return np.random.default_rng(seed).integers(-peak, peak, round(seconds * rate)).astype(np.int16)


def spoken(text: str, voice: str = "+m3", rate: int = LINE_HZ, speed: int = 165) -> Samples:
    """The text said by espeak-ng; needs the package espeak-ng."""
    command = ["espeak-ng", "-v", f"cmn-latn-pinyin{voice}", "-s", str(speed), "--stdout", text]
    raw = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    header = raw.index(b"data") + 8
    samples = np.frombuffer(raw[header : header + (len(raw) - header) // 2 * 2], dtype="<i2")
    return np.asarray(soxr.resample(samples, 22_050, rate), dtype=np.int16)


def write_wav(path: Path, *parts: Samples, rate: int = LINE_HZ, channels: int = 1) -> Path:
    raw = np.concatenate(parts).astype("<i2").tobytes() if parts else b""
    path.write_bytes(wav_header(rate, channels, len(raw)) + raw)
    return path


def samples_of(path: Path) -> Samples:
    info = inspect_wav(path)
    blocks = list(iter_frames(path, info))
    return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
