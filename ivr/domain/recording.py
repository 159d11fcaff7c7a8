"""The life of one recorded track, and what its file name tells.

pending → leased → transcribed | no_speech | quarantined; a lease that runs out, or a failed attempt, goes back to
pending until the attempts are used up. The row is the job: finding a file is enough to get it transcribed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ivr.domain.transcript import Speaker

TrackState = Literal["pending", "leased", "transcribed", "no_speech", "quarantined"]
OPEN_STATES: tuple[TrackState, ...] = ("pending", "leased")
TRACKS: tuple[Speaker, ...] = ("caller", "operator")
MOST_ATTEMPTS = 3
LEASE_S = 20.0
LONG_S = 1800.0
"""Beyond this a recording waits for shorter ones, and never takes a worker's last slot."""

_BASE = re.compile(
    r"(?P<day>\d{8})/(?P<unique_id>[A-Za-z0-9.-]{1,100}-\d{1,20}\.\d{1,20})-(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class RecordingName:
    """The common part of a call's file names: ``20261124/ivr-7-1764000000.12-<uuid>``."""

    base: str
    linked_id: str

    @classmethod
    def parse(cls, base: str) -> RecordingName | None:
        """None for a name Asterisk's dialplan never makes; such a file is left alone and reported."""
        found = _BASE.fullmatch(base)
        return cls(base, found["unique_id"]) if found else None

    def path(self, track: Speaker) -> str:
        """The track's path relative to the recordings folder."""
        return f"{self.base}-{track}.wav"


@dataclass(frozen=True, slots=True)
class Track:
    """One checked sound file. ``seconds`` comes from the file's size, because a killed Asterisk leaves a header of zeros."""

    name: RecordingName
    track: Speaker
    seconds: float
    size_bytes: int
    sample_rate: int


@dataclass(frozen=True, slots=True)
class TrackJob:
    """A track taken by a worker; ``attempt`` counts from 1 and is committed before the work begins."""

    track_id: int
    linked_id: str
    path: str
    track: Speaker
    seconds: float
    attempt: int


def after_failure(attempt: int, hopeless: bool) -> TrackState:
    """What a track becomes when an attempt failed; ``hopeless`` means its bytes are no sound."""
    return "quarantined" if hopeless or attempt >= MOST_ATTEMPTS else "pending"
