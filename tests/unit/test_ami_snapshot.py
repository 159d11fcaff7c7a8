"""What the answers to QueueStatus, CoreShowChannels and DeviceStateList say together."""

from __future__ import annotations

from ivr.domain.events import BridgeEntered
from ivr.telephony.ami_events import read_snapshot


def channel(name: str, unique_id: str, linked_id: str, bridge: str = "") -> dict[str, str]:
    return {"event": "CoreShowChannel", "channel": name, "uniqueid": unique_id, "linkedid": linked_id, "bridgeid": bridge}


def test_who_is_in_which_bridge_is_told_as_their_entering_would_have_been() -> None:
    channels = [
        channel("PJSIP/trunk-1", "t-1.0", "t-1.0", "b1"), channel("PJSIP/seat-a-2", "t-1.1", "t-1.0", "b1"),
        channel("PJSIP/trunk-3", "t-2.0", "t-2.0"), {"event": "CoreShowChannelsComplete"},
    ]
    snapshot = read_snapshot([], channels, [], 7.0)
    assert snapshot.linked_ids == {"t-1.0", "t-2.0"}
    assert snapshot.present == (
        BridgeEntered("PJSIP/trunk-1", "t-1.0", "t-1.0", "b1", 2, 7.0),
        BridgeEntered("PJSIP/seat-a-2", "t-1.1", "t-1.0", "b1", 2, 7.0),
    )
