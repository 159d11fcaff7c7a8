"""When the music of a hold has to be kept off the operator's track, and when the track must be open again."""

from __future__ import annotations

from ivr.domain.events import BridgeEntered, ChannelEnded, ExchangeSnapshot, HoldChanged, LiveEvent


class HoldMusic:
    """The recording belongs to the citizen's channel; what is written *to* that channel is the operator's track.

    A hold closes the track. Not every hold ends with an Unhold: a transfer, a three-way call or the way back from a
    consultation joins the citizen with somebody instead. So whoever enters the citizen's bridge opens the track again.
    """

    def __init__(self) -> None:
        self._bridges: dict[str, str] = {}
        self._closed: set[str] = set()

    def apply(self, event: LiveEvent) -> tuple[str, bool] | None:
        """The citizen's channel and whether its operator's track is closed from now on; None when nothing changes."""
        match event:
            case HoldChanged() if event.unique_id != event.linked_id:
                if event.held:
                    self._closed.add(event.linked_id)
                else:
                    self._closed.discard(event.linked_id)
                return event.linked_id, event.held
            case BridgeEntered():
                if event.unique_id == event.linked_id:
                    self._bridges[event.linked_id] = event.bridge
                joined = self._bridges.get(event.linked_id, event.bridge) == event.bridge
                if joined and event.linked_id in self._closed:
                    self._closed.discard(event.linked_id)
                    return event.linked_id, False
            case ChannelEnded() if event.unique_id == event.linked_id:
                self._bridges.pop(event.linked_id, None)
                self._closed.discard(event.linked_id)
            case ExchangeSnapshot():
                # Whether a track is closed cannot be asked; to open one that is open is harmless.
                self._bridges = {k: v for k, v in self._bridges.items() if k in event.linked_ids}
                self._bridges |= {one.linked_id: one.bridge for one in event.present if one.unique_id == one.linked_id}
                self._closed = set(event.linked_ids)
        return None
