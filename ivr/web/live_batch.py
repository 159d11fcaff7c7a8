"""Pieces of the live stream: a change as it is sent, and changes made once into bytes for all pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.ports.web import Topic
from ivr.web.models import Wire

Key = tuple[Topic, str]


def frame(event: str, data: Wire, seq: int | None = None) -> bytes:
    """One server-sent event; JSON has no raw line ends, so one data line is enough."""
    head = f"id: {seq}\n" if seq is not None else ""
    return f"{head}event: {event}\ndata: {data.model_dump_json()}\n\n".encode()


@dataclass(frozen=True, slots=True)
class Change:
    """The current state of one thing, ready to send; no ``seq``: noticed, not written (a board gone stale).

    ``masked`` is for who is not shown callers' numbers and names; None: there are none in it.
    """

    key: Key
    seq: int | None
    data: bytes
    masked: bytes | None = None

    def told(self, masked: bool) -> bytes:
        """What a page is sent."""
        return self.data if self.masked is None or not masked else self.masked


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes as one piece of the stream, made once for all pages; ``piece`` and ``masked`` are chunks of HTTP/1.1."""

    changes: Sequence[Change]
    piece: bytes
    masked: bytes
    first: float
    last: int

    @classmethod
    def of(cls, changes: Sequence[Change]) -> Batch:
        """``first`` and ``last`` are the least and greatest number in it; without any, everybody may have it."""
        whole, masked = (_chunk(b"".join(c.told(covered) for c in changes)) for covered in (False, True))
        numbers = [c.seq for c in changes if c.seq is not None]
        return cls(changes, whole, masked, min(numbers, default=float("inf")), max(numbers, default=0))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
