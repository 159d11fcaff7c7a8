"""Speaks held-back sentences with espeak-ng and counts the characters the model gets wrong.

Run with the product's own environment, for it decodes as the product does:
``python models/tiny/build/measure_recognition.py MODEL_DIR [tuning|blind|added_words]``. The sound is 8 kHz without
noise; figures on a noisy line are worse.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np
import soxr

from ivr.speech.audio import inspect_wav, iter_frames, wav_header
from ivr.speech.recognizer import VoskRecognizer

VOICES = ("+f2", "+m3", "+f5", "+m8")
_LINE_HZ = 8_000


def speak(sentence: str, voice: str, target: Path) -> None:
    """Write the sentence as an 8 kHz mono WAV with half a second of silence on both sides."""
    spoken = target.with_suffix(".spoken.wav")
    subprocess.run(["espeak-ng", "-v", f"cmn-latn-pinyin{voice}", "-w", str(spoken), sentence], check=True)
    info = inspect_wav(spoken)
    samples = soxr.resample(np.concatenate(list(iter_frames(spoken, info))), info.sample_rate, _LINE_HZ)
    quiet = np.zeros(_LINE_HZ // 2, np.int16)
    sound = np.concatenate([quiet, samples.astype(np.int16), quiet]).astype("<i2").tobytes()
    target.write_bytes(wav_header(_LINE_HZ, 1, len(sound)) + sound)


def edit_distance(said: str, heard: str) -> int:
    row = list(range(len(heard) + 1))
    for i, a in enumerate(said, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]


async def measure(model: Path, sentences: list[str]) -> tuple[float, float]:
    """(character error rate, share of renditions without any error), each rendition said by every voice."""
    wrong = characters = exact = 0
    with tempfile.TemporaryDirectory() as folder:
        async with VoskRecognizer(model) as recognizer:
            for number, sentence in enumerate(sentences):
                for voice in VOICES:
                    wav = Path(folder) / f"{number}{voice}.wav"
                    await asyncio.to_thread(speak, sentence, voice, wav)
                    track = await recognizer.transcribe(wav, "caller")
                    heard = "".join(segment.text for segment in track.segments)
                    errors = edit_distance(sentence, heard)
                    wrong, characters, exact = wrong + errors, characters + len(sentence), exact + (errors == 0)
                    if errors:
                        print(f"  {voice} {sentence} => {heard}")
    return wrong / characters, exact / (len(sentences) * len(VOICES))


def main() -> None:
    table = tomllib.loads(Path(__file__).with_name("evaluation.toml").read_text(encoding="utf-8"))
    for kind in sys.argv[2:] or list(table):
        errors, exact = asyncio.run(measure(Path(sys.argv[1]), table[kind]))
        print(f"{kind}: {len(table[kind])} sentences × {len(VOICES)} voices, "
              f"character errors {errors:.2%}, exact {exact:.1%}")  # fmt: skip


if __name__ == "__main__":
    main()
