"""Speak the prompts of the text manifest into 8 kHz WAV files, keeping every human recording that is supplied.

Blocking (espeak-ng is a program): call it from a thread or from the command line. A prompt is spoken again only when
its text, voice or speed changed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import yaml

from ivr.domain.errors import BadSetting, Unavailable

RATE = 8000
_PEAK = 0.5  # of full scale: −6 dBFS leaves G.711 its headroom
_SILENCE = 0.01


@dataclass(frozen=True, slots=True)
class PromptManifest:
    """What is said: version of the notice, voice, speed, limits, the texts by name, and the pieces of spoken numbers."""

    version: str
    voice: str
    words_per_minute: int
    longest_greeting_s: float
    prompts: dict[str, str]
    numbers: dict[str, str] = field(default_factory=dict)

    @property
    def spoken(self) -> dict[str, str]:
        """Everything that becomes a file: prompts, and numbers as ``digits/<piece>``."""
        return self.prompts | {f"digits/{piece}": text for piece, text in self.numbers.items()}


def read_manifest(file: Path) -> PromptManifest:
    """Parse the manifest; BadSetting names what is wrong."""
    try:
        data: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
        manifest = PromptManifest(
            str(data["version"]), str(data["voice"]), int(data["words_per_minute"]),
            float(data["longest_greeting_s"]), {str(k): str(v) for k, v in data["prompts"].items()},
            {str(k): str(v) for k, v in data.get("numbers", {}).items()},
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise BadSetting(f"{file}: not a prompt manifest ({wrong}); see docs/how-to/prompts.md") from wrong
    for name in ("greeting", "notice", "not-recorded", "all-busy"):
        if name not in manifest.prompts:
            raise BadSetting(f"{file}: the prompt {name} is missing; the dialplan plays it")
    return manifest


def build_prompts(
    manifest: PromptManifest, recorded: Path, out: Path, told: Callable[[str, float], None] = lambda _n, _s: None
) -> None:
    """Write ``out/<name>.wav`` for every prompt; ``told`` hears each name with its length in seconds.

    Raises BadSetting when greeting and notice together pass the limit (GB/T 33358 wants a human within 15 s, so the
    words before the queue are kept to 8 s), or when a human recording is not 8 kHz 16-bit mono.
    """
    (out / "digits").mkdir(parents=True, exist_ok=True)
    lengths: dict[str, float] = {}
    for name, text in manifest.spoken.items():
        target, human = out / f"{name}.wav", recorded / f"{name}.wav"
        if human.is_file():
            _check_recording(human)
            shutil.copyfile(human, target)
        else:
            mark = target.with_name(f".{target.name}.sha256")
            wanted = hashlib.sha256(f"{manifest.voice}|{manifest.words_per_minute}|{text}".encode()).hexdigest()
            if not (target.is_file() and mark.is_file() and mark.read_text() == wanted):
                write_wav(target, speak(text, manifest.voice, manifest.words_per_minute))
                mark.write_text(wanted)
        with wave.open(str(target)) as wav:
            lengths[name] = wav.getnframes() / wav.getframerate()
        told(name, lengths[name])
    together = lengths["greeting"] + lengths["notice"]
    if together > manifest.longest_greeting_s:
        raise BadSetting(
            f"greeting and notice last {together:.1f} s together, more than {manifest.longest_greeting_s:.1f} s; "
            "shorten their text or speak faster"
        )


def speak(text: str, voice: str, words_per_minute: int = 175) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Speech of a text: int16 samples at 8 kHz, silence trimmed, level set. The text is an argument, never a command."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        try:
            subprocess.run(
                ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-w", str(wav), "--", text],
                check=True, capture_output=True, timeout=60,
            )
        except FileNotFoundError as missing:
            raise Unavailable("espeak-ng is not installed; run `make setup`") from missing
        except subprocess.CalledProcessError as failed:
            raise BadSetting(f"espeak-ng refused voice {voice}: {failed.stderr.decode(errors='replace').strip()}") from failed
        with wave.open(str(wav)) as spoken:
            rate = spoken.getframerate()
            samples = np.frombuffer(spoken.readframes(spoken.getnframes()), "<i2").astype(np.float32) / 32768
    sound = soxr.resample(samples, rate, RATE)
    loud = np.flatnonzero(np.abs(sound) > _SILENCE)
    if not loud.size:
        raise BadSetting(f"the voice {voice} said nothing for {text!r}")
    pad = RATE // 20
    sound = sound[max(0, loud[0] - pad) : loud[-1] + pad]
    return np.asarray(sound / np.abs(sound).max() * _PEAK * 32767, dtype=np.int16)


def write_wav(target: Path, samples: np.ndarray[Any, np.dtype[np.int16]]) -> None:
    """Write 8 kHz 16-bit mono by way of a temporary name, so that Asterisk never plays half a file."""
    fresh = target.with_suffix(".new")
    with wave.open(str(fresh), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(samples.tobytes())
    fresh.rename(target)


def _check_recording(file: Path) -> None:
    try:
        with wave.open(str(file)) as wav:
            form = (wav.getframerate(), wav.getsampwidth(), wav.getnchannels())
    except (wave.Error, EOFError) as wrong:
        raise BadSetting(f"{file} is no WAV file ({wrong})") from wrong
    if form != (RATE, 2, 1):
        raise BadSetting(f"{file} must be 8000 Hz, 16 bit, mono; it has {form[0]} Hz, {form[1] * 8} bit, {form[2]} channels")
