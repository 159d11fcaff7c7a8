"""What a person may write into an order's fields: each checked, given its shown form, or refused with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Literal, get_args

from ivr.domain.callback_number import is_dialable, spaced
from ivr.domain.errors import CallerFault
from ivr.domain.work_order import Actor, Life, holds

EditedField = Literal["category", "matter", "caller_name", "callback_number", "place", "amount", "date", "remark"]
EDITED_FIELDS: tuple[EditedField, ...] = get_args(EditedField)
SEVERAL: frozenset[str] = frozenset({"amount", "date"})
"""Fields that may have several values; every other has one."""

_FINAL = frozenset({"archived", "merged", "voided"})
_EDITORS = ("operator", "dispatcher", "supervisor", "handler", "adviser")
_DESK = frozenset({"operator", "dispatcher", "supervisor"})
_MOST_VALUES = 10


class BadEdit(CallerFault):
    """A value that the field does not take; the text names the field and what it takes."""

    code = "bad_value"


class EditRefused(CallerFault):
    """The order is past editing, or is nobody's of the asker."""

    code = "edit_refused"


@dataclass(frozen=True, slots=True)
class Written:
    """One value as stored and as shown; both '' says that a person found there is none."""

    value: str
    display: str


def editor_role(life: Life, actor: Actor) -> str:
    """The role that allows an edit; EditRefused with the reason otherwise."""
    if life.state in _FINAL:
        raise EditRefused("已归档、并入或作废的工单不能修改")
    if actor.roles & _DESK or holds(life, actor):
        role = next((r for r in _EDITORS if r in actor.roles), "")
        if role:
            return role
    raise EditRefused("只有坐席、调度、班长和承办人可以修改工单")


def checked(
    field: EditedField, values: Sequence[str], name_of: Callable[[str], str | None], place_of: Callable[[str], str]
) -> list[Written]:
    """The values ready to be stored; none given, or '', clears the field.

    ``name_of`` gives a category's or matter's name (None: unknown), ``place_of`` a place's shown name ('': unknown).
    """
    given = [value.strip() for value in values if value.strip()]
    if len(given) > (_MOST_VALUES if field in SEVERAL else 1):
        raise BadEdit(f"{field}：至多 {_MOST_VALUES if field in SEVERAL else 1} 个值")
    return [_written(field, value, name_of, place_of) for value in dict.fromkeys(given)] or [Written("", "")]


def _written(
    field: EditedField, value: str, name_of: Callable[[str], str | None], place_of: Callable[[str], str]
) -> Written:
    if field in ("category", "matter"):
        name = name_of(value)
        if name is None:
            raise BadEdit(f"{field}：没有代码 {value[:40]}")
        return Written(value, name)
    if field == "place":
        shown = place_of(value)
        if not shown:
            raise BadEdit(f"place：没有镇街或村居 {value[:40]}（ivr places list）")
        return Written(value, shown)
    if field == "callback_number":
        digits = re.sub(r"[\s-]", "", value)
        if not digits.isascii() or not is_dialable(digits):
            raise BadEdit("callback_number：应为 11 位手机号，或带区号的固定电话")
        return Written(digits, spaced(digits))
    if field == "amount":
        return _amount(value)
    if field == "date":
        try:
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
                raise ValueError
            day = date.fromisoformat(value)
        except ValueError:
            raise BadEdit("date：应如 2026-11-26") from None
        return Written(value, f"{day.year}年{day.month}月{day.day}日")
    limit = 40 if field == "caller_name" else 2000
    if len(value) > limit or not all(c.isprintable() or (c == "\n" and field == "remark") for c in value):
        raise BadEdit(f"{field}：至多 {limit} 个字，不含控制字符")
    return Written(value, value)


def _amount(value: str) -> Written:
    try:
        amount = Decimal(value.removesuffix("元"))
        if not re.fullmatch(r"[0-9]{1,13}(\.[0-9]{1,2})?", value.removesuffix("元")):
            raise InvalidOperation
    except InvalidOperation:
        raise BadEdit("amount：应为以元计的数，至多两位小数，如 3000 或 3000.50") from None
    plain = f"{amount.normalize():f}"
    return Written(plain, f"{plain}元")
