"""Thresholds of finding and decoding speech, as they travel from the settings to a decoder child."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class VoiceActivitySettings:
    """Thresholds in dB (full scale = 0) and seconds.

    Frames below ``silence_dbfs`` are silent for certain (a-law's idle ±8 is −72). The noise floor is the level that
    ``floor_percentile`` of the frames of a block stay under, never taken higher than ``floor_max_dbfs`` so that a
    block full of speech is not its own noise. Frames less than ``doubt_above_floor_db`` over it are silent, more than
    ``sound_above_floor_db`` are sound, and WebRTC's detector (0 lenient … 3 strict) settles the rest.
    A run needs ``min_sound_s`` of sound within ``min_gap_s`` of each other; ``pad_s`` is added on both sides.
    """

    silence_dbfs: float = -66.0
    floor_percentile: float = 10.0
    floor_max_dbfs: float = -40.0
    doubt_above_floor_db: float = 4.0
    sound_above_floor_db: float = 18.0
    webrtc_mode: int = 2
    min_sound_s: float = 0.06
    min_gap_s: float = 0.7
    pad_s: float = 0.3
    block_s: float = 10.0


@dataclass(frozen=True, slots=True)
class DecodingSettings:
    """``chunk_s`` of sound per call into the engine; words ``split_silence_s`` apart belong to different segments."""

    chunk_s: float = 2.0
    split_silence_s: float = 0.7
    voice_activity: VoiceActivitySettings = field(default_factory=VoiceActivitySettings)

    @classmethod
    def of(cls, plain: dict[str, Any]) -> DecodingSettings:
        """From ``dataclasses.asdict`` of one, as it travels between processes."""
        return cls(**{**plain, "voice_activity": VoiceActivitySettings(**plain["voice_activity"])})


@dataclass(frozen=True, slots=True)
class DecodingBudget:
    """Seconds one file may take, of processor time and on the wall clock alike: the greater of the two figures.

    Speech that does not fit a model decodes at a tenth of real time (vosk-api#660); the budget keeps such a file from
    holding a slot for hours.
    """

    least_s: float = 30.0
    per_audio_second: float = 5.0

    def of(self, audio_s: float) -> float:
        return max(self.least_s, self.per_audio_second * audio_s)
