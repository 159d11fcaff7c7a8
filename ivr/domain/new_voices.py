"""When somebody new is heard in a citizen's bridge, so that the recording needs a new decoder (decision 0021)."""

from __future__ import annotations

from ivr.domain.events import BridgeEntered, ChannelEnded, ExchangeSnapshot, LiveEvent
from ivr.domain.video_room import is_invitation

_MOST_KEPT = 10_000
_NOBODY = ("Local/", "CBAnn/")
"""Channels of Asterisk's own: who stands behind a Local one enters in its place, and a video room's announcer says nothing."""


class NewVoices:
    """Follows who enters the bridge a citizen's channel is in.

    Whoever is heard first in a bridge needs nothing: the citizen's dialplan came before, and began or renewed the recording.
    A Local channel is nobody: who stands behind it enters in its place.
    """

    def __init__(self) -> None:
        self._citizens: dict[str, str] = {}
        self._heard: dict[str, str] = {}

    def apply(self, event: LiveEvent) -> tuple[str, ...]:
        """The linked ids of calls whose citizen hears a new voice from now on.

        After a restart it is not known who was heard before: whoever is there with the citizen is taken for the one.
        """
        match event:
            case BridgeEntered() if is_invitation(event.unique_id):
                pass  # in a video room everybody is heard as Asterisk mixes them: no telephone's packets, and no decoder
            case BridgeEntered() if event.unique_id == event.linked_id:
                self._citizens[event.bridge] = event.linked_id
                self._bound()
            case BridgeEntered() if not event.channel.startswith(_NOBODY):
                before = self._heard.setdefault(event.bridge, event.unique_id)
                if before != event.unique_id:
                    self._heard[event.bridge] = event.unique_id
                    return (self._citizens[event.bridge],) if event.bridge in self._citizens else ()
            case ChannelEnded() if event.unique_id == event.linked_id:
                for bridge in [b for b, linked_id in self._citizens.items() if linked_id == event.linked_id]:
                    del self._citizens[bridge]
                    self._heard.pop(bridge, None)
            case ExchangeSnapshot():
                return self._after(event)
        return ()

    def _after(self, snapshot: ExchangeSnapshot) -> tuple[str, ...]:
        """What changed while nobody looked. Somebody may just be leaving one bridge for another, so what is known stays."""
        self._citizens = {b: known for b, known in self._citizens.items() if known in snapshot.linked_ids}
        self._citizens |= {one.bridge: one.linked_id for one in snapshot.present if one.unique_id == one.linked_id}
        self._heard = {b: who for b, who in self._heard.items() if b in self._citizens}
        there: dict[str, list[str]] = {}
        for one in snapshot.present:
            if one.bridge in self._citizens and one.unique_id != one.linked_id and not one.channel.startswith(_NOBODY):
                there.setdefault(one.bridge, []).append(one.unique_id)
        changed = [bridge for bridge, voices in there.items() if self._heard.setdefault(bridge, voices[-1]) not in voices]
        self._heard |= {bridge: there[bridge][-1] for bridge in changed}
        return tuple(self._citizens[bridge] for bridge in changed)

    def _bound(self) -> None:
        """Bridges without a citizen end unseen; the oldest are forgotten."""
        for kept in (self._citizens, self._heard):
            while len(kept) > _MOST_KEPT:
                del kept[next(iter(kept))]
