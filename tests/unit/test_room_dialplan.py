"""What the rendered video room promises: whose key pauses, what a pause ends first, and that the citizen's end is everybody's."""

from __future__ import annotations

import configparser

from ivr.telephony.dialplan import render
from ivr.telephony.dialplan_lint import Step, steps
from tests.unit.test_dialplan_rendering import RICH, TEMPLATES, plan


def rendered() -> tuple[dict[str, list[Step]], configparser.ConfigParser]:
    files = render(plan(**RICH), TEMPLATES)
    contexts: dict[str, list[Step]] = {}
    for step in steps(files["extensions.conf"]):
        contexts.setdefault(step.context, []).append(step)
    rooms = configparser.ConfigParser(allow_no_value=True)
    rooms.read_string(files["confbridge.conf"])
    return contexts, rooms


def test_the_lawyer_alone_has_a_key_and_it_is_the_pause() -> None:
    contexts, rooms = rendered()
    assert dict(rooms["lawyer"]) == {"type": "menu", "*8": "dialplan_exec(room-keys,s,1)"}
    assert {c for c, found in contexts.items() for s in found if s.arguments.startswith("ROOM_KEYS=")} == {"room-lawyer"}
    entering = {s.context: s.arguments for found in contexts.values() for s in found if s.application == "ConfBridge"}
    assert entering["room-guest"].endswith(",guest,${ROOM_KEYS}") and entering["room-citizen"] == entering["room-pause"]


def test_a_pause_lets_the_guests_wait_and_ends_a_recorded_picture_before_anything_is_said() -> None:
    contexts, rooms = rendered()
    first, second = contexts["room-pause"][:2]
    assert (first.arguments, second.arguments) == ("GLOBAL(FILM_${ENTRY})=", "recording-pause,s,1")
    assert "end_marked" not in rooms["guest"] and rooms["guest"]["wait_marked"] == "yes"
    assert rooms["film"]["end_marked"] == "yes", "its leg leaves with the citizen, and does not come back"


def test_the_citizens_end_is_the_end_for_all_and_nobody_leads_that_channel_on() -> None:
    contexts, _ = rendered()
    assert any(s.arguments == "CHANNEL(hangup_handler_push)=room-ends,s,1" for s in contexts["room-citizen"])
    assert any((s.application, s.arguments) == ("ConfKick", "${ENTRY},all") for s in contexts["room-ends"])
    told = [s.arguments for s in contexts["room-left"]]
    leads = next(n for n, text in enumerate(told) if "room-over" in text)
    assert any("ROOM_ENDED" in text for text in told[:leads])
