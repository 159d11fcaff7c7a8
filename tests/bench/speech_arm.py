"""Our side of the speech bench as a process of its own: ``python -m tests.bench.speech_arm worker|floor MODEL JOBS OUT``.

JOBS is a JSON list of {"path", "speaker", "spans": [[start_s, end_s], …]}; OUT gets a JSON list of the texts heard.
``worker`` is what the product runs: the recogniser with its host and decoder processes. ``floor`` feeds the same engine
nothing but the spans, with no search for speech and no process of its own.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any


async def worker(model: Path, jobs: list[dict[str, Any]]) -> list[str]:
    """Each track through the product's recogniser, one at a time."""
    from ivr.speech.recognizer import VoskRecognizer

    async with VoskRecognizer(model, slots=1) as recognizer:
        heard = [await recognizer.transcribe(Path(job["path"]), job["speaker"]) for job in jobs]
    return ["".join(word.text for segment in track.segments for word in segment.words) for track in heard]


def floor(model: Path, jobs: list[dict[str, Any]]) -> list[str]:
    """Decode the speech alone: chunks of two seconds, one result for each span."""
    import wave

    import vosk

    vosk.SetLogLevel(-1)
    loaded, texts = vosk.Model(str(model)), []
    for job in jobs:
        with wave.open(job["path"]) as wav:
            rate = wav.getframerate()
            recognizer = vosk.KaldiRecognizer(loaded, float(rate))
            recognizer.SetWords(True)
            text = ""
            for start_s, end_s in job["spans"]:
                wav.setpos(round(start_s * rate))
                left = round((end_s - start_s) * rate)
                while left > 0:
                    count = min(left, 2 * rate)
                    if recognizer.AcceptWaveform(wav.readframes(count)):
                        text += json.loads(recognizer.Result())["text"]
                    left -= count
                text += json.loads(recognizer.FinalResult())["text"]
        texts.append(text)
    return texts


if __name__ == "__main__":
    way, model, jobs, out = sys.argv[1], Path(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text()), Path(sys.argv[4])
    out.write_text(json.dumps(asyncio.run(worker(model, jobs)) if way == "worker" else floor(model, jobs), ensure_ascii=False))
