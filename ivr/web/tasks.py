"""What waits for a person, over HTTP: one list; each taken by one at a time, called about, and done with a result."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal, get_args

from aiohttp import web
from pydantic import Field, StringConstraints, TypeAdapter

from ivr.domain.callback import AttemptResult
from ivr.domain.disclosure import Veil
from ivr.domain.errors import Denied, NotFound
from ivr.domain.task import TaskKind, TaskResult, TaskState, is_task, why_not_called, why_not_done
from ivr.domain.work_order import decision_by
from ivr.ports import tasks as port
from ivr.ports.views import PageMark, WorkOrderRecord
from ivr.ports.web import Identity
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.models import Moment, Wire
from ivr.web.order_access import actor_of, demand_content, known_order
from ivr.web.query import Cursor, Limit, NoQuery, Query, cursor_of, mark_of, read_body, read_query
from ivr.web.route import Route
from ivr.web.veils import hidden_from


class TaskQuery(Query):
    kind: TaskKind | None = None
    whose: Literal["all", "mine", "free"] = "all"
    limit: Limit = 50
    cursor: Cursor | None = None


class Task(Wire):
    """One thing that waits for a person. ``planned``: the machine dials by itself; ``open``: it is a person's turn.

    ``number`` is whom a call would go to, '' for a confidential order. ``not_callable`` and ``not_closable`` are '' when it can be
    called about or put away now, else why not, for people.
    """

    id: str
    kind: TaskKind
    state: TaskState
    since: Moment
    due_at: Moment | None
    not_before: Moment | None = Field(description="earliest next attempt of the machine")
    order: str
    confidential: bool
    number: str
    queue: str
    attempts: int = Field(description="in which the citizen's telephone was tried")
    last_result: str = Field(description="what the last call about it came to, or why it was given up")
    asked: bool = Field(description="somebody asked for a call, which is made as soon as their seat is free")
    call: str = Field(description="linked id of the order's first call: the message itself; '' for none")
    holder: str = Field(description="account that has it, '' for nobody")
    holder_name: str
    mine: bool
    taken_at: Moment | None
    ends_at: Moment | None = Field(description="the holder has it until then")
    not_callable: str
    not_closable: str


class TaskCounts(Wire):
    """Open tasks by kind, and how many of all nobody has, and the asker has."""

    callback: int
    dissatisfied: int
    message: int
    decision: int
    free: int
    mine: int


class TaskList(Wire):
    tasks: list[Task]
    counts: TaskCounts
    next: str | None = Field(description="cursor of the next page, null on the last one")


class TaskDone(Wire):
    """What came of a task; its order says it too."""

    result: TaskResult
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""


class VillageCall(Wire):
    """Which phone of the village is to ring; '' for the one of the order's last call."""

    device: Annotated[str, StringConstraints(pattern=r"^(v-[0-9]{9}([0-9]{3}|-L[0-9]{2})?-[1-9][0-9]?)?$")] = ""


class TaskChange(Wire):
    """On the live stream: something about a task is different; what, is asked for by who may know it."""

    id: str


_DONE: TypeAdapter[TaskDone] = TypeAdapter(TaskDone)
_VILLAGE: TypeAdapter[VillageCall] = TypeAdapter(VillageCall)
_LAST: frozenset[str] = frozenset(get_args(AttemptResult)) | {"expired", "no number"}


async def list_tasks(request: web.Request) -> web.Response:
    """GET /api/v1/tasks: the oldest first; ``next`` continues where this page ends."""
    asked, identity, desk = read_query(request, TaskQuery), request[IDENTITY], request.app[SERVICES].tasks
    me = identity.name if identity.kind == "session" else ""
    if asked.whose == "mine" and not me:
        raise Denied("Tasks are people's: log in with a session, not a token.")
    found = await desk.tasks(port.TaskFilter(asked.kind, asked.whose, me, asked.limit, mark_of(asked.cursor)))
    last = PageMark(found[-1].since, found[-1].id) if len(found) == asked.limit else None
    return answer(TaskList(
        tasks=[_task(one, identity, me) for one in found], counts=TaskCounts(**await desk.counts(me)),
        next=None if last is None else cursor_of(last),
    ))


async def take_task(request: web.Request) -> web.Response:
    """POST /api/v1/tasks/{task}/holder."""
    read_query(request, NoQuery)
    me, task = _person(request), await _known(request)
    order = await _demand_order(request, task)
    if task.kind == "decision":
        decider, actor = decision_by(order.life, request.app[SERVICES].orders.rules), await actor_of(request)
        if decider not in (actor.work_number, *(("supervisor",) if "supervisor" in actor.roles else ())):
            raise Denied(f"This order is decided by {'a supervisor' if decider == 'supervisor' else decider}.")
    await request.app[SERVICES].tasks.take(task.id, me.name)
    return web.Response(status=204)


async def give_back_task(request: web.Request) -> web.Response:
    """DELETE /api/v1/tasks/{task}/holder: one's own, and anybody's for a supervisor."""
    read_query(request, NoQuery)
    me = _person(request)
    await request.app[SERVICES].tasks.give_back(_task_id(request), me.name, anybodys="supervisor" in me.roles)
    return web.Response(status=204)


async def finish_task(request: web.Request) -> web.Response:
    """POST /api/v1/tasks/{task}/result."""
    read_query(request, NoQuery)
    wish = await read_body(request, _DONE, request.app[OPTIONS].body_limit_bytes)
    me = _person(request)
    await request.app[SERVICES].tasks.finish(_task_id(request), wish.result, wish.note, me.name, me.display_name or me.name)
    return web.Response(status=204)


async def call_about_task(request: web.Request) -> web.Response:
    """POST /api/v1/tasks/{task}/call."""
    read_query(request, NoQuery)
    me, task = _person(request), await _known(request)
    await _demand_order(request, task)
    await request.app[SERVICES].tasks.call(task.id, me.name, await _work_number(request, me))
    return web.Response(status=204)


async def call_about_order(request: web.Request) -> web.Response:
    """POST /api/v1/work-orders/{number}/call: to the number the order holds, and to no other."""
    read_query(request, NoQuery)
    me, actor = _person(request), await actor_of(request)
    order = await known_order(request, actor)
    demand_content(order, actor)
    await request.app[SERVICES].tasks.call_order(order.number, me.name, await _work_number(request, me))
    return web.Response(status=204)


async def call_village(request: web.Request) -> web.Response:
    """POST /api/v1/work-orders/{number}/village-call: to the phone that called, or another one of its village."""
    read_query(request, NoQuery)
    wish = await read_body(request, _VILLAGE, request.app[OPTIONS].body_limit_bytes)
    me, actor = _person(request), await actor_of(request)
    order = await known_order(request, actor)
    demand_content(order, actor)
    await request.app[SERVICES].tasks.call_village(order.number, wish.device, me.name, await _work_number(request, me))
    return web.Response(status=204)


def _task_id(request: web.Request) -> str:
    task_id = request.match_info["task"]
    if not is_task(task_id):
        raise NotFound("There is no such task.")
    return task_id


async def _known(request: web.Request) -> port.Task:
    return await request.app[SERVICES].tasks.task(_task_id(request))


async def _demand_order(request: web.Request, task: port.Task) -> WorkOrderRecord:
    """The task's order; Denied when it is confidential and not the asker's to know."""
    orders = await request.app[SERVICES].views.work_orders_named([task.order_number])
    if not orders:
        raise NotFound("There is no such task.")
    demand_content(orders[0], await actor_of(request))
    return orders[0]


async def _work_number(request: web.Request, me: Identity) -> str:
    """Whose seat is to be rung: that of the page one sits at, else the one registered for the account."""
    desk = request.app[SERVICES].desk
    lease = await desk.leases.held(me.name, me.credential)
    if lease is not None and lease.seat in desk.seats:
        return desk.seats[lease.seat].work_number
    return (await actor_of(request)).work_number


def _person(request: web.Request) -> Identity:
    identity: Identity = request[IDENTITY]
    if identity.kind != "session":
        raise Denied("A person does this: log in with a session, not a token.")
    return identity


def _task(task: port.Task, identity: Identity, me: str) -> Task:
    told = dataclasses.asdict(task)
    told["order"], can_dial = told.pop("order_number"), told.pop("dialable")
    return Task(**{
        **told, "number": Veil(hidden_from(identity)).number(task.number), "mine": bool(me) and task.holder == me,
        "last_result": task.last_result if task.last_result in _LAST else "",
        "not_callable": why_not_called(task.kind, task.state, can_dial), "not_closable": why_not_done(task.kind, task.state),
    })


_TASK = "/api/v1/tasks/{task}"
TASK_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/api/v1/tasks", list_tasks,
        "Call-backs, messages, dissatisfied ratings and orders to decide that wait for a person, the oldest first",
        {200: TaskList}, permission="tasks.read", query=TaskQuery, masks=True,
    ),
    Route(
        "POST", f"{_TASK}/holder", take_task, "Take a task, or have it longer; one person at a time; audited", {204: None},
        permission="tasks.work", problems=frozenset({409}),
    ),
    Route(
        "DELETE", f"{_TASK}/holder", give_back_task, "Give a task back; a supervisor anybody's; audited", {204: None},
        permission="tasks.work", problems=frozenset({409}),
    ),
    Route(
        "POST", f"{_TASK}/call", call_about_task,
        "Call the citizen of a task one has, as soon as one's seat is free; recorded into its order; audited", {204: None},
        permission="tasks.work", problems=frozenset({409}),
    ),
    Route(
        "POST", f"{_TASK}/result", finish_task, "Put a task one has away with what came of it; audited", {204: None},
        permission="tasks.work", bodies=(TaskDone,), problems=frozenset({409, 413, 415}),
    ),
    Route(
        "POST", "/api/v1/work-orders/{number}/call", call_about_order,
        "Call the citizen of an order at the number it holds; recorded into it; audited", {204: None},
        permission="tasks.work", problems=frozenset({409}),
    ),
    Route(
        "POST", "/api/v1/work-orders/{number}/village-call", call_village,
        "Ring the village's phone from its order, with video where both can; recorded into it; audited", {204: None},
        permission="tasks.work", bodies=(VillageCall,), problems=frozenset({409, 413, 415}),
    ),
)
