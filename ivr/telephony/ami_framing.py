"""AMI's wire format without a wire: bytes in, frames out, in linear time and bounded memory.

A frame is lines of ``Key: value`` ended by an empty line, CR LF throughout. Only CR LF CR LF ends a frame: a lone line
feed inside a value must not, or a caller's name could forge an event.
"""

from __future__ import annotations

from collections.abc import Iterator

from ivr.domain.errors import IvrError

Frame = dict[str, str]
"""Headers of one frame by lower-case name; of a repeated header the first stands (a UserEvent cannot overrule Event)."""

BANNER = b"Asterisk Call Manager/"
_END = b"\r\n\r\n"
_EVENT = b"Event: "
_ACTION_ID = b"\r\nActionID: "


class AmiProtocolError(IvrError):
    """The peer does not speak AMI, or speaks it in frames no Asterisk sends; the link is given up and made again."""

    code = "ami_protocol"


class FrameReader:
    """Cuts a byte stream into frames, whatever the chunks. ``wanted`` keeps only events of these names (None: all)."""

    def __init__(self, wanted: frozenset[str] | None = None, limit: int = 1 << 20) -> None:
        self.version: str | None = None
        self._wanted = None if wanted is None else frozenset(w.encode() for w in wanted)
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Frames completed by these bytes. Raises AmiProtocolError for a foreign banner or a frame over the limit."""
        buffer = self._buffer
        buffer += data
        if self.version is None and not self._read_banner():
            return
        start = 0
        answers: bool | None = None
        while (end := buffer.find(_END, max(start, self._searched))) != -1:
            self._searched = 0
            if end - start > self._limit:
                break
            if answers is None:  # an answer is kept whatever its name; most reads hold none, and one search says so
                answers = self._wanted is not None and buffer.find(_ACTION_ID) != -1
            if not self._is_unwanted(start, end) or (answers and buffer.find(_ACTION_ID, start, end) != -1):
                frame = self._parse(bytes(buffer[start:end]))
                if frame:
                    yield frame
            start = end + len(_END)
        del buffer[:start]
        self._searched = max(0, len(buffer) - len(_END) + 1)
        if len(buffer) > self._limit:
            raise AmiProtocolError(f"an AMI frame of more than {self._limit} bytes; the link is made again")

    def _read_banner(self) -> bool:
        line, found, rest = self._buffer.partition(b"\r\n")
        if not BANNER.startswith(bytes(line[: len(BANNER)])):
            raise AmiProtocolError(f"not an AMI server: it greets with {bytes(line[:60])!r}")
        if not found:
            if len(line) > 200:
                raise AmiProtocolError("not an AMI server: an endless greeting")
            return False
        self.version = line[len(BANNER) :].decode("ascii", "replace").strip()
        self._buffer[:] = rest
        return True

    def _is_unwanted(self, start: int, end: int) -> bool:
        """Whether the frame between these places begins as an event nobody reads; nothing else of it is looked at."""
        buffer = self._buffer
        if self._wanted is None or not buffer.startswith(_EVENT, start):
            return False
        line_end = buffer.find(b"\r\n", start, end)
        return bytes(buffer[start + len(_EVENT) : line_end if line_end != -1 else end]) not in self._wanted

    def _parse(self, packet: bytes) -> Frame | None:
        frame: Frame = {}
        for line in packet.decode("utf-8", "replace").split("\r\n"):
            key, colon, value = line.partition(":")
            if colon:
                frame.setdefault(key.strip().lower(), value[1:] if value[:1] == " " else value)
        return frame if "event" in frame or "response" in frame else None
