"""What a work order says about the call that opened it, before and after its transcript is there."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.domain.appointment import read_told
from ivr.domain.call import Call, CallOutcome
from ivr.domain.callback import parse_promise
from ivr.domain.reconciliation import length_differs

_NOTES: dict[CallOutcome, str] = {
    "abandoned": "来电人在接通前挂断，没有录音。",
    "failed": "坐席全忙，来电人未接通，没有录音。",
    "overflow": "线路占满，来电未接入，没有录音。",
    "interrupted": "通话因系统中断结束，录音可能不完整。",
}


_NOT_RECORDED = "来电人不同意录音，没有录音和转写。"
_ENDS_AS = {"self_service": "listed", "answered": "ended"}
_NUISANCE_NOTES = {
    "listed": "来电号码在骚扰名单中，来电人听到紧急求助提示后没有转人工，没有录音。",
    "ended": "来电人经两次提醒仍未改正，坐席按骚扰来电规则结束了通话。",
}


def state_at_opening(call: Call) -> str:
    """An order waits as a draft for a person; one that only tells of an enquiry is closed at once: it is linked."""
    return "closed" if call.outcome == "self_service" and not call.appointment else "draft"


def note_at_opening(call: Call) -> str:
    """Why an order has no transcript, or will have a partial one; '' when one is on its way."""
    if call.nuisance == _ENDS_AS.get(call.outcome or "") and not call.asked_about:
        return _NUISANCE_NOTES[call.nuisance] + (_NOT_RECORDED if call.recording_refused else "")
    if call.ringback:
        number = parse_promise(call.ringback)[1]
        return f"村居终端线路中断，改拨村里电话 {number} 回电。" + (_NOT_RECORDED if call.recording_refused else "")
    if call.outcome == "callback":
        return f"来电人在接通前预约回电，号码 {call.callback_number}。"
    told = read_told(call.appointment)
    if told is not None and call.outcome == "self_service":
        return told.words
    if call.outcome == "self_service":
        return f"来电人自助查询工单 {call.asked_about} 的办理进度，没有转人工。"
    if call.recording_refused:
        return _NOT_RECORDED
    if call.outcome == "answered":
        return ""
    return _NOTES.get(call.outcome, "") if call.outcome else ""


NOTE_RECORDING_MISSING = "这通电话应有录音，但没有找到录音文件。"


def note_after_transcription(note: str, quarantined: int, silent: int, tracks: int) -> str:
    """The note once every track is done: what could not be heard is said, never left to be guessed."""
    if tracks and quarantined == tracks:
        return "录音无法转写，原文件已保留，请人工收听。"
    if quarantined:
        return "有一方的录音无法转写，原文件已保留，请人工收听。"
    if tracks and silent == tracks:
        return "录音中没有听到说话声。"
    return note


def note_on_length(recorded_s: Sequence[float], talked_s: float) -> str:
    """'' unless a track is shorter than its conversation, as a full disk leaves it: then both lengths."""
    if not recorded_s or min(recorded_s) > talked_s or not length_differs(min(recorded_s), talked_s):
        return ""
    return f"录音 {min(recorded_s):.0f} 秒，与通话时长 {talked_s:.0f} 秒不符，可能没有录全。"
