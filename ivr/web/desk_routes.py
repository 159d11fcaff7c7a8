"""What an operator's page asks of its seat."""

from __future__ import annotations

from ivr.web import desk, desk_models
from ivr.web.route import Route

_SEAT = "/api/v1/desk/seat"

DESK_ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/api/v1/desk/seats",
        desk.list_seats,
        "Seats whose telephone is a page, and who has them",
        {200: desk_models.SeatList},
        permission="desk.use",
        activity=False,
    ),
    Route(
        "GET",
        _SEAT,
        desk.show_seat,
        "The seat of this session; asked while somebody works at the page, so that the session goes on",
        {200: desk_models.MySeat},
        permission="desk.use",
        problems=frozenset({404}),
    ),
    Route(
        "POST",
        _SEAT,
        desk.take_seat,
        "Take a seat: how its telephone registers; audited",
        {200: desk_models.SeatAccess},
        permission="desk.use",
        bodies=(desk_models.SeatWish,),
        problems=frozenset({404, 409, 413, 415}),
    ),
    Route(
        "PUT",
        _SEAT,
        desk.keep_seat,
        "Keep the seat; does not restart the idle clock",
        {204: None},
        permission="desk.use",
        activity=False,
        problems=frozenset({409}),
    ),
    Route("DELETE", _SEAT, desk.leave_seat, "Give the seat back; audited", {204: None}, permission="desk.use"),
    Route(
        "POST",
        "/api/v1/desk/state",
        desk.set_state,
        "Pause the seat with a reason, or be rung again; answered when Asterisk has done it; audited",
        {204: None},
        permission="desk.use",
        bodies=(desk_models.PauseWish,),
        problems=frozenset({409, 413, 415}),
    ),
)
