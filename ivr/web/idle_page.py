"""A village phone's own page, for a phone that has a browser: HTML without script, which looks anew once a minute.

Whoever has the address may read it, as with a configuration; it holds no secret and nothing of any call.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from html import escape
from typing import Final

from aiohttp import web
from pydantic import BaseModel, Field

from ivr.domain.device import village_of
from ivr.domain.errors import NotFound
from ivr.domain.idle_page import IdleWords, Presence, idle_words
from ivr.web.context import CSP_NONCE, SERVICES, answer
from ivr.web.errors import TooManyRequests
from ivr.web.provisioning import FETCH_LIMIT
from ivr.web.query import NoQuery, read_query
from ivr.web.route import Route

_AGAIN_S = 60
_COLOURS: Final[dict[Presence, str]] = {"here": "#1b7f3b", "busy": "#a85b00", "away": "#44546a"}
# Sizes are shares of the screen's height, so that the same page fills 480 lines as it fills 1080; floats, because the browsers
# of telephones are old.
_STYLE = """
html,body{margin:0;height:100%;background:#fff;color:#111;font-family:"Noto Sans CJK SC","Microsoft YaHei",sans-serif}
body{overflow:hidden}
header{height:12vh;line-height:12vh;padding:0 3vw;background:#0b3d6e;color:#fff;font-size:7.5vh;font-weight:bold;overflow:hidden}
.key{float:left;width:36vw;height:77vh;text-align:center}
.key svg{height:60vh;width:34vw;margin-top:8vh}
.say{float:right;width:60vw;height:77vh;padding-right:2vw}
h1{margin:3vh 0 2vh;font-size:13vh;line-height:1.15}
p{margin:0 0 2vh;font-size:10.2vh;line-height:1.2}
.who{font-weight:bold}
footer{clear:both;height:11vh;line-height:11vh;padding:0 3vw;background:#eef2f7;font-size:5.2vh;overflow:hidden;white-space:nowrap}
.broken{box-sizing:border-box;height:77vh;padding:16vh 4vw 0;color:#a30d0d;font-size:15vh;line-height:1.3;font-weight:bold}
"""
_KEY = (
    '<svg viewBox="0 0 200 200" aria-hidden="true"><circle cx="100" cy="92" r="84" fill="{colour}"/>'
    '<circle cx="100" cy="92" r="70" fill="none" stroke="#fff" stroke-width="5"/>'
    '<path d="M62 60c0-8 8-14 16-10l9 16-8 11c4 14 16 26 30 31l11-8 16 10c4 8-2 16-10 16-36 0-64-30-64-66z" fill="#fff"/>'
    '<path d="M100 198v-34M84 178l16-16 16 16" stroke="#111" stroke-width="9" fill="none"/></svg>'
)


class IdlePageAddress(BaseModel):
    """Where a device's own page is; it ends when the device's secret is rotated or the device is blocked."""

    device: str
    address: str = Field(description="for the start page of the phone's browser")


async def address(request: web.Request) -> web.Response:
    """GET /api/v1/devices/{device}/idle-page: where this device's page is, as often as it is asked for."""
    read_query(request, NoQuery)
    device = request.match_info["device"]
    if not village_of(device):
        raise NotFound(f"There is no device {device[:40]}.")
    return answer(IdlePageAddress(device=device, address=await request.app[SERVICES].provisioning.idle_address(device)))


async def show(request: web.Request) -> web.Response:
    """GET /api/v1/idle/{device}/{token}: the page; a 404 for whatever is no active device's own address."""
    read_query(request, NoQuery)
    if wait_s := request.app[FETCH_LIMIT].take((request.remote or "").encode(), asyncio.get_running_loop().time()):
        raise TooManyRequests(math.ceil(wait_s), "This network address")
    facts = await request.app[SERVICES].provisioning.idle(request.match_info["device"], request.match_info["token"])
    nonce = request[CSP_NONCE] = secrets.token_urlsafe(18)
    return web.Response(text=idle_html(idle_words(facts), nonce), content_type="text/html", charset="utf-8")


def idle_html(words: IdleWords, nonce: str) -> str:
    """The page of these words."""
    if words.broken:
        main = f'<div class="broken">{_lines(words.broken)}</div>'
    else:
        when = f"<p>{escape(words.when)}</p>" if words.when else ""
        main = (
            f'<div class="key">{_KEY.format(colour=_COLOURS[words.presence])}</div>'
            f'<div class="say"><h1>{_lines(words.call)}</h1><p class="who">{_lines(words.who)}</p>{when}</div>'
        )
    return (
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><meta http-equiv="refresh" content="{_AGAIN_S}">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(words.village)}</title>'
        f'<style nonce="{nonce}">{_STYLE}</style></head><body><header>12348　{escape(words.village)}</header><main>{main}</main>'
        f"<footer>{escape(words.foot)}　{escape(words.kept)}</footer></body></html>"
    )


def _lines(text: str) -> str:
    """One line for each part of a sentence: broken anywhere else, a line of this size ends inside a word."""
    return "<br>".join(escape(part) for part in text.split("，"))


IDLE_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/api/v1/devices/{device}/idle-page", address, "The address of the page that this device's own browser shows",
        {200: IdlePageAddress}, permission="devices.write",
    ),
    Route(
        "GET", "/api/v1/idle/{device}/{token}", show,
        "A device's own page: what to press and who will answer; closed by the token, and whatever is not there is a 404",
        {200: "text/html"}, open=True, problems=frozenset({429}),
    ),
)
