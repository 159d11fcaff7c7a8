"""What handlers find in the application and the request, and the one way they answer."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from pydantic import BaseModel

from ivr.ports.web import Identity, WebOptions, WebServices

SERVICES: web.AppKey[WebServices] = web.AppKey("services", WebServices)
OPTIONS: web.AppKey[WebOptions] = web.AppKey("options", WebOptions)
OPENAPI: web.AppKey[bytes] = web.AppKey("openapi", bytes)
IDENTITY: web.RequestKey[Identity] = web.RequestKey("identity", Identity)
CSP_NONCE: web.RequestKey[str] = web.RequestKey("csp_nonce", str)


def answer(model: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer of exactly the documented shape."""
    body = model.model_dump_json().encode()
    return web.Response(status=status, body=body, headers={"Content-Type": "application/json", **(headers or {})})
