"""`ivr outbox`: what partners were told, what was given up, and sending it again by hand."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_terminal import out, plain_errors
from ivr.domain.errors import BadSetting
from ivr.domain.worktime import SHANGHAI
from ivr.ports.partners import DeliveryRecord, DeliveryState
from ivr.settings import Settings, load_settings
from ivr.storage.audit import PostgresAudit
from ivr.storage.outbox import PostgresOutbox

outbox_app = typer.Typer(help="What partners are told of orders.", no_args_is_help=True)

_STATES: dict[DeliveryState, str] = {"waiting": "等待", "sending": "发送中", "delivered": "已送达", "held": "已搁置"}


@outbox_app.command("list")
def list_deliveries(
    held: Annotated[bool, typer.Option("--held", help="Only what was given up.")] = False,
    partner: Annotated[str | None, typer.Option(help="Only to this partner.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The newest so many.")] = 50,
) -> None:
    """Show deliveries, the newest first."""
    with plain_errors():
        found = asyncio.run(_listed(load_settings(), "held" if held else None, partner, limit))
    number, state = Column("工单", no_wrap=True), Column("状态", no_wrap=True)
    table = Table("id", "对方", "事件", number, state, "次数", "发生于", "下次不早于", "情况")
    for one in found:
        later = f"{one.not_before.astimezone(SHANGHAI):%m-%d %H:%M:%S}" if one.state == "waiting" else ""
        table.add_row(
            str(one.id), one.partner, one.event, one.order_number, _STATES[one.state], str(one.attempts),
            f"{one.at.astimezone(SHANGHAI):%m-%d %H:%M:%S}", later, Text(one.problem),
        )
    out.print(table if found else "没有消息")


@outbox_app.command("replay")
def replay(
    delivery: Annotated[int | None, typer.Argument(min=1, max=2**62, help="The id that `ivr outbox list` shows.")] = None,
    held: Annotated[str | None, typer.Option(help="Everything that was given up for this partner.")] = None,
) -> None:
    """Send again, from the first try: one delivery, or all that were given up for one partner."""
    with plain_errors():
        if (delivery is None) == (held is None):
            raise BadSetting("name one delivery, or give --held PARTNER for all that were given up for it")
        count = asyncio.run(_replayed(load_settings(), delivery, held))
    out.print(f"[green]✓[/green] {count} 条将重新发送")


async def _listed(settings: Settings, state: DeliveryState | None, partner: str | None, limit: int) -> Sequence[DeliveryRecord]:
    async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
        return await PostgresOutbox(pool).deliveries(state, partner, limit, None)


async def _replayed(settings: Settings, delivery: int | None, held: str | None) -> int:
    async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
        outbox, count = PostgresOutbox(pool), 1
        if delivery is not None:
            await outbox.replay(delivery)
        elif held is not None:
            count = await outbox.replay_held(held)
        named = str(delivery) if delivery is not None else str(held)
        await PostgresAudit(pool).append(f"cli:{getpass.getuser()}", "outbox.replay", named, {"deliveries": count})
        return count
