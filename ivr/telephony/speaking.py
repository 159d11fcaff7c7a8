"""Text to 8 kHz sound by a speaking program, espeak-ng unless another is named.

Blocking (a program runs): call it from a thread or from the command line. The program is an argument list without a
shell; the text is one argument or its standard input, never a command.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from ivr.domain.errors import BadSetting, Unavailable

RATE = 8000
ESPEAK = ("espeak-ng", "-v", "{voice}", "-s", "{words_per_minute}", "-w", "{wav}", "--", "{text}")
_PLACES = ("{voice}", "{words_per_minute}", "{wav}", "{text}")
_WITHIN_S = 60
_PEAK = 0.5  # of full scale: −6 dBFS leaves G.711 its headroom
_LEVEL = 0.1  # −20 dBFS while something sounds: one voice is as loud as another
_SILENCE = 0.01

Samples = np.ndarray[Any, np.dtype[np.int16]]


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks, how fast, and the program that does it.

    ``command`` is run once for each text. ``{wav}`` stands for the file it has to write (16-bit PCM WAV of any rate, one
    or two channels), ``{text}`` for the text, which is also given on standard input; ``{voice}`` and
    ``{words_per_minute}`` for the manifest's.
    """

    name: str
    words_per_minute: int = 175
    command: Sequence[str] = ESPEAK

    def __post_init__(self) -> None:
        if not self.command or not any("{wav}" in part for part in self.command):
            raise BadSetting(
                f"the speaking command {' '.join(self.command) or '(empty)'} names no {{wav}}, the file it has to write; "
                f"it may name {', '.join(_PLACES)}"
            )

    def arguments(self, text: str, wav: Path) -> list[str]:
        """The program and its arguments for one text; values are put in place of the braces and never read again."""
        values = {"{voice}": self.name, "{words_per_minute}": str(self.words_per_minute), "{wav}": str(wav), "{text}": text}
        return [_filled(part, values) for part in self.command]


def _filled(part: str, values: dict[str, str]) -> str:
    filled = ""
    while part:
        place = next((p for p in _PLACES if part.startswith(p)), "")
        filled += values[place] if place else part[0]
        part = part[len(place) or 1 :]
    return filled


def speak(text: str, voice: Voice) -> Samples:
    """Speech of a text: int16 samples at 8 kHz, silence trimmed, level set.

    Unavailable when the program is not there or does not end, BadSetting when it fails or writes nothing to be heard.
    """
    program = voice.command[0]
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        try:
            subprocess.run(
                voice.arguments(text, wav), input=text.encode(), check=True, capture_output=True, timeout=_WITHIN_S
            )
        except (FileNotFoundError, PermissionError) as missing:
            hint = "run `make setup`" if program == ESPEAK[0] else "correct prompts.command"
            raise Unavailable(f"{program} cannot be run: {missing.strerror}; {hint}") from missing
        except subprocess.TimeoutExpired as late:
            raise Unavailable(f"{program} did not finish {text[:20]!r} within {_WITHIN_S} s") from late
        except subprocess.CalledProcessError as failed:
            told = failed.stderr.decode(errors="replace").strip()
            raise BadSetting(f"{program} refused voice {voice.name}: {told or f'exit {failed.returncode}'}") from failed
        samples, rate = _read(wav, program)
    sound = soxr.resample(samples, rate, RATE)
    loud = np.flatnonzero(np.abs(sound) > _SILENCE)
    if not loud.size:
        raise BadSetting(f"the voice {voice.name} said nothing for {text!r}")
    pad = RATE // 20
    sound = sound[max(0, loud[0] - pad) : loud[-1] + pad]
    level = float(np.sqrt((sound[np.abs(sound) > _SILENCE] ** 2).mean()))
    gain = min(_PEAK / float(np.abs(sound).max()), _LEVEL / level)
    return np.asarray(sound * gain * 32767, dtype=np.int16)


def _read(wav: Path, program: str) -> tuple[np.ndarray[Any, np.dtype[np.float32]], int]:
    """Samples −1…1 of one channel, and their rate."""
    try:
        with wave.open(str(wav)) as spoken:
            width, channels, rate = spoken.getsampwidth(), spoken.getnchannels(), spoken.getframerate()
            data = spoken.readframes(spoken.getnframes())
    except (OSError, wave.Error, EOFError) as wrong:
        raise BadSetting(f"{program} wrote no WAV file to {{wav}} ({wrong or 'empty'})") from wrong
    if width != 2:
        raise BadSetting(f"{program} wrote {width * 8}-bit samples; 16-bit PCM is wanted")
    samples = np.frombuffer(data[: len(data) // (2 * channels) * 2 * channels], "<i2").astype(np.float32) / 32768
    return np.ascontiguousarray(samples.reshape(-1, channels)[:, 0], dtype=np.float32), rate


def write_wav(target: Path, samples: Samples) -> None:
    """Write 8 kHz 16-bit mono by way of a temporary name, so that Asterisk never plays half a file."""
    fresh = target.with_suffix(".new")
    with wave.open(str(fresh), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(samples.tobytes())
    fresh.rename(target)
