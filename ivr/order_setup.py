"""From the settings to orders: the terms in force, whose an order is at first, the desk people work them at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ivr.china_holidays import working_days
from ivr.domain.call import Call
from ivr.domain.errors import BadSetting
from ivr.domain.evidence import Thresholds
from ivr.domain.work_order import OrderRules
from ivr.domain.worktime import WorkTime
from ivr.intake_tables import CodeNames, load_intake, shipped_tables
from ivr.settings import Settings
from ivr.storage.order_life import PostgresOrderDesk
from ivr.storage.work_orders import WorkOrders

if TYPE_CHECKING:
    from ivr.storage.database import Pool


def work_time(settings: Settings) -> WorkTime:
    """The office's days and closing time."""
    calendar = settings.calendar
    return WorkTime(working_days(calendar.days_off, calendar.days_on), calendar.closes)


def order_rules(settings: Settings) -> OrderRules:
    """The limits of the life of orders in force; BadSetting for a term of a category there is none of."""
    orders = settings.orders
    known = {code.code for code in shipped_tables().current.of("category")}
    if unknown := sorted(set(orders.terms) - known):
        raise BadSetting(f"orders.terms names the category {unknown[0]}; there are {', '.join(sorted(known))}")
    return OrderRules(
        work_time(settings), dict(orders.terms), orders.term_days, orders.extension_days, orders.return_days,
        orders.most_returns, orders.decider,
    )


def order_desk(settings: Settings, pool: Pool) -> PostgresOrderDesk:
    """Where people's moves and edits are written."""
    return PostgresOrderDesk(pool, order_rules(settings), CodeNames(shipped_tables()))


async def work_orders(settings: Settings, pool: Pool) -> WorkOrders:
    """Orders with the rules, thresholds and the gazetteer in force."""
    intake = await load_intake(pool, Thresholds(**settings.intake.model_dump()))
    time = work_time(settings)
    numbers = {f"PJSIP/seat-{seat.name}": seat.work_number for seat in settings.seats}

    def due(call: Call) -> datetime | None:
        """A message is answered on the next working day; any other term begins when its order is dispatched."""
        if call.outcome != "message":
            return None
        return time.due(datetime.fromtimestamp(call.ended_at or call.arrived_at, UTC), settings.calendar.message_days)

    def owner(call: Call) -> str:
        """首问责任制: the seat that answered first."""
        return numbers.get(call.member_interface, "") if call.answered_at is not None else ""

    return WorkOrders(intake.compose, intake.version, due, owner)
