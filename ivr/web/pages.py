"""The pages: one index.html for every address, assets that never change, and the headers that keep a browser strict."""

from __future__ import annotations

import asyncio
import re
import secrets
from pathlib import Path

from aiohttp import web

from ivr.domain.errors import NotFound
from ivr.ports.web import WebOptions
from ivr.web.context import CSP_NONCE, OPTIONS
from ivr.web.errors import PagesMissing

_ASSET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,150}")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_NONCE_MARK = b"__CSP_NONCE__"
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
    ".map": "application/json",
    ".json": "application/json",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
}
_MISSING = "The pages have not been built on this server. Run: make pages"


def wants_page(request: web.Request) -> bool:
    """Whether a browser asks for a page address of its own (history mode), not for data or a file."""
    return (
        request.method in ("GET", "HEAD")
        and not request.path.startswith(("/api/", "/assets/"))
        and "text/html" in request.headers.get("Accept", "")
    )


async def index(request: web.Request) -> web.Response:
    """The single page; a plain 503 page that says how to build it when it is not there."""
    path = request.app[OPTIONS].static_dir / "index.html"
    try:
        body = await asyncio.to_thread(path.read_bytes)
    except FileNotFoundError:
        text = (
            f'<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>503</title><p>页面尚未生成。<p>{_MISSING}'
        )
        headers = {"Retry-After": "60", "Cache-Control": "no-store"}
        return web.Response(status=503, text=text, content_type="text/html", headers=headers)
    if _NONCE_MARK in body:
        nonce = request[CSP_NONCE] = secrets.token_urlsafe(18)
        body = body.replace(_NONCE_MARK, nonce.encode())
    return web.Response(body=body, content_type="text/html", charset="utf-8", headers={"Cache-Control": "no-cache"})


async def asset(request: web.Request) -> web.StreamResponse:
    """A built file; its name holds its content's hash, so it may be kept for a year."""
    name = request.match_info["name"]
    if not _ASSET.fullmatch(name):
        raise NotFound("There is nothing at this address.")
    return await _file(request.app[OPTIONS].static_dir / "assets" / name, "public, max-age=31536000, immutable")


async def favicon(request: web.Request) -> web.StreamResponse:
    return await _file(request.app[OPTIONS].static_dir / "favicon.svg", "public, max-age=86400")


async def _file(path: Path, cache: str) -> web.StreamResponse:
    if not await asyncio.to_thread(lambda: path.is_file() and not path.is_symlink()):
        if not await asyncio.to_thread(path.parent.is_dir):
            raise PagesMissing(_MISSING)
        raise NotFound("There is nothing at this address.")
    content_type = _TYPES.get(path.suffix.lower(), "application/octet-stream")
    return web.FileResponse(path, headers={"Content-Type": content_type, "Cache-Control": cache})


def content_security_policy(options: WebOptions, nonce: str | None, host: str) -> str:
    """Only our own files run; styles set by script are allowed as the page's libraries need, markup styles are not."""
    style = "'self'" + (f" 'nonce-{nonce}'" if nonce else "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    named = [s.replace("{host}", name) for s in options.connect_sources if "{host}" not in s or _HOST.fullmatch(name)]
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src {style}",
            "style-src-attr 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' blob:",
            "connect-src " + " ".join(("'self'", *named)),
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


async def secure_headers(request: web.Request, response: web.StreamResponse) -> None:
    """on_response_prepare: the same strict headers on every answer, streams and errors included."""
    options = request.app[OPTIONS]
    headers = response.headers
    headers["Server"] = "ivr"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()"
    headers["Content-Security-Policy"] = content_security_policy(options, request.get(CSP_NONCE), request.host)
    headers.setdefault("Cache-Control", "no-store")
    if options.tls:
        headers["Strict-Transport-Security"] = "max-age=31536000"
