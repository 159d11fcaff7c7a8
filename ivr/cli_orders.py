"""`ivr orders` and `ivr audit`: work orders in the terminal, and whether the audit trail still holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_terminal import out, plain_errors, system_user
from ivr.domain.errors import NotFound
from ivr.domain.work_order import MOVES, STATE_TITLES, Actor, Wish, card, choices, may_read
from ivr.domain.worktime import SHANGHAI
from ivr.order_setup import order_desk, work_time
from ivr.ports.views import OrderFilter, WorkOrderRecord
from ivr.settings import Settings, load_settings
from ivr.storage.audit import PostgresAudit
from ivr.storage.order_life import PostgresOrderDesk
from ivr.storage.views import PostgresViews

orders_app = typer.Typer(help="Work orders: list, show, move.", no_args_is_help=True)
audit_app = typer.Typer(help="The audit trail.", no_args_is_help=True)
T = TypeVar("T")
_SIGNS = {"": "", "yellow": "黄牌", "red": "红牌"}
_MOVERS = frozenset({"supervisor", "dispatcher"})


@orders_app.command("list")
def list_orders(
    state: Annotated[str, typer.Option(help="Only this state.")] = "",
    owner: Annotated[str, typer.Option(help="Only this owner's, by work number.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
) -> None:
    """Show orders, newest first; of confidential ones no content."""
    if state and state not in STATE_TITLES:
        raise typer.BadParameter(f"there is no state {state}; states are {', '.join(STATE_TITLES)}")
    settings = _settings()
    wanted = OrderFilter(state=state or None, owner=owner or None, limit=limit)
    found = _with_pool(settings, lambda views, _: views.work_orders(wanted))
    now, worktime = datetime.now(UTC), work_time(settings)
    table = Table("编号", "状态", "负责", "指派", "期限", "牌", "类别", "")
    for order in found:
        table.add_row(
            order.number, STATE_TITLES.get(order.state, order.state), order.owner, order.assigned_to or Text(order.assigned_unit),
            _moment(order.due_at), _SIGNS[card(order.life, now, worktime)], "" if order.confidential else order.category,
            "保密" if order.confidential else "",
        )
    out.print(table)


@orders_app.command("show")
def show(number: str) -> None:
    """Show one order: fields, history, and the moves a supervisor could make. Reading a confidential one is audited."""

    async def read(views: PostgresViews, desk: PostgresOrderDesk) -> None:
        order = await _order(views, number)
        if order.confidential:
            await desk.note_reading(number, _actor().name)
        _print(order, desk)
        for event in await desk.history(number):
            detail = "  ".join(f"{k}={v}" for k, v in event.detail.items() if v not in ("", False))
            title = MOVES[event.move].title if event.move in MOVES else event.move  # type: ignore[index]
            out.print(Text(f"{_moment(event.at)}  {event.actor}  {title}  {event.reason}  {detail}".rstrip()), soft_wrap=True)
        merged = await desk.merged(number)
        if merged:
            out.print(f"并入本单：{'、'.join(merged)}")

    _with_pool(_settings(), read)


@orders_app.command("move")
def move_order(
    number: str,
    move: Annotated[str, typer.Argument(help=", ".join(MOVES))],
    reason: str = "",
    to: Annotated[str, typer.Option(help="Work number.")] = "",
    unit: str = "",
    days: Annotated[int, typer.Option(min=0, max=365)] = 0,
    into: Annotated[str, typer.Option(help="Number of the order that goes on.")] = "",
    chosen: Annotated[bool, typer.Option("--chosen", help="The citizen asked for this person.")] = False,
    role: Annotated[list[str] | None, typer.Option(help="Act in this role; default: supervisor and dispatcher.")] = None,
    work_number: Annotated[str, typer.Option("--as", help="Act as this person, to accept or hand back.")] = "",
) -> None:
    """Make one move. What is not possible is refused with what is."""
    if move not in MOVES:
        raise typer.BadParameter(f"there is no move {move}; moves are {', '.join(MOVES)}")

    async def go(views: PostgresViews, desk: PostgresOrderDesk) -> str:
        order = await _order(views, number)
        actor = _actor(frozenset(role or _MOVERS), work_number, await desk.unit_of(work_number) if work_number else "")
        await desk.move(number, Wish(move, reason, to, unit, days, into, chosen), actor, order.version)  # type: ignore[arg-type]
        return (await _order(views, number)).state

    state = _with_pool(_settings(), go)
    out.print(f"[green]✓[/green] {number} {STATE_TITLES.get(state, state)}")


@audit_app.command("verify")
def verify() -> None:
    """Recompute the chain of the audit trail; exit status 1 names the first row that was altered, removed or slipped in."""

    async def check(settings: Settings) -> tuple[int | None, int]:
        async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
            audit = PostgresAudit(pool)
            return await audit.first_broken(), await audit.count()

    with plain_errors():
        broken, rows = asyncio.run(check(load_settings()))
    if broken is not None:
        out.print(f"[red]✗[/red] 审计记录第 {broken} 行 (audit_event.id) 与前一行不符：它或它之前的行被改动或删除", soft_wrap=True)
        raise typer.Exit(1)
    out.print(f"[green]✓[/green] 审计记录 {rows} 行，前后相符")


def _settings() -> Settings:
    with plain_errors():
        return load_settings()


def _with_pool(settings: Settings, work: Callable[[PostgresViews, PostgresOrderDesk], Awaitable[T]]) -> T:
    async def go() -> T:
        async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
            return await work(PostgresViews(pool), order_desk(settings, pool))

    with plain_errors():
        return asyncio.run(go())


async def _order(views: PostgresViews, number: str) -> WorkOrderRecord:
    found = await views.work_orders_named([number])
    if not found:
        raise NotFound(f"There is no work order {number[:80]}.")
    return found[0]


def _actor(roles: frozenset[str] = _MOVERS, work_number: str = "", unit: str = "") -> Actor:
    """Who sits at this terminal, as the audit trail names them."""
    return Actor(system_user(), roles, work_number, unit)


def _print(order: WorkOrderRecord, desk: PostgresOrderDesk) -> None:
    now = datetime.now(UTC)
    rules = desk.rules
    head = [
        ("状态", STATE_TITLES.get(order.state, order.state)), ("负责", order.owner),
        ("指派", order.assigned_to or order.assigned_unit),
        ("期限", f"{_moment(order.due_at)} {_SIGNS[card(order.life, now, rules.worktime)]}".strip()), ("并入", order.merged_into),
        ("说明", order.note),
    ]
    for title, value in head:
        if value:
            out.print(Text(f"{title}  {value}"), soft_wrap=True)
    actor = _actor()
    if may_read(order.life, actor):
        for field in order.fields:
            source = f"{field.set_by or '人工'}" if field.source == "human" else "机器"
            heard = f"（机器：{field.machine_display}）" if field.machine_display else ""
            out.print(Text(f"{field.field}  {field.display}  {source}{heard}"), soft_wrap=True)
    possible = [f"{c.title} ({c.move})" for c in choices(order.life, actor, now, rules) if c.allowed]
    out.print(f"可以：{'、'.join(possible) or '没有'}")


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if at else ""
