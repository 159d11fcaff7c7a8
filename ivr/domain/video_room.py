"""The third side of a village's call: who can be asked in, by what words, and why nobody came."""

from __future__ import annotations

import re
from typing import Final, Literal, get_args

RoomProblem = Literal[
    "", "no_call", "in_room", "none", "absent", "paused", "busy", "refused", "late", "gone", "failed", "unanswered",
]
ROOM_PROBLEMS: Final[tuple[RoomProblem, ...]] = get_args(RoomProblem)
"""Why an invitation came to nothing; '' for one that did not, or that the lawyer took back.

``no_call`` the seat talks with no village, ``in_room`` three are joined already, ``none`` the village has no such side, ``absent``
not registered (or the line has no room), ``paused``, ``busy``, ``refused`` declined, ``late`` rang out, ``gone`` answered when the
conversation was over, ``failed`` anything else, ``unanswered`` no controller carried it out.
"""

STATION: Final = "station"
ADVISER: Final = "adviser"
"""The village's own two; a mediator is ``mediator:`` and a work number of the people's register; everybody else is a work number
of a seat or an extension, as a transfer takes them."""

_MEDIATOR: Final = "mediator:"

_CHANNEL_ID = re.compile(r".+-room[0-9]+-[0-9]+\.[0-9]+", re.ASCII)
_REFUSALS: Final = ("17", "21")
_ABSENCES: Final = ("1", "3", "18", "20", "27", "34", "38")


def mediator_key(work_number: str) -> str:
    """How an invitation names a mediator: no seat's work number or extension can be taken for it."""
    return _MEDIATOR + work_number


def mediator_of(who: str) -> str:
    """The work number of the mediator an invitation names; '' when it names somebody else."""
    return who.removeprefix(_MEDIATOR) if who.startswith(_MEDIATOR) else ""


def channel_id(instance: str, invitation: int, at: int) -> str:
    """The unique id of the third's channel; ``at`` is Unix seconds.

    It ends as Asterisk's own ids do, later than the citizen's, so that the citizen's stays the linked id once they are joined.
    """
    return f"{instance}-room{invitation}-{at}.{invitation}"


def is_invitation(unique_id: str) -> bool:
    """Whether a channel is somebody asked into a room: no call of a citizen begins with it, though a village's phone it may be."""
    return _CHANNEL_ID.fullmatch(unique_id) is not None


def why_ended(cause: str, *, answered: bool) -> RoomProblem:
    """Why a third who never was in the room did not come, by the Q.850 cause of the channel's end.

    A telephone whose person declines says busy (17) as often as rejected (21); it was free when it was rung.
    """
    if answered:
        return "gone"
    if cause in _REFUSALS:
        return "refused"
    return "absent" if cause in _ABSENCES else "late"
