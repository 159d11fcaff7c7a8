"""Bytes from Asterisk to typed facts: our frame reader against panoramisk's protocol, fed the same bytes.

The bytes are one recorded call (``capture.py``) repeated with other names, numbers and ids. The peer only makes its
messages and hands them to a sink; typing them, which ours does, is not asked of it.
"""

from __future__ import annotations

import gc
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from panoramisk.ami_protocol import AMIProtocol

from ivr.telephony.ami_events import WANTED, read_event
from ivr.telephony.ami_framing import FrameReader
from tests.bench.capture import CAPTURE, NAME, NUMBER
from tests.bench.figure import Figure, absolute, alternate, compared, quick

_NAMES = ("马建国", "欧阳修远", "买买提·艾力", "丁𠮷祥", "李雪", "王小梅", "Müller 律师", "哈文")
_READ = 4096


def traffic(calls: int) -> bytes:
    """The recorded call ``calls`` times, each with another name and its own numbers and ids; one banner."""
    banner, _, call = CAPTURE.read_bytes().partition(b"\r\n")
    text = call.decode()
    parts = [
        text.replace(NAME, _NAMES[n % len(_NAMES)]).replace(NUMBER, f"138{n:08}").replace("capture-1-", f"capture-{n}-")
        for n in range(calls)
    ]
    return banner + b"\r\n" + "".join(parts).encode()


def measure(full: bool = False) -> list[Figure]:
    """Speed of both readers with all headers and with wanted events only; then whether every character arrived."""
    pairs = 1 if quick() else 9 if full else 7
    data = traffic(4 if quick() else 150)
    chunks = [data[n : n + _READ] for n in range(0, len(data), _READ)]
    whole = [frame + b"\r\n\r\n" for frame in data.split(b"\r\n\r\n")[:-1]]
    count = len(whole)
    ours, wanted, theirs = _facts(FrameReader(), whole), _facts(FrameReader(WANTED), whole), _panoramisk_facts(whole)
    same = _digest(ours) == _digest(wanted) == _digest(theirs) and _frames(whole) == _panoramisk_frames(whole)
    said = f"{count} frames of {len(data) / count:.0f} bytes, reads of {_READ} bytes"
    figures = []
    for label, names, goal in (("all headers", None, 2.5), ("wanted events only", WANTED, 10.0)):
        measured = alternate(
            pairs, lambda names=names: count / _seconds(lambda: _facts(FrameReader(names), chunks)),
            lambda: count / _seconds(lambda: _panoramisk_messages(chunks)),
        )
        figures.append(compared(
            "ami", f"bytes → typed facts, {label}", "events/CPU-s", measured, better="more", goal=goal, remark=said
        ))
    figures.append(Figure(
        "ami", "facts and headers equal, frame by frame", "1 = yes", float(same), goal="= 1", met=same,
        remark="sha256 over the typed facts of all three ways, and over every header of both readers",
    ))
    ours_lost, peer_lost, sizes = _damaged(traffic(2))
    figures.append(Figure(
        "ami", "frames damaged at any chunk size", "frames", float(ours_lost), float(peer_lost), goal="= 0", met=ours_lost == 0,
        remark=f"{sizes} chunk sizes of 1…4096 bytes; the peer decodes each read alone, so a cut character is dropped",
    ))
    figures.append(_endless_line())
    return figures


def _endless_line() -> Figure:
    """A frame that never ends: twice the bytes must take twice the time (refused at 1 MiB)."""
    def cost(size: int, make: Callable[[], Callable[[bytes], Any]]) -> float:
        feed, block = make(), b"x" * 1000
        return _seconds(lambda: [feed(block) for _ in range(size // 1000)])

    def ours() -> Callable[[bytes], Any]:
        reader = FrameReader()
        list(reader.feed(b"Asterisk Call Manager/11.0.0\r\n"))
        return lambda block: list(reader.feed(block))

    def theirs() -> Callable[[bytes], Any]:
        return _peer(lambda _: None).data_received

    size = 100_000 if quick() else 400_000
    growth = [(cost(2 * size, ours) / cost(size, ours), cost(2 * size, theirs) / cost(size, theirs)) for _ in range(3)]
    mine, peer = (sorted(side)[1] for side in zip(*growth, strict=True))
    figure = absolute("ami", "time for twice the bytes of an endless frame", "×", mine, at_most=3.0, remark="2 is linear, 4 quadratic")
    return Figure(**{**{name: getattr(figure, name) for name in figure.__slots__}, "peer": round(peer, 2)})


def _seconds(work: Callable[[], Any]) -> float:
    gc.collect()
    began = time.process_time()
    work()
    return max(time.process_time() - began, 1e-9)


def _facts(reader: FrameReader, chunks: Iterable[bytes]) -> list[Any]:
    facts = []
    for chunk in chunks:
        for frame in reader.feed(chunk):
            fact = read_event(frame, 0.0)
            if fact is not None:
                facts.append(fact)
    return facts


class _Sink:
    """What the protocol needs of panoramisk's Manager, and no more."""

    save_stream = None

    def __init__(self, dispatch: Callable[[Any], Any]) -> None:
        self.dispatch = dispatch


def _peer(dispatch: Callable[[Any], Any]) -> AMIProtocol:
    protocol = AMIProtocol()
    protocol.connection_made(None)
    protocol.encoding = "utf8"
    protocol.factory = _Sink(dispatch)
    return protocol


def _panoramisk_messages(chunks: Iterable[bytes]) -> list[Any]:
    messages: list[Any] = []
    protocol = _peer(messages.append)
    for chunk in chunks:
        protocol.data_received(chunk)
    return messages


def _plain(message: Any) -> dict[str, str]:
    """A panoramisk message as one of our frames: the first of a repeated header; an empty last one it has cut off."""
    values = {str(k).lower(): v[0] if isinstance(v, list) else v for k, v in message.items() if k != "content"}
    return {k: v for k, v in values.items() if v}


def _panoramisk_facts(chunks: Iterable[bytes]) -> list[Any]:
    typed = (read_event(_plain(m), 0.0) for m in _panoramisk_messages(chunks))
    return [fact for fact in typed if fact is not None]


def _digest(things: Iterable[Any]) -> str:
    return hashlib.sha256("\n".join(map(repr, things)).encode()).hexdigest()


def _frames(chunks: Iterable[bytes]) -> str:
    reader = FrameReader()
    frames = [frame for chunk in chunks for frame in reader.feed(chunk) if "event" in frame]
    return _digest(sorted((k, v.strip()) for k, v in frame.items() if v.strip()) for frame in frames)


def _panoramisk_frames(chunks: Iterable[bytes]) -> str:
    return _digest(sorted((k, v.strip()) for k, v in _plain(m).items() if v.strip()) for m in _panoramisk_messages(chunks))


def _damaged(data: bytes) -> tuple[int, int, int]:
    """Frames that differ from the undivided reading, summed over all chunk sizes: ours, the peer's; and how many sizes."""
    truth, whole = list(FrameReader().feed(data)), [_plain(m) for m in _panoramisk_messages([data])]
    sizes = (1, 7, 4096) if quick() else range(1, 4097)
    ours = theirs = 0
    for size in sizes:
        chunks = [data[n : n + size] for n in range(0, len(data), size)]
        reader = FrameReader()
        ours += _different(truth, [frame for chunk in chunks for frame in reader.feed(chunk)])
        theirs += _different(whole, [_plain(m) for m in _panoramisk_messages(chunks)])
    return ours, theirs, len(sizes)


def _different(truth: Sequence[Any], seen: Sequence[Any]) -> int:
    return sum(a != b for a, b in zip(truth, seen, strict=False)) + abs(len(truth) - len(seen))
