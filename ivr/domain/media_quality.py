"""How well sound and picture of one call travelled, as RTCP (RFC 3550 §6.4) told the exchange; is a device's line poor?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ivr.domain.hysteresis import Hysteresis

Medium = Literal["audio", "video"]

_TOLD: Final = re.compile(
    r"(audio|video) ([0-9]{1,10}) ([0-9]{1,10}) ([0-9]{1,10}) ([0-9]{1,10}) ([0-9]{1,9}(?:\.[0-9]{1,9})?)"
    r" ([0-9]{1,9}(?:\.[0-9]{1,9})?) ([0-9]{1,9}(?:\.[0-9]{1,9})?)", re.ASCII,
)
# ITU-T G.1010 Table I.1: talk bears 3 % loss; G.114: 150 ms one way is unnoticed, beyond 400 ms nobody should be.
POOR_LOSS: Final = 0.03
POOR_JITTER_MS: Final = 60.0
POOR_ROUND_TRIP_MS: Final = 400.0
_FEWEST_PACKETS: Final = 100
_WRAPPED: Final = 1 << 23
_TO_WORSE: Final = 2
_TO_BETTER: Final = 3


@dataclass(frozen=True, slots=True)
class MediaQuality:
    """One medium of one call, seen from the exchange: ``received`` from the device, ``sent`` to it (packets, and those lost),

    jitter in milliseconds each way, the round trip in milliseconds.
    """

    medium: Medium
    received: int
    lost_received: int
    sent: int
    lost_sent: int
    jitter_received_ms: float
    jitter_sent_ms: float
    round_trip_ms: float

    @property
    def loss(self) -> float:
        """The worse way's share of packets lost, 0 to 1."""
        arrived = self.received + self.lost_received
        return max(_share(self.lost_received, arrived), _share(self.lost_sent, self.sent))

    @property
    def jitter_ms(self) -> float:
        """The worse way's."""
        return max(self.jitter_received_ms, self.jitter_sent_ms)

    @property
    def poor(self) -> bool:
        """Whether people noticed; a medium of a second or two says nothing."""
        if max(self.received + self.lost_received, self.sent) < _FEWEST_PACKETS:
            return False
        return self.loss > POOR_LOSS or self.jitter_ms > POOR_JITTER_MS or self.round_trip_ms > POOR_ROUND_TRIP_MS


def parse_media(told: str) -> MediaQuality | None:
    """What the dialplan wrote at hang-up (``MEDIA``, dialplan/village_media.j2); None for what tells nothing.

    ``<medium> <received> <lost> <sent> <lost> <jitter in s> <jitter out s> <round trip s>``.
    """
    found = _TOLD.fullmatch(told)
    if not found:
        return None
    medium: Medium = "video" if found[1] == "video" else "audio"
    received, lost, sent, lost_sent = (int(found[n]) for n in range(2, 6))
    # Signed on the wire (more came than were due), printed unsigned: more lost than there were is none lost.
    lost, lost_sent = (0 if lost >= _WRAPPED else lost), (0 if lost_sent > sent else lost_sent)
    jitter, jitter_sent, trip = (float(found[n]) * 1000 for n in range(6, 9))
    return MediaQuality(medium, received, lost, sent, lost_sent, jitter, jitter_sent, trip)


def line_is_poor(calls: Sequence[Sequence[MediaQuality]]) -> bool:
    """Whether to look after a device's line, from its last calls, the oldest first; calls that tell nothing are left out.

    It becomes poor by two poor calls in a row and good again by three good ones: one bad evening raises no alarm, and one good
    call ends none.
    """
    state = Hysteresis(_TO_WORSE, _TO_BETTER)
    for media in calls:
        if media:
            state.see(any(m.poor for m in media))
    return state.bad


def _share(part: int, whole: int) -> float:
    return min(1.0, part / whole) if whole > 0 else 0.0
