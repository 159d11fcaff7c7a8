"""What a call that speaks a notice came to, from what the ledger tells of it."""

from __future__ import annotations

import re
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.call import fold
from ivr.domain.callback import DIALABLE, DIALLED, attempt_id, is_attempt
from ivr.domain.events import Fact
from ivr.domain.notices import MOBILE
from ivr.domain.voice_notice import LANDLINE, furthest, result_of
from ivr.settings_partners import NoticeSettings, PartnerSettings

NUMBER = "09516012348"
ID = attempt_id("ivr", 81, 2, 1795506589.9, "vn")


def call_of(*told: str, cause: int = 16, end: str = "LINKEDID_END", human: bool = False):  # type: ignore[no-untyped-def]
    ours = {"uniqueid": ID, "channame": "PJSIP/trunk-carrier-00000009"}
    rows = [("CHAN_START", ours | {"context": "from-trunk-carrier", "num": "12348"})]
    rows += [("user:NOTICE_TOLD", ours | {"extra": step}) for step in told]
    if human:
        seat = {"uniqueid": "s", "channame": "PJSIP/seat-one-0000000a"}
        rows += [("user:NOTICE", ours | {"extra": "v"}), ("user:QUEUE_ENTERED", ours | {"extra": "hotline"}), ("BRIDGE_ENTER", seat),
                 ("BRIDGE_ENTER", ours)]
    if end:
        rows += [("HANGUP", ours | {"hangupcause": str(cause)}), (end, ours)]
    facts = [Fact("cel", "f", i, ID, kind, 100.0 + i, data) for i, (kind, data) in enumerate(rows)]
    facts.append(Fact("controller", ID, 1, ID, DIALLED, 99.0, {"number": NUMBER, "queue": "", "kind": "notice"}))
    call = partial(fold, prefixes={})(facts)
    assert call is not None
    return call


def result(call):  # type: ignore[no-untyped-def]
    return result_of(call.notice_told, call.state == "ended", call.outcome or "", call.hangup_cause)


def test_the_id_is_none_of_asterisk_and_the_call_is_ours() -> None:
    assert ID == "ivr-vn-1795506589.8102" and is_attempt(ID) and not is_attempt("ivr-7-1795506589.81")
    call = call_of("begun", "heard")
    assert (call.channel, call.caller_number, call.queue) == ("callback", NUMBER, "")


@pytest.mark.parametrize(
    ("told", "cause", "came_to", "outcome"),
    [
        (("begun", "heard"), 16, "heard", "self_service"), (("begun", "heard", "heard"), 16, "heard", "self_service"),
        (("begun",), 16, "left", "failed"), ((), 17, "busy", "failed"), ((), 19, "unanswered", "failed"),
        ((), 21, "refused", "failed"), ((), 1, "refused", "failed"),
    ],
)  # fmt: skip
def test_what_a_call_came_to(told: tuple[str, ...], cause: int, came_to: str, outcome: str) -> None:
    call = call_of(*told, cause=cause)
    assert (result(call), call.outcome) == (came_to, outcome)


def test_heard_is_known_while_the_call_goes_on_and_nothing_else_is() -> None:
    assert result(call_of("begun", "heard", end="")) == "heard"
    assert result(call_of("begun", "human", end="")) == "human"
    assert result(call_of("begun", end="")) is None and result(call_of(end="")) is None


def test_who_wants_a_human_talks_with_one_and_that_is_a_call_with_its_answer() -> None:
    call = call_of("begun", "human", human=True)
    assert (result(call), call.outcome, call.member_interface) == ("human", "answered", "PJSIP/seat-one")
    heard = call_of("begun", "heard", "human", human=True)
    assert (result(heard), heard.outcome) == ("human", "answered")


def test_a_call_that_died_with_its_asterisk_is_neither_heard_nor_refused() -> None:
    assert result(call_of("begun", end="INTERRUPTED")) == "interrupted"
    assert result(call_of("begun", "heard", end="INTERRUPTED")) == "heard"


def test_a_stranger_cannot_say_that_a_notice_was_heard() -> None:
    ours = {"uniqueid": "t-1-5.1", "channame": "PJSIP/trunk-carrier-00000009"}
    call = fold([
        Fact("cel", "f", 0, "t-1-5.1", "CHAN_START", 1.0, ours | {"context": "from-trunk-carrier", "exten": "12348", "num": "1"}),
        Fact("cel", "f", 1, "t-1-5.1", "user:NOTICE_TOLD", 2.0, ours | {"extra": "heard"}),
    ], {})
    assert call is not None and call.notice_told == "" and call.channel == "hotline"


@given(st.lists(st.sampled_from(["", "begun", "heard", "human", "x"])))
def test_a_step_is_never_taken_back(steps: list[str]) -> None:
    now = ""
    for step in steps:
        then = furthest(now, step)
        assert furthest(then, now) == then
        now = then


@settings(max_examples=40, deadline=None)
@given(st.from_regex(re.compile(DIALABLE[:-1] + r"\Z", re.ASCII)))
def test_every_number_is_a_mobile_one_or_a_landline(number: str) -> None:
    assert bool(re.fullmatch(MOBILE, number)) is not bool(re.fullmatch(LANDLINE, number))


def test_settings() -> None:
    assert NoticeSettings().voice == "off" and NoticeSettings().voice_events == ["order.resolved"]
    with pytest.raises(ValueError, match="voice_events"):
        NoticeSettings(voice_events=["order.rated"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="how citizens are told"):
        PartnerSettings(name="notices-voice", secret="s" * 32)
