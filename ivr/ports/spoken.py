"""What answering a caller who speaks to the menu needs: a recogniser of few phrases, and the live leg."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from ivr.domain.spoken_choice import Said


class PhraseRecognizer(Protocol):
    """Hears one short utterance at a time, several at once; whether it can be had is known before a caller is invited to speak."""

    @property
    def ready(self) -> bool:
        """Whether an utterance would be heard now."""
        ...

    async def hear(self, sound: bytes, phrases: Sequence[str]) -> list[Said]:
        """The words of an utterance (8 kHz, 16 bit, one channel). Raises RecognizerFailed."""
        ...


class LiveLeg(Protocol):
    """The caller's side of a call, heard now; ends when the call or the link to Asterisk ends."""

    def sound_and_keys(self) -> AsyncIterator[bytes | str]:
        """20 ms frames of sound (8 kHz, 16 bit) as bytes, keys as text, in the order they came."""
        ...
