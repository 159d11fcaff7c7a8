"""Routes of the supervisors' room, and of what an operator is told by it."""

from __future__ import annotations

from ivr.web import supervision
from ivr.web import supervision_models as models
from ivr.web.route import Route

_SEAT = "/api/v1/supervision/seats/{seat}"

SUPERVISION_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/api/v1/supervision", supervision.show_supervision,
        "Seats, supervisors on calls now and before, messages to seats", {200: models.Supervision}, permission="seats.supervise",
    ),
    Route(
        "POST", "/api/v1/supervision/watches", supervision.begin_watch,
        "Listen to a call, whisper to its operator, join it, or take it over; rings the supervisor's telephone; audited",
        {201: models.Watch}, permission="seats.supervise", bodies=(models.WatchWish,), problems=frozenset({404, 409, 413, 415}),
    ),
    Route(
        "DELETE", "/api/v1/supervision/watches/{watch}", supervision.end_watch,
        "Hang up the supervisor's telephone; audited", {204: None}, permission="seats.supervise",
    ),
    Route(
        "POST", f"{_SEAT}/state", supervision.force_state,
        "Pause a seat, make it ready or sign it out for somebody else; audited", {204: None}, permission="seats.supervise",
        bodies=(models.ForcedState,), problems=frozenset({409, 413, 415}),
    ),
    Route(
        "POST", f"{_SEAT}/messages", supervision.send_message,
        "Tell who sits there; shown at the desk until put away; audited", {201: models.SeatMessage},
        permission="seats.supervise", bodies=(models.MessageWish,), problems=frozenset({409, 413, 415}),
    ),
    Route(
        "GET", "/api/v1/desk/messages", supervision.my_messages,
        "What supervisors told me, and whether one is on my call; does not restart the idle clock", {200: models.MyMessages},
        permission="desk.use", activity=False,
    ),
    Route(
        "DELETE", "/api/v1/desk/messages/{message}", supervision.put_away, "A message was seen", {204: None}, permission="desk.use",
    ),
)
