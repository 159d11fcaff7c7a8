"""Hear calls while they are being recorded, so that at hang-up only the last seconds are left to hear.

A head start and nothing more: what is followed lives in this process alone. When it dies, or a decoder does, the track is
heard from its start after the call, as if nobody had followed it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import structlog

from ivr.domain.errors import RecognizerFailed, Unavailable
from ivr.domain.recording import TRACKS
from ivr.domain.transcript import Speaker
from ivr.ports.pipeline import LiveWords, TrackStore
from ivr.ports.speech import FollowedTrack, Recognizer

log = structlog.get_logger(__name__)

_EVERY_S = 0.5
_CLAIM_S = 10.0
_AFTERWARDS_S = 30.0


@dataclass(slots=True)
class _Followed:
    track: FollowedTrack
    last_talking: float
    linked_id: str
    told: int = 0


class RecordingFollower:
    """Follows at most ``most_tracks`` recordings that ``name`` has claimed, each until its track is handed over."""

    def __init__(
        self, name: str, tracks: TrackStore, recognizer: Recognizer, recordings: Path, most_tracks: int, *,
        every_s: float = _EVERY_S, words: LiveWords | None = None,
    ) -> None:
        self.name = name
        self._tracks = tracks
        self._recognizer = recognizer
        self._recordings = recordings
        self._most = most_tracks
        self._every_s = every_s
        self._words = words
        self._followed: dict[str, _Followed] = {}

    async def run(self) -> None:
        """Ends only when cancelled, and then gives up what it follows."""
        try:
            while self._most:
                try:
                    await self._round()
                except Unavailable as away:
                    log.warning("following_waits", reason=str(away))
                except Exception:  # a head start must not end unseen, and never costs the transcript
                    log.exception("following_failed")
                await asyncio.sleep(self._every_s)
        finally:
            followed, self._followed = self._followed, {}
            await asyncio.gather(*(f.track.give_up() for f in followed.values()))

    def handed_over(self, path: str) -> FollowedTrack | None:
        """The followed track of this path, which is the caller's from now on; None when it must be heard from its start."""
        found = self._followed.pop(path, None)
        return None if found is None or found.track.broken else found.track

    async def _round(self) -> None:
        now = asyncio.get_running_loop().time()
        await self._tell()
        names = await self._tracks.being_recorded(self._most)
        talking: dict[str, tuple[str, Speaker]] = {name.path(track): (name.linked_id, track) for name in names for track in TRACKS}
        for path in talking.keys() & self._followed.keys():
            self._followed[path].last_talking = now
        wanted = [*self._followed, *(p for p in talking if p not in self._followed)][: self._most]
        ours = await self._tracks.follow(wanted, self.name, _CLAIM_S) if wanted else frozenset()
        for path, followed in list(self._followed.items()):
            if path not in ours or followed.track.broken or now - followed.last_talking > _AFTERWARDS_S:
                await self._give_up(path)
        for path in ours - self._followed.keys():
            if path in talking:
                await self._begin(path, *talking[path], now)

    async def _tell(self) -> None:
        """Pass on what was heard since the last round; a call is told of twice rather than never."""
        if self._words is None:
            return
        for followed in list(self._followed.values()):
            if fresh := followed.track.heard()[followed.told:]:
                await self._words.hear(followed.linked_id, followed.told, fresh)
                followed.told += len(fresh)

    async def _begin(self, path: str, linked_id: str, speaker: Speaker, now: float) -> None:
        try:
            self._followed[path] = _Followed(
                await self._recognizer.follow(self._recordings / path, speaker), now, linked_id,
            )
        except RecognizerFailed as failed:
            log.warning("track_not_followed", path=path, reason=str(failed))

    async def _give_up(self, path: str) -> None:
        followed = self._followed.pop(path, None)
        if followed is not None:  # else it was handed over meanwhile
            log.info("following_given_up", path=path, broken=followed.track.broken)
            await followed.track.give_up()
