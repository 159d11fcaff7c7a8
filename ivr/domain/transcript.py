"""Who said what and when, as heard by a recogniser; the raw words are never overwritten."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Speaker = Literal["caller", "operator"]


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word: seconds from the start of the recording, confidence 0…1."""

    text: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of speech by one speaker, bounded by silence."""

    speaker: Speaker
    start_s: float
    end_s: float
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words joined without spaces, as Chinese is written."""
        return "".join(w.text for w in self.words)

    @property
    def confidence(self) -> float:
        """Mean word confidence, 0…1; 0 for a segment without words."""
        return sum(w.confidence for w in self.words) / len(self.words) if self.words else 0.0


@dataclass(frozen=True, slots=True)
class TrackTranscript:
    """What one recogniser heard on one track; no segments is a legal outcome: nobody spoke."""

    speaker: Speaker
    model: str
    audio_s: float
    speech_s: float
    segments: tuple[Segment, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Transcript:
    """All tracks of one call in the order of speaking."""

    linked_id: str
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, linked_id: str, segments: list[Segment]) -> Transcript:
        """Merge segments of every track by start time, so that a dialogue reads as it was spoken."""
        return cls(linked_id, tuple(sorted(segments, key=lambda s: (s.start_s, s.speaker))))
