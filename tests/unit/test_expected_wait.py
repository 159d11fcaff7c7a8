"""The expected wait is never promised too short, and never made up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.errors import Unavailable
from ivr.domain.events import ExchangeSnapshot, QueueMember, QueueSnapshot
from ivr.domain.expected_wait import seconds_per_place
from ivr.domain.queue import QueueBoard
from ivr.pipeline.tell_waits import WaitTeller

AVAILABLE, TALKING, AWAY = 1, 2, 5


def member(n: int, device: int, paused: bool = False) -> QueueMember:
    return QueueMember(f"PJSIP/seat-{n}", f"{n}", device, paused)


def seats(*devices: int) -> list[QueueMember]:
    return [member(n, d) for n, d in enumerate(devices)]


@pytest.mark.parametrize(
    ("members", "talks", "told"),
    [
        (seats(TALKING), [], 360),
        (seats(TALKING, TALKING, AVAILABLE), [], 120),
        (seats(TALKING), [60.0] * 5, 60),
        (seats(TALKING), [60.0] * 4, 360),  # too few to go by
        (seats(TALKING, TALKING), [61.0] * 9, 31),  # rounded up
        (seats(AWAY), [60.0] * 9, None),
        ([member(1, AVAILABLE, paused=True)], [60.0] * 9, None),
        ([], [], None),
        (seats(TALKING), [0.1] * 9, 1),
    ],
)
def test_the_pace_of_a_queue(members: list[QueueMember], talks: Sequence[float], told: int | None) -> None:
    assert seconds_per_place(members, talks, 360.0) == told


@given(st.lists(st.floats(0.5, 7200), min_size=5, max_size=30), st.integers(1, 40))
def test_what_is_told_is_never_less_than_the_mean(talks: list[float], working: int) -> None:
    told = seconds_per_place(seats(*[TALKING] * working), talks, 360.0)
    assert told is not None and told >= 1 and told * working >= sum(talks) / len(talks) - 1e-6


class Notes:
    """Both ports; a queue named ``lost`` cannot be read."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int | None, float]] = []

    async def recent_talks_s(self, queue: str) -> Sequence[float]:
        if queue == "lost":
            raise Unavailable("the database is away")
        return [50.0] * 5

    async def tell_wait(self, queue: str, seconds_per_place: int | None, at: float) -> None:
        self.told.append((queue, seconds_per_place, at))


def board(*names: str) -> QueueBoard:
    shown = QueueBoard()
    shown.apply(ExchangeSnapshot(tuple(QueueSnapshot(n, tuple(seats(TALKING, AWAY)), ()) for n in names), frozenset(), 5.0))
    return shown


async def test_every_queue_is_told_while_the_link_is_up() -> None:
    notes, shown = Notes(), board("hotline", "village")
    teller = WaitTeller(lambda: shown, notes, notes, {"hotline": 300.0}, clock=lambda: 77.0)
    await teller.once()
    assert notes.told == [("hotline", 50, 77.0), ("village", 50, 77.0)]
    shown.link_up = False
    await teller.once()
    assert len(notes.told) == 2, "nothing is told of what is not known"


async def test_what_cannot_be_read_is_not_made_up() -> None:
    notes, shown = Notes(), board("lost")
    with pytest.raises(Unavailable):
        await WaitTeller(lambda: shown, notes, notes, {}).once()
    assert notes.told == []
