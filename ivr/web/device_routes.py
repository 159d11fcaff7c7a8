"""The routes of village video phones, part of the one list in ivr.web.routes."""

from __future__ import annotations

from ivr.web import devices
from ivr.web.route import Route

_DEVICE = "/api/v1/devices/{device}"

DEVICE_ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/api/v1/devices",
        devices.list_devices,
        "Village video phones by town: used, could be used, or could not, since when and why",
        {200: devices.DeviceList},
        permission="devices.read",
        activity=False,
    ),
    Route(
        "GET",
        f"{_DEVICE}/history",
        devices.show_history,
        "Registrations seen and lost, what people did, and the calls of one device",
        {200: devices.DeviceHistoryAnswer},
        permission="devices.read",
    ),
    Route(
        "POST",
        f"{_DEVICE}/test",
        devices.test,
        "Ring it, play it a tone and measure what comes back, now; only a device that answers by itself; audited",
        {200: devices.TestAsked},
        permission="devices.write",
        bodies=(devices.DeviceAct,),
        problems=frozenset({413, 415}),
    ),
    *(
        Route(
            "POST",
            f"{_DEVICE}/{name}",
            handler,
            summary,
            {200: devices.DeviceList},
            permission="devices.write",
            bodies=(devices.DeviceAct,),
            problems=frozenset({413, 415}),
        )
        for name, handler, summary in (
            ("block", devices.block, "End its registration and calls, until it is freed; audited"),
            ("unblock", devices.unblock, "Let it register again; audited"),
            ("rotate", devices.rotate, "Make its secret worthless; the new one is shown on the server alone; audited"),
        )
    ),
)
