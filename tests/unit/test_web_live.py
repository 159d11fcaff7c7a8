"""The slot table of one page: folded, ordered, bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.ports.web import Identity
from ivr.web.access import ACCESS, may
from ivr.web.live import LiveClient
from ivr.web.live_batch import Batch, Change

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
@given(
    st.lists(st.lists(st.one_of(st.none(), st.integers(0, 5)), min_size=1, max_size=4), max_size=25),
    st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=25), st.integers(0, 30),
)
async def test_pushed_or_taken_everything_comes_once_and_in_order(
    batches: list[list[int | None]], moods: list[tuple[bool, bool, bool]], seen: int
) -> None:
    """A page whose task waits or not, whose connection has room or not, and that takes what is kept now and then."""
    client = LiveClient(b"x")
    client.seen = seen
    lines: list[str] = []
    room = True

    def push(piece: bytes) -> bool:
        if room:
            size, _, rest = piece.partition(b"\r\n")
            assert len(rest) == int(size, 16) + 2 and rest.endswith(b"\r\n")
            lines.extend(rest[:-2].decode().splitlines())
        return room

    seq, last, unnumbered = 0, {}, []
    for number, keys in enumerate(batches):
        waits, room, takes = moods[number] if number < len(moods) else (True, True, True)
        client.push = push if waits else None
        made = []
        for key in keys:
            if key is None:
                unnumbered.append(f"-:{number}")
                made.append(Change(("queue", f"stale-{number}"), None, f"-:{number}\n".encode()))
            else:
                seq += 1
                last[str(key)] = seq
                made.append(change(seq, str(key)))
        client.give(Batch.of(made))
        if takes:
            lines.extend(client.take().decode().splitlines())
    lines.extend(client.take().decode().splitlines())
    numbered = [(int(n), key) for n, _, key in (line.partition(":") for line in lines) if n != "-"]
    assert [n for n, _ in numbered] == sorted({n for n, _ in numbered}), "in order, none twice"
    assert {key: n for n, key in numbered} == {key: n for key, n in last.items() if n > seen}
    assert set(unnumbered) == {line for line in lines if line.startswith("-")}


@pytest.mark.asyncio
async def test_a_page_far_behind_starts_over_instead_of_growing() -> None:
    client = LiveClient(b"x")
    for seq in range(1, 5000):
        client.offer([change(seq, str(seq))])
        assert len(client._slots) <= 1000
    assert client.lost


def test_an_unknown_role_may_nothing_and_machines_of_audit_stay_apart() -> None:
    own = {"orders.own", "orders.unmask", "knowledge.read"}
    for role, granted in {"": set(), "king": set(), "auditor": {"retention.read"}, "handler": own, "adviser": own}.items():
        identity = Identity("session", "a", "A", frozenset({role}), b"")
        assert {permission for all_of in ACCESS.values() for permission in all_of if may(identity, permission)} == granted
