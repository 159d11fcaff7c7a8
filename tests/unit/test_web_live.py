"""The slot table of one page: folded, ordered, bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.ports.web import Identity
from ivr.web.access import ACCESS, may
from ivr.web.live import Change, LiveClient

STREAM = st.lists(st.integers(0, 5), max_size=60)


def change(seq: int, key: str) -> Change:
    return Change(("call", key), seq, f"{seq}:{key}\n".encode())


@pytest.mark.asyncio
@given(STREAM, st.sets(st.integers(0, 60)), st.integers(0, 20))
async def test_whatever_the_reading_pace_the_last_state_of_everything_arrives_in_order(
    keys: list[int], reads: set[int], seen: int
) -> None:
    client = LiveClient(b"x")
    client.seen = seen
    received: list[tuple[int, str]] = []

    def read() -> None:
        for line in client.take().decode().splitlines():
            seq, key = line.split(":")
            received.append((int(seq), key))

    for seq, key in enumerate(keys, 1):
        client.offer([change(seq, str(key))])
        if seq in reads:
            read()
    read()
    assert [seq for seq, _ in received] == sorted({seq for seq, _ in received})
    last = {str(key): seq for seq, key in enumerate(keys, 1)}
    assert {key: seq for seq, key in received} == {key: seq for key, seq in last.items() if seq > seen}


@pytest.mark.asyncio
async def test_a_page_far_behind_starts_over_instead_of_growing() -> None:
    client = LiveClient(b"x")
    for seq in range(1, 5000):
        client.offer([change(seq, str(seq))])
        assert len(client._slots) <= 1000
    assert client.lost


def test_an_unknown_role_may_nothing_and_machines_of_audit_stay_apart() -> None:
    for role in ("", "king", "auditor", "handler", "adviser"):
        identity = Identity("session", "a", "A", frozenset({role}), b"")
        assert not any(may(identity, permission) for granted in ACCESS.values() for permission in granted)
