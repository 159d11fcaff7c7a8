"""Words of those who are in danger: a hotline is no emergency service, so they are answered at once, or shown to people at once.

While a caller chooses by speech they lead to the emergency advice (ivr.domain.spoken_choice); in a message nobody hears them when
they are said, so its order says so and an alarm stands until somebody has taken the order up.
"""

from __future__ import annotations

from ivr.domain.heard_phrase import HeardPhrase, first_heard
from ivr.domain.phrases import PhraseIndex
from ivr.domain.transcript import Transcript

EMERGENCY = (
    "救命", "着火", "起火", "失火", "火警", "打人", "杀人", "砍人", "抢劫", "自杀", "报警", "急救", "救护车", "一一零", "幺幺零",
    "一一九", "幺幺九", "一二零", "幺二零", "家暴",
)
_INDEX = PhraseIndex(EMERGENCY)


def cry_for_help(transcript: Transcript) -> HeardPhrase | None:
    """The caller's first word of danger that is not denied; None when there is none."""
    return first_heard(transcript, _INDEX)


def note_of(cry: HeardPhrase) -> str:
    """One sentence for the order of a message."""
    return f"留言第 {cry.at_s:.0f} 秒提到“{cry.words}”，可能有人身危险，请立即收听并联系来电人。"


def alarm_of(number: str) -> str:
    """The name of the alarm that stands until somebody has taken the order up."""
    return f"emergency-message:{number}"
