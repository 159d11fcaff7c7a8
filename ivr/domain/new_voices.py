"""When somebody new is heard in a citizen's bridge, so that the recording needs a new decoder (decision 0021)."""

from __future__ import annotations

from ivr.domain.events import BridgeEntered, ChannelEnded, ExchangeSnapshot, LiveEvent

_MOST_KEPT = 10_000


class NewVoices:
    """Follows who enters the bridge a citizen's channel is in.

    Whoever is heard first in a bridge needs nothing: the citizen's dialplan came before, and began or renewed the recording.
    A Local channel is nobody: who stands behind it enters in its place.
    """

    def __init__(self) -> None:
        self._citizens: dict[str, str] = {}
        self._heard: dict[str, str] = {}

    def apply(self, event: LiveEvent) -> str | None:
        """The linked id of a call whose citizen hears a new voice from now on; None when nobody does."""
        match event:
            case BridgeEntered() if event.unique_id == event.linked_id:
                self._citizens[event.bridge] = event.linked_id
                self._bound()
            case BridgeEntered() if not event.channel.startswith("Local/"):
                before = self._heard.setdefault(event.bridge, event.unique_id)
                if before != event.unique_id:
                    self._heard[event.bridge] = event.unique_id
                    return self._citizens.get(event.bridge)
            case ChannelEnded() if event.unique_id == event.linked_id:
                for bridge in [b for b, linked_id in self._citizens.items() if linked_id == event.linked_id]:
                    del self._citizens[bridge]
                    self._heard.pop(bridge, None)
            case ExchangeSnapshot():
                self._citizens = {b: known for b, known in self._citizens.items() if known in event.linked_ids}
                self._heard = {b: who for b, who in self._heard.items() if b in self._citizens}
        return None

    def _bound(self) -> None:
        """Bridges without a citizen end unseen; the oldest are forgotten."""
        for kept in (self._citizens, self._heard):
            while len(kept) > _MOST_KEPT:
                del kept[next(iter(kept))]
