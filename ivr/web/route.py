"""One route: what is served, to whom, and what its answers may be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web
from pydantic import BaseModel

from ivr.web.access import Permission
from ivr.web.query import NoQuery, Query

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """One method on one path. ``permission`` None with ``open`` False: any login will do.

    ``signed``: open to whoever proves by a signature to be a partner; the handler sees to that.

    ``answers`` maps a status to its model, or to a media type when the answer is no JSON, or to None for no body.
    ``activity`` False: the request does not restart a session's idle clock. ``enrolling``: also served to who has yet to set
    up the second factor that the role needs. ``masks``: ``fields`` may name the fields of the answer that are wanted.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answers: Mapping[int, type[BaseModel] | str | None]
    permission: Permission | None = None
    open: bool = False
    signed: bool = False
    activity: bool = True
    enrolling: bool = False
    documented: bool = True
    masks: bool = False
    query: type[Query] = NoQuery
    bodies: tuple[type[BaseModel], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    problems: frozenset[int] = frozenset()


def problems_of(route: Route) -> set[int]:
    """Every problem status a route can answer with."""
    found = set(route.problems)
    found.add(414)
    if route.path == "/healthz":
        return found
    found |= {400, 503}
    if not route.open:
        found |= {401, 403, 429}
    if "{" in route.path:
        found.add(404)
    return found
