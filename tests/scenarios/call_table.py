"""Reads tables of what Asterisk wrote about a call into facts; see test_calls.py for how to add one.

A line is seconds, channel, event and what the event carries. ``caller`` is the channel the call came in on, ``agency`` one
that went out by the line, ``station`` a town's village phone, ``local`` a half of a Local channel; any other name is a seat's (``one`` → ``PJSIP/seat-one-…``). A bare word is the value of a user event; the rest is key=value.
"""

from __future__ import annotations

from collections.abc import Iterator

from ivr.domain.events import Fact

T0 = 1795506589.0
LINKED = "t-1-1795506589.0"
USER_EVENTS = {
    "TRANSFER", "TRANSFER_ANSWERED", "TRANSFER_FAILED", "TRANSFER_RETURNED", "NUISANCE", "EMERGENCY", "SPOKEN", "SPOKEN_ASKED", "LANGUAGE", "ROAD",
    "ENTERED", "NOTICE", "RECORDING", "RECORDING_REFUSED", "QUEUE_ENTERED", "QUEUE_LEFT", "OVERFLOW", "MENU", "MESSAGE", "RATING",
    "RATING_ASKED", "CALLBACK", "CALLBACK_ASKED", "ENQUIRY", "ENQUIRY_FAILED", "LAWYER_FAILED", "APPOINTMENT", "APPOINTMENT_FAILED",
    "HELPER", "RINGBACK", "LADDER", "RECORDING_PAUSED", "RECORDING_RESUMED", "CONFIDENTIAL", "ROOM",
}


def facts_of(table: str, file_id: str = "ledger") -> list[Fact]:
    """The facts of one table, at the positions of its lines."""
    return list(_facts(table, file_id))


def _facts(table: str, file_id: str) -> Iterator[Fact]:
    channels = {"caller": (LINKED, "PJSIP/trunk-carrier-00000000")}
    for position, line in enumerate(text for text in table.splitlines() if text.strip()):
        seconds, channel, event, *carried = line.split()
        if position == 0 and "device=" in line:
            device = next(word for word in carried if word.startswith("device=")).removeprefix("device=")
            channels["caller"] = (LINKED, f"PJSIP/{device}-00000000")
        if channel not in channels:
            number = len(channels)
            device = {"agency": "PJSIP/trunk-carrier", "local": "Local/8003@consult", "station": "PJSIP/v-640105001-1"}.get(channel, f"PJSIP/seat-{channel}")
            channels[channel] = (f"t-1-1795506589.{number}", f"{device}-{number:08x}")
        unique_id, name = channels[channel]
        data: dict[str, object] = {"uniqueid": unique_id, "channame": name}
        for word in carried:
            key, equals, value = word.partition("=")
            if not equals:
                data["extra"] = word
            elif key == "by":
                data["hangupsource"] = channels[value][1] if value in channels else value
            elif key == "cause":
                data["hangupcause"] = int(value)
            else:
                data[key] = value
        source = "controller" if event == "INTERRUPTED" else "cel"
        kind = f"user:{event}" if event in USER_EVENTS else event
        yield Fact(source, LINKED if source == "controller" else file_id, position, LINKED, kind, T0 + float(seconds), data)
