"""The routes of advisers' hours, part of the one list in ivr.web.routes."""

from __future__ import annotations

from ivr.web import advisers
from ivr.web.route import Route

_WORK = "/api/v1/villages/{village}/adviser-work"

ADVISER_ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/api/v1/adviser-hours",
        advisers.show_hours,
        "Hours each village had of its adviser in a year, against the 50 owed, and whether the pace reaches them",
        {200: advisers.HoursAnswer},
        permission="devices.read",
        query=advisers.HoursQuery,
    ),
    Route(
        "GET",
        _WORK,
        advisers.list_work,
        "Visits and lectures of one village in a year, voided ones too",
        {200: advisers.WorkList},
        permission="devices.read",
        query=advisers.HoursQuery,
    ),
    Route(
        "POST",
        _WORK,
        advisers.enter_work,
        "Enter a visit or lecture with what proves it; sent again it counts once; audited",
        {200: advisers.WorkList},
        permission="devices.write",
        bodies=(advisers.WorkWish,),
        problems=frozenset({413, 415}),
    ),
    Route(
        "POST",
        "/api/v1/adviser-work/{entry}/void",
        advisers.void_work,
        "Count an entry no more, with a reason; it stays to be seen; audited",
        {204: None},
        permission="devices.write",
        bodies=(advisers.VoidWish,),
        problems=frozenset({413, 415}),
    ),
)
