"""Words of those who are in danger: a hotline is no emergency service, so they are answered at once, or shown to people at once.

While a caller chooses by speech they lead to the emergency advice (ivr.domain.spoken_choice); in a message nobody hears them when
they are said, so its order says so and an alarm stands until somebody has taken the order up.
"""

from __future__ import annotations

from dataclasses import dataclass

from ivr.domain.phrases import PhraseIndex, is_denied
from ivr.domain.transcript import Transcript

EMERGENCY = (
    "救命", "着火", "起火", "失火", "火警", "打人", "杀人", "砍人", "抢劫", "自杀", "报警", "急救", "救护车", "一一零", "幺幺零",
    "一一九", "幺幺九", "一二零", "幺二零", "家暴",
)
_INDEX = PhraseIndex(EMERGENCY)


@dataclass(frozen=True, slots=True)
class Cry:
    """The first such word: what was said, and how many seconds into the recording."""

    words: str
    at_s: float


def cry_for_help(transcript: Transcript) -> Cry | None:
    """The caller's first word of danger that is not denied (我没有要自杀); None when there is none."""
    for segment in transcript.segments:
        if segment.speaker != "caller":
            continue
        text = segment.text
        for hit in _INDEX.find(text):
            if is_denied(text, hit.start, hit.end):
                continue
            at = 0
            for word in segment.words:
                at += len(word.text)
                if at > hit.start:
                    return Cry(text[hit.start : hit.end], word.start_s)
    return None


def note_of(cry: Cry) -> str:
    """One sentence for the order of a message."""
    return f"留言第 {cry.at_s:.0f} 秒提到“{cry.words}”，可能有人身危险，请立即收听并联系来电人。"


def alarm_of(number: str) -> str:
    """The name of the alarm that stands until somebody has taken the order up."""
    return f"emergency-message:{number}"
