"""Wrap-ups and unanswered rings: decided from events alone, harmless when two decide."""

from __future__ import annotations

from ivr.domain.events import (
    BridgeEntered,
    ChannelEnded,
    ExchangeSnapshot,
    LiveEvent,
    MemberChanged,
    QueueMember,
    QueueSnapshot,
    RangOut,
    TalkBegan,
    TalkEnded,
)
from ivr.domain.seat_state import RING_OUT, WRAP_UP, PauseSeat, ResumeSeat, SeatRules

SEAT = "PJSIP/seat-web"


def rules() -> SeatRules:
    return SeatRules(frozenset({SEAT}), {"hotline": 30.0, "village": 10.0, "none": 0.0})


def member(reason: str = "", device: int = 1, interface: str = SEAT) -> QueueMember:
    return QueueMember(interface, "王律师", device, bool(reason), reason)


def told(rules_: SeatRules, reason: str, now: float) -> None:
    for queue in ("hotline", "village"):
        assert rules_.apply(MemberChanged(queue, member(reason)), now) == []


def test_after_a_conversation_the_seat_is_left_alone_until_its_time_is_over() -> None:
    seat = rules()
    assert seat.apply(TalkBegan("hotline", SEAT, "1"), 0) == []
    assert seat.apply(TalkEnded("hotline", SEAT, "1"), 100) == [PauseSeat(SEAT, WRAP_UP)]
    told(seat, "", 100)  # the telephone is free: told before the pause is
    told(seat, WRAP_UP, 100)
    assert seat.due(129.9) == []
    assert seat.due(130) == [ResumeSeat(SEAT)]
    assert seat.due(1000) == []


def test_the_operator_may_end_it_sooner_and_the_next_one_is_whole_again() -> None:
    seat = rules()
    seat.apply(TalkEnded("hotline", SEAT, "1"), 0)
    told(seat, WRAP_UP, 0)
    told(seat, "", 5)
    assert seat.due(1000) == []
    seat.apply(TalkEnded("village", SEAT, "2"), 1000)
    told(seat, WRAP_UP, 1000)
    assert seat.due(1009) == [] and seat.due(1010) == [ResumeSeat(SEAT)]


def test_another_queue_does_not_cut_it_short() -> None:
    seat = rules()
    seat.apply(TalkEnded("hotline", SEAT, "1"), 0)
    told(seat, WRAP_UP, 0)
    assert seat.apply(TalkEnded("village", SEAT, "2"), 5) == [PauseSeat(SEAT, WRAP_UP)]
    assert seat.due(29) == [] and seat.due(30) == [ResumeSeat(SEAT)]


def test_a_pause_somebody_chose_is_never_replaced() -> None:
    seat = rules()
    told(seat, "meal", 0)
    assert seat.apply(TalkEnded("hotline", SEAT, "1"), 1) == []
    assert seat.apply(RangOut("hotline", SEAT, "2"), 2) == []
    told(seat, "", 3)
    seat.apply(TalkEnded("hotline", SEAT, "3"), 4)
    told(seat, WRAP_UP, 4)
    told(seat, "meal", 5)
    assert seat.due(1000) == []


def test_who_does_not_answer_is_paused_and_it_is_said_why() -> None:
    assert rules().apply(RangOut("hotline", SEAT, "1"), 0) == [PauseSeat(SEAT, RING_OUT)]


def test_desk_telephones_and_queues_without_a_wrap_up_are_left_alone() -> None:
    seat = rules()
    assert seat.apply(TalkEnded("hotline", "PJSIP/seat-one", "1"), 0) == []
    assert seat.apply(RangOut("hotline", "PJSIP/seat-one", "1"), 0) == []
    assert seat.apply(TalkEnded("none", SEAT, "1"), 0) == []
    assert seat.due(1000) == []


def snapshot(reason: str, device: int) -> ExchangeSnapshot:
    queues = tuple(QueueSnapshot(q, (member(reason, device), member("", 1, "PJSIP/seat-one")), ()) for q in ("hotline", "village"))
    return ExchangeSnapshot(queues, frozenset(), 0.0)


def test_a_controller_that_starts_ends_the_wrap_up_it_finds() -> None:
    seat = rules()
    assert seat.apply(snapshot(WRAP_UP, 1), 50) == []
    assert seat.due(79) == [] and seat.due(80) == [ResumeSeat(SEAT)]


def test_a_conversation_that_ended_unseen_is_followed_by_its_wrap_up() -> None:
    seat = rules()
    seat.apply(TalkBegan("hotline", SEAT, "1"), 0)
    assert seat.apply(snapshot("", 2), 10) == []
    assert seat.apply(snapshot("", 1), 20) == [PauseSeat(SEAT, WRAP_UP)]
    assert seat.apply(snapshot(WRAP_UP, 1), 21) == []


def test_two_controllers_do_the_same_and_the_second_changes_nothing() -> None:
    first, second = rules(), rules()
    assert first.apply(TalkEnded("hotline", SEAT, "1"), 0) == second.apply(TalkEnded("hotline", SEAT, "1"), 0)
    for one in (first, second):
        told(one, WRAP_UP, 0)
        told(one, "", 5)  # done
        assert one.due(1000) == []


CITIZEN, LEG = "x-1.0", "x-1.1"


def joins(who: str, bridge: str = "b", channel: str = f"{SEAT}-0000001f") -> BridgeEntered:
    return BridgeEntered("PJSIP/trunk-a-00000000" if who == CITIZEN else channel, who, CITIZEN, bridge, 2, 1.0)


def pages(*events: LiveEvent) -> list[PauseSeat | ResumeSeat]:
    seat = rules()
    told(seat, "", 0)
    return [act for event in events for act in seat.apply(event, 100)]


def test_who_is_joined_with_a_citizen_by_a_transfer_wraps_up_too() -> None:
    gone = ChannelEnded(LEG, CITIZEN)
    assert pages(joins(LEG), joins(CITIZEN), gone) == [PauseSeat(SEAT, WRAP_UP)]
    assert pages(joins(CITIZEN), joins(LEG), gone, gone) == [PauseSeat(SEAT, WRAP_UP)]
    assert pages(joins(LEG, "consultation"), joins(CITIZEN), gone) == [], "a colleague who was only asked"
    assert pages(joins(LEG, "consultation"), joins(CITIZEN), joins(LEG), gone) == [PauseSeat(SEAT, WRAP_UP)]
    assert pages(joins("x-watch-7"), joins(CITIZEN), ChannelEnded("x-watch-7", CITIZEN)) == [], "a supervisor who listened"
    third = BridgeEntered(f"{SEAT}-0000001f", "x-room7-1.7", "x-room7-1.7", "b", 3, 1.0)
    left = ChannelEnded("x-room7-1.7", "x-room7-1.7")
    assert pages(joins(CITIZEN), third, left) == [PauseSeat(SEAT, WRAP_UP)], "asked into a video room, with a linked id of its own"
    assert pages(joins(LEG, channel="PJSIP/seat-one-00000001"), joins(CITIZEN), gone) == []


def test_a_queues_own_conversation_is_told_by_the_queue() -> None:
    begun = TalkBegan("village", SEAT, CITIZEN)
    assert pages(begun, joins(LEG), joins(CITIZEN), ChannelEnded(LEG, CITIZEN)) == []


def test_a_transferred_conversation_that_ended_while_nobody_looked_is_followed_by_its_wrap_up() -> None:
    seat = rules()
    told(seat, "", 0)
    for event in (joins(LEG), joins(CITIZEN)):
        seat.apply(event, 0)
    assert seat.apply(snapshot("", 2), 5) == [] and seat.apply(snapshot("", 1), 6) == [PauseSeat(SEAT, WRAP_UP)]
    assert seat.due(35) == [] and seat.due(36) == [ResumeSeat(SEAT)]
