"""The queue board against a simple model: a snapshot replaces all, events apply in order, once or often."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.events import (
    CallerJoined,
    CallerLeft,
    ChannelEnded,
    ExchangeSnapshot,
    HoldChanged,
    LinkLost,
    LiveEvent,
    MemberChanged,
    MemberRemoved,
    QueueCaller,
    QueueMember,
    QueueSnapshot,
)
from ivr.domain.queue import QueueBoard

QUEUES = st.sampled_from(["hotline", "village", "unknown"])
IDS = st.sampled_from(["t-1.1", "t-1.2", "t-1.3"])
INTERFACES = st.sampled_from(["PJSIP/seat-one", "PJSIP/seat-two"])
CALLERS = st.builds(QueueCaller, IDS, IDS, st.just("138"), st.integers(1, 3), st.floats(0, 100))
MEMBERS = st.builds(QueueMember, INTERFACES, st.just("王律师"), st.integers(0, 8), st.booleans())
SNAPSHOTS = st.builds(
    lambda queues: ExchangeSnapshot(tuple({q.queue: q for q in queues}.values()), frozenset(), 1.0),
    st.lists(st.builds(QueueSnapshot, st.sampled_from(["hotline", "village"]),
                       st.lists(MEMBERS, max_size=2, unique_by=lambda m: m.interface).map(tuple),
                       st.lists(CALLERS, max_size=3, unique_by=lambda c: c.unique_id).map(tuple)), max_size=2),
)
CHANGES = st.one_of(
    st.builds(CallerJoined, QUEUES, CALLERS), st.builds(CallerLeft, QUEUES, IDS), st.builds(MemberChanged, QUEUES, MEMBERS),
    st.builds(MemberRemoved, QUEUES, INTERFACES),
)
OTHERS = st.one_of(st.just(LinkLost("x", 2.0)), st.just(ChannelEnded("a", "a")), st.just(HoldChanged("c", "a", "b", True)))


class Model:
    """The same, written as sets of plain rows."""

    def __init__(self) -> None:
        self.queues: set[str] = set()
        self.callers: dict[tuple[str, str], QueueCaller] = {}
        self.members: dict[tuple[str, str], QueueMember] = {}
        self.since: dict[str, float] = {}
        self.up = False

    def apply(self, event: LiveEvent) -> None:
        match event:
            case ExchangeSnapshot():
                self.queues = {q.queue for q in event.queues}
                self.callers = {(q.queue, c.unique_id): c for q in event.queues for c in q.callers}
                self.members = {(q.queue, m.interface): m for q in event.queues for m in q.members}
                self.up = True
            case LinkLost():
                self.up = False
            case CallerJoined(queue, caller) if queue in self.queues and (queue, caller.unique_id) not in self.callers:
                # Who comes back has waited since the first time.
                self.callers[queue, caller.unique_id] = replace(caller, joined_at=self.since.pop(caller.unique_id, caller.joined_at))
            case CallerLeft(queue, unique_id) if (queue, unique_id) in self.callers:
                self.since[unique_id] = self.callers.pop((queue, unique_id)).joined_at
            case ChannelEnded(unique_id):
                self.since.pop(unique_id, None)
            case MemberChanged(queue, member) if queue in self.queues:
                self.members[queue, member.interface] = member
            case MemberRemoved(queue, interface):
                self.members.pop((queue, interface), None)


def rows(board: QueueBoard) -> tuple[object, ...]:
    return (
        set(board.queues), {(q, i): c for q, view in board.queues.items() for i, c in view.callers.items()},
        {(q, i): m for q, view in board.queues.items() for i, m in view.members.items()}, board.link_up,
    )


@given(st.lists(st.one_of(CHANGES, CHANGES, SNAPSHOTS, OTHERS), max_size=40))
@settings(max_examples=400, deadline=None)
def test_the_board_is_what_the_model_says(events: list[LiveEvent]) -> None:
    board, model = QueueBoard(), Model()
    for event in events:
        before = {name: view.board() for name, view in board.queues.items()}, board.link_up
        changed = board.apply(event)
        model.apply(event)
        assert rows(board) == (model.queues, model.callers, model.members, model.up)
        after = {name: view.board() for name, view in board.queues.items()}, board.link_up
        assert changed or before == after or not (board.queues or before[0]), "what changed is told"


@given(SNAPSHOTS, st.lists(CHANGES, max_size=10))
def test_an_event_applied_twice_in_a_row_changes_nothing(snapshot: ExchangeSnapshot, events: list[LiveEvent]) -> None:
    board = QueueBoard()
    board.apply(snapshot)
    for event in events:
        board.apply(event)
        assert board.apply(event) == set()


@given(CHANGES)
def test_before_the_first_snapshot_nothing_is_believed(event: LiveEvent) -> None:
    board = QueueBoard()
    assert board.apply(event) == set() and board.queues == {} and not board.link_up


def test_a_lost_link_keeps_the_board_and_says_so_until_the_next_snapshot() -> None:
    board = QueueBoard()
    caller = QueueCaller("t-1.1", "t-1.1", "138", 1, 10.0)
    board.apply(ExchangeSnapshot((QueueSnapshot("hotline", (), (caller,)),), frozenset(), 1.0))
    assert board.apply(LinkLost("gone", 2.0)) == {"hotline"} and not board.link_up
    assert list(board.queues["hotline"].callers) == ["t-1.1"]
    assert board.apply(ExchangeSnapshot((), frozenset(), 3.0)) == {"hotline"} and board.link_up and not board.queues


def test_callers_are_shown_in_asterisks_order_and_numbered_anew() -> None:
    board = QueueBoard()
    first, second, third = (QueueCaller(f"t-1.{n}", f"t-1.{n}", str(n), n, float(n)) for n in (1, 2, 3))
    board.apply(ExchangeSnapshot((QueueSnapshot("hotline", (), (third, first, second)),), frozenset(), 1.0))
    board.apply(CallerLeft("hotline", "t-1.1"))
    shown = board.queues["hotline"].board()["callers"]
    assert [(c["linked_id"], c["position"], c["joined_at"]) for c in shown] == [("t-1.2", 1, 2.0), ("t-1.3", 2, 3.0)]
    # Whose turn it is joins late and stands first; who comes by the ordinary way stands last.
    board.apply(CallerJoined("hotline", QueueCaller("t-1.9", "t-1.9", "9", 1, 9.0)))
    board.apply(CallerJoined("hotline", QueueCaller("t-1.8", "t-1.8", "8", 4, 9.5)))
    shown = board.queues["hotline"].board()["callers"]
    assert [(c["linked_id"], c["position"]) for c in shown] == [("t-1.9", 1), ("t-1.2", 2), ("t-1.3", 3), ("t-1.8", 4)]


@pytest.mark.parametrize(("device", "paused", "state"), [
    (1, False, "available"), (1, True, "paused"), (2, False, "talking"), (2, True, "talking"), (3, False, "talking"),
    (8, False, "talking"), (6, False, "ringing"), (7, True, "ringing"), (5, False, "offline"), (5, True, "offline"),
    (4, False, "offline"), (0, False, "offline"),
])
def test_a_members_state_in_peoples_words(device: int, paused: bool, state: str) -> None:
    member = QueueMember("PJSIP/seat-one", "王律师", device, paused)
    assert member.state == state and replace(member, name="").state == state


def test_a_seat_that_holds_its_caller_is_told_in_all_its_queues_until_it_talks_or_hangs_up() -> None:
    seat = QueueMember("PJSIP/seat-web", "张律师", 2, False)
    board = QueueBoard()
    board.apply(ExchangeSnapshot(tuple(QueueSnapshot(q, (seat,), ()) for q in ("a", "b")), frozenset(), 0.0))

    def held() -> list[bool]:
        return [view.board()["members"][0]["held"] for view in board.queues.values()]

    hold = HoldChanged("PJSIP/seat-web-0000001a", "1.2", "1.1", True)
    assert board.apply(hold) == {"a", "b"} and held() == [True, True] and board.apply(hold) == set()
    assert board.apply(replace(hold, channel="PJSIP/trunk-carrier-00000001")) == set()
    assert board.apply(replace(hold, held=False)) == {"a", "b"} and held() == [False, False]
    board.apply(hold)
    board.apply(MemberChanged("a", replace(seat, device=1)))
    board.apply(MemberChanged("a", seat))
    assert held() == [False, True], "the next call is not on hold"
