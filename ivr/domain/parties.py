"""Who is joined with the citizen at each moment of a call, as Asterisk's bridges tell it."""

from __future__ import annotations

from ivr.domain.events import Fact, Source


class Parties:
    """The citizen's company. A consultation has a bridge of its own, so that being joined means sharing the citizen's.

    The two halves of a Local channel are Asterisk's own and nobody's. Each source of facts has a picture of its own.
    """

    def __init__(self, citizen: str) -> None:
        self._citizen = citizen
        self._joined: dict[tuple[Source, str], tuple[str, str]] = {}

    def enter(self, fact: Fact) -> None:
        """CEL BRIDGE_ENTER."""
        place = str(fact.data.get("bridge_id", "")), str(fact.data.get("channame", ""))
        self._joined[fact.source, fact.unique_id] = place

    def leave(self, fact: Fact) -> None:
        """CEL BRIDGE_EXIT; HANGUP too, because a channel that is gone is joined with nobody."""
        self._joined.pop((fact.source, fact.unique_id), None)

    def others(self, source: Source) -> dict[str, str]:
        """Unique id → channel of everybody who shares a bridge with the citizen, in the order they came."""
        mine = self._joined.get((source, self._citizen))
        if mine is None:
            return {}
        return {
            unique_id: channel for (told_by, unique_id), (bridge, channel) in self._joined.items()
            if told_by == source and unique_id != self._citizen and bridge == mine[0] and not channel.startswith("Local/")
        }
