"""Addresses from which devices fetch their configuration: made and shown once, and answered to whoever has one.

Whatever is not there is answered alike, so that nobody learns of a device, a token or a file by asking.
"""

from __future__ import annotations

import asyncio
import base64
import math
import re

from aiohttp import web
from pydantic import BaseModel, Field, TypeAdapter

from ivr.domain.device import village_of
from ivr.domain.errors import NotFound
from ivr.domain.worktime import SHANGHAI
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.devices import DeviceAct
from ivr.web.errors import TooManyRequests
from ivr.web.models import Moment
from ivr.web.query import NoQuery, read_body, read_query
from ivr.web.rate_limit import RateLimit
from ivr.web.route import Route

FETCH_LIMIT: web.AppKey[RateLimit] = web.AppKey("fetch_limit", RateLimit)
_ACT = TypeAdapter(DeviceAct)
_FILE = re.compile(r"[A-Za-z0-9.]{1,40}")


class ProvisioningAnswer(BaseModel):
    """An address, shown once. It stands for the device's secret, and ends with it."""

    device: str
    address: str = Field(description="what a phone of the device's model is told; a folder where the phone adds a name itself")
    soft_client: str = Field(description="what an app is told")
    qr: str = Field(description="the picture of soft_client, as a data: URI of an SVG")
    expires_at: Moment
    idle_page: str = Field(description="the start page of the phone's browser; it stands until the secret is rotated")


async def issue(request: web.Request) -> web.Response:
    """POST /api/v1/devices/{device}/provision: an address for a device whose secret nobody was shown; audited."""
    read_query(request, NoQuery)
    wish = await read_body(request, _ACT, request.app[OPTIONS].body_limit_bytes)
    device = request.match_info["device"]
    if not village_of(device):
        raise NotFound(f"There is no device {device[:40]}.")
    made = await request.app[SERVICES].provisioning.issue(device, request[IDENTITY].actor, wish.reason)
    picture = base64.b64encode(made.qr.encode()).decode()
    return answer(ProvisioningAnswer(
        device=device, address=made.address, soft_client=made.soft_client, qr=f"data:image/svg+xml;base64,{picture}",
        expires_at=made.expires_at.astimezone(SHANGHAI), idle_page=made.idle_page,
    ))


async def fetch(request: web.Request) -> web.Response:
    """GET /api/v1/provision/{token}/{file}: the device's configuration in its maker's words; audited."""
    read_query(request, NoQuery)
    remote = request.remote or ""
    if wait_s := request.app[FETCH_LIMIT].take(remote.encode(), asyncio.get_running_loop().time()):
        raise TooManyRequests(math.ceil(wait_s), "This network address")
    file = request.match_info["file"]
    if not _FILE.fullmatch(file):
        raise NotFound("There is nothing at this address.")
    found = await request.app[SERVICES].provisioning.file(request.match_info["token"], file, remote)
    return web.Response(text=found.text, content_type=found.media_type, charset="utf-8")


PROVISIONING_ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/api/v1/devices/{device}/provision",
        issue,
        "Make the address from which this device fetches its configuration, shown once and with its secret; audited",
        {200: ProvisioningAnswer},
        permission="devices.write",
        bodies=(DeviceAct,),
        problems=frozenset({413, 415}),
    ),
    Route(
        "GET",
        "/api/v1/provision/{token}/{file}",
        fetch,
        "The configuration of the device whose token this is; closed by the token, and whatever is not there is a 404",
        {200: "text/plain, application/xml"},
        open=True,
        problems=frozenset({429}),
    ),
)
