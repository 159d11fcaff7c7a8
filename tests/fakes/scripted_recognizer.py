"""A recogniser that hears what a test tells it to hear, at the speed and with the failures the test asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from ivr.domain.transcript import Segment, Speaker, TrackTranscript, Word


def said(speaker: Speaker, start_s: float, text: str, confidence: float = 1.0, second_per_char: float = 0.2) -> Segment:
    """A segment from space-separated words, evenly spoken: ``said("caller", 1.0, "我 叫 马 建国")``."""
    words, at = [], start_s
    for text_of_word in text.split():
        end = at + second_per_char * len(text_of_word)
        words.append(Word(text_of_word, round(at, 3), round(end, 3), confidence))
        at = end
    return Segment(speaker, start_s, round(at, 3), tuple(words))


class ScriptedRecognizer:
    """Implements the Recognizer port.

    ``script`` maps a file name, or a speaker for any other file, to the segments heard or to the error raised; what is
    not in it is silence. ``delay_s`` passes before each answer, and ``heard`` lists the files asked for.
    """

    def __init__(
        self,
        script: Mapping[str, Sequence[Segment] | Exception],
        *,
        model_name: str = "scripted",
        audio_s: float = 30.0,
        delay_s: float = 0.0,
    ) -> None:
        self._script = script
        self._model_name = model_name
        self._audio_s = audio_s
        self._delay_s = delay_s
        self.heard: list[Path] = []

    @property
    def model_name(self) -> str:
        return self._model_name

    async def transcribe(self, path: Path, speaker: Speaker) -> TrackTranscript:
        self.heard.append(path)
        await asyncio.sleep(self._delay_s)
        answer = self._script.get(path.name, self._script.get(speaker, ()))
        if isinstance(answer, Exception):
            raise answer
        speech_s = sum(segment.end_s - segment.start_s for segment in answer)
        return TrackTranscript(speaker, self._model_name, self._audio_s, speech_s, tuple(answer))
