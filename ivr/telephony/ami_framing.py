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
_NAMES_KEPT = 1000


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
        self._names: dict[str, str] = {}

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Frames completed by these bytes. Raises AmiProtocolError for a foreign banner or a frame over the limit."""
        buffer = self._buffer
        buffer += data
        if self.version is None and not self._read_banner():
            return
        packets: list[bytes] = []
        answers = False
        if buffer.find(_END, self._searched) != -1:
            whole = bytes(buffer)  # one copy and one cut for all that this read completed: cheaper than frame by frame
            *packets, rest = whole.split(_END)
            buffer[:] = rest
            answers = _ACTION_ID in whole
        self._searched = max(0, len(buffer) - len(_END) + 1)
        wanted = self._wanted
        for packet in packets:
            if len(packet) > self._limit:
                raise self._too_long()
            if wanted is not None and packet.startswith(_EVENT):
                line_end = packet.find(b"\r\n")
                if packet[len(_EVENT) : line_end if line_end != -1 else None] not in wanted:
                    if not answers or _ACTION_ID not in packet:  # an answer is kept whatever its name; most reads hold none
                        continue
            frame = self._parse(packet)
            if frame:
                yield frame
        if len(buffer) > self._limit:
            raise self._too_long()

    def _too_long(self) -> AmiProtocolError:
        return AmiProtocolError(f"an AMI frame of more than {self._limit} bytes; the link is made again")

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

    def _parse(self, packet: bytes) -> Frame | None:
        frame: Frame = {}
        names = self._names
        for line in packet.decode("utf-8", "replace").split("\r\n"):
            key, colon, value = line.partition(":")
            if colon:
                name = names.get(key) or self._name(key)
                if name not in frame:
                    frame[name] = value[1:] if value[:1] == " " else value
        return frame if "event" in frame or "response" in frame else None

    def _name(self, key: str) -> str:
        """The header's name; Asterisk uses the same few hundred again and again, so they are kept."""
        name = key.strip().lower()
        if len(self._names) < _NAMES_KEPT and len(key) < 50:
            self._names[key] = name
        return name
