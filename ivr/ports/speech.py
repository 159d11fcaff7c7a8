"""What the pipeline needs of speech recognition and of stored sound."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ivr.domain.transcript import Speaker, TrackTranscript


class Recognizer(Protocol):
    """Turns one mono track into words with times.

    ``transcribe`` reads a WAV of any length in bounded memory. It raises AudioUnreadable for bytes that are no
    sound (never worth a second try) and RecognizerFailed when the decoder died, hung or spent its CPU budget.
    """

    @property
    def model_name(self) -> str:
        """Name of the model, kept with every transcript."""
        ...

    async def transcribe(self, path: Path, speaker: Speaker) -> TrackTranscript: ...
