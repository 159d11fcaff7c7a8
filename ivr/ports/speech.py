"""What the pipeline needs of speech recognition and of stored sound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ivr.domain.transcript import Segment, Speaker, TrackTranscript


class FollowedTrack(Protocol):
    """A track that is heard while it is still being recorded."""

    @property
    def broken(self) -> bool:
        """Whether following it has failed; the track is then heard from its start, as any other."""
        ...

    def heard(self) -> Sequence[Segment]:
        """What was heard so far, in the order of speaking; grows only."""
        ...

    async def finish(self, audio_s: float) -> TrackTranscript:
        """The transcript of the recording, now that it is closed and ``audio_s`` long; raises as ``transcribe`` does."""
        ...

    async def give_up(self) -> None:
        """Stop hearing it."""
        ...


class Recognizer(Protocol):
    """Turns one mono track into words with times.

    ``transcribe`` reads a WAV of any length in bounded memory. It raises AudioUnreadable for bytes that are no
    sound (never worth a second try) and RecognizerFailed when the decoder died, hung or spent its CPU budget.
    ``follow`` begins before the file is closed, or even there; what it hears in the end is what ``transcribe`` would.
    """

    @property
    def model_name(self) -> str:
        """Name of the model, kept with every transcript."""
        ...

    async def transcribe(self, path: Path, speaker: Speaker) -> TrackTranscript: ...

    async def follow(self, path: Path, speaker: Speaker) -> FollowedTrack: ...
