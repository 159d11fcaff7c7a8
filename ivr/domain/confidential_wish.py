"""A caller's wish that nobody else learns of the matter: the machine conceals the order at once, and a person may lift it.

The other way round would be a promise broken while somebody gets round to it. A question (会保密吗) is no wish.
"""

from __future__ import annotations

from ivr.domain.heard_phrase import HeardPhrase, first_heard
from ivr.domain.phrases import PhraseIndex
from ivr.domain.transcript import Transcript

WISHES = (
    "请保密", "请您保密", "请你保密", "请你们保密", "我需要保密", "我想保密", "我要求保密", "一定要保密", "必须保密", "替我保密",
    "帮我保密", "给我保密", "为我保密", "希望保密", "希望你们保密", "保密处理",
    "不要告诉别人", "不要告诉任何人", "别告诉别人", "不要跟别人说", "别跟别人说", "不要让别人知道", "别让别人知道",
    "不想让别人知道", "不要公开我的", "不要让村里知道", "别让村里知道", "不要让单位知道", "别让单位知道", "不要让老板知道",
    "别让老板知道",
)
_INDEX = PhraseIndex(WISHES)
_ASKED = ("吗", "么", "嘛")


REASON_KEY = "坐席在通话中按了保密键"
"""Why the order is confidential when it was not the machine that heard it."""


def spoken_wish(transcript: Transcript) -> HeardPhrase | None:
    """The caller's first wish of confidence; None when there is none."""
    meant = Transcript(transcript.linked_id, tuple(s for s in transcript.segments if not s.text.endswith(_ASKED)))
    return first_heard(meant, _INDEX)


def reason_of(wish: HeardPhrase) -> str:
    """Why the order is confidential, for its history."""
    return f"来电人在第 {wish.at_s:.0f} 秒说“{wish.words}”"
