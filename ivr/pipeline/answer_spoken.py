"""From a caller who speaks to a menu to the key that is meant; the sound is in memory until it is understood, and nowhere else."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from ivr.domain.end_of_speech import FRAME_S, EndOfSpeech
from ivr.domain.errors import RecognizerFailed
from ivr.domain.menu import CHOICE_KEYS, UNIVERSAL_KEYS
from ivr.domain.spoken_choice import SpokenMenu, Verdict, decide, listened_for
from ivr.ports.spoken import LiveLeg, PhraseRecognizer

log = structlog.get_logger(__name__)

_BEFORE_S = 0.3  # sound before speech was noticed: the first consonant is quiet
_INVITED_S = 15.0  # from the invitation to speak until Asterisk gives us the call, prompt included
_ASKED_S = 5.0  # from the end of listening until the dialplan asks what was heard
_KEY_NAMES = {"#": "hash", "*": "star"}


@dataclass(frozen=True, slots=True)
class SpokenLimits:
    """``slots`` callers are listened to at once. Seconds of ``silence_s`` end an utterance, ``longest_s`` ends it anyway.

    ``sure`` and ``doubtful`` are the least confidences of a phrase that is taken, and of one that is asked back.
    """

    slots: int = 4
    silence_s: float = 0.6
    longest_s: float = 6.0
    sure: float = 0.8
    doubtful: float = 0.4


@dataclass(slots=True)
class _Turn:
    menu: SpokenMenu
    confirming: bool
    until: float
    answer: dict[str, str] = field(default_factory=dict)


class SpokenDesk:
    """Answers whether a caller can be heard, hears the live leg, and says what was meant.

    ``FOUND`` is yes or busy to the first question. To the second it is ``said_K``, ``key_K`` (a key was pressed instead) or
    ``ask_K`` (in doubt), with the key or ``hash`` and ``star``; or ``yes``, ``emergency``, ``none`` (not understood), ``silent``.
    """

    def __init__(self, recognizer: PhraseRecognizer, menus: Mapping[str, SpokenMenu], limits: SpokenLimits) -> None:
        self._recognizer = recognizer
        self._menus = menus
        self._limits = limits
        self._turns: dict[str, _Turn] = {}

    def listen(self, ticket: str, menu: str, *, confirming: bool = False) -> dict[str, str]:
        """Whether the caller with this ticket may speak; a place is kept for a little while."""
        now = asyncio.get_running_loop().time()
        self._turns = {t: turn for t, turn in self._turns.items() if turn.until > now}
        if not ticket or menu not in self._menus or not self._recognizer.ready or len(self._turns) >= self._limits.slots:
            return {"FOUND": "busy"}
        self._turns[ticket] = _Turn(self._menus[menu], confirming, now + _INVITED_S)
        return {"FOUND": "yes"}

    async def take(self, ticket: str, leg: LiveLeg) -> None:
        """Listen until it is known what the caller wants, or that nothing comes; unknown tickets are not listened to."""
        turn = self._turns.get(ticket)
        if turn is None:
            return
        loop = asyncio.get_running_loop()
        turn.until = loop.time() + turn.menu.timeout_s + self._limits.longest_s + _ASKED_S
        answer = await self._hear(turn, leg)
        if answer:
            turn.answer, turn.until = answer, loop.time() + _ASKED_S
        else:  # the caller has hung up
            self._turns.pop(ticket, None)

    def heard(self, ticket: str) -> dict[str, str]:
        """What was meant; empty when nothing is known of this ticket. The place is free again."""
        turn = self._turns.pop(ticket, None)
        return turn.answer if turn else {}

    async def _hear(self, turn: _Turn, leg: LiveLeg) -> dict[str, str]:
        limits = self._limits
        ear = EndOfSpeech(turn.menu.timeout_s, silence_s=limits.silence_s, longest_s=limits.longest_s)
        before: deque[bytes] = deque(maxlen=round(_BEFORE_S / FRAME_S))
        utterance: list[bytes] = []
        async for heard in leg.sound_and_keys():
            if isinstance(heard, str):
                return {"FOUND": f"key_{_key_name(heard)}"}
            moment = ear.hear(heard)
            if moment == "silent":
                return {"FOUND": "silent"}
            if moment == "waiting":
                before.append(heard)
                continue
            utterance.append(heard)
            if moment == "over":
                return await self._understand(turn, b"".join((*before, *utterance)))
        return {}

    async def _understand(self, turn: _Turn, sound: bytes) -> dict[str, str]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            said = await self._recognizer.hear(sound, listened_for(turn.menu, confirming=turn.confirming))
        except RecognizerFailed as failed:
            log.warning("spoken_choice_failed", menu=turn.menu.name, reason=str(failed))
            return {"FOUND": "none"}
        verdict = decide(said, turn.menu, confirming=turn.confirming, sure=self._limits.sure, doubtful=self._limits.doubtful)
        log.info(
            "spoken_choice", menu=turn.menu.name, verdict=verdict.kind, key=verdict.key, speech_s=round(len(sound) / 16_000, 2),
            took_s=round(loop.time() - began, 3),
        )
        return {"FOUND": _found(verdict)}


def _found(verdict: Verdict) -> str:
    match verdict.kind:
        case "chosen":
            return f"said_{_key_name(verdict.key)}"
        case "unsure":
            return f"ask_{_key_name(verdict.key)}"
        case "emergency" | "yes":
            return verdict.kind
    return "none"


def _key_name(key: str) -> str:
    """A key as an answer can carry it; ``other`` for what no telephone's twelve keys send."""
    return _KEY_NAMES.get(key, key) if key in CHOICE_KEYS or key in UNIVERSAL_KEYS else "other"
