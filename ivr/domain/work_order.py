"""The life of a work order: every move in one table, who may make it, what it needs, and what it does to the clock.

The clock runs from dispatch: the first assignment sets when the order is due, unless its opening did (a message has a
term of its own). Returning or handing on does not stop it: the citizen waits. One extension moves it; reopening stops it,
and the next assignment starts a new term. ``owner`` is whose the order is (首问责任制): the seat that answered first,
until another accepts. Nothing here knows of a database: times come in, a new order and the event to keep go out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, get_args

from ivr.domain.errors import CallerFault
from ivr.domain.worktime import Card, WorkTime

State = Literal[
    "draft", "pending_review", "assigned", "accepted", "in_progress", "returned",
    "resolved", "callback_due", "closed", "archived", "merged", "voided",
]
MoveName = Literal[
    "submit", "answer", "assign", "reassign", "accept", "start", "return", "extend", "urge", "resolve", "ask_citizen",
    "close", "reopen", "archive", "merge", "void", "recuse", "conceal", "reveal",
]
Need = Literal["reason", "assignee", "days", "into", "person"]
Clock = Literal["", "starts", "is extended", "stops"]

STATES: tuple[State, ...] = get_args(State)
CLOCKED: frozenset[str] = frozenset({"draft", "pending_review", "assigned", "accepted", "in_progress", "returned"})
"""States in which a due time counts down and a card is shown."""

_NEW = ("draft", "pending_review")
_HELD = ("assigned", "accepted", "in_progress")
_DESK = ("dispatcher", "supervisor", "operator")
_LEADERS = ("dispatcher", "supervisor")
_HANDS = ("handler", "adviser", "operator", "dispatcher", "supervisor")


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the table. ``target`` None: the state stays. ``mine``: only who the order is assigned to may make it.

    ``title`` is what the pages call it; of ``roles`` one is enough, and the first that fits is kept in the history.
    """

    sources: tuple[str, ...]
    target: State | None
    roles: tuple[str, ...]
    title: str
    needs: tuple[Need, ...] = ()
    mine: bool = False
    clock: Clock = ""


MOVES: Mapping[MoveName, Move] = {
    "submit": Move(("draft",), "pending_review", _DESK, "提交审核"),
    "answer": Move(_NEW, "closed", _DESK, "当场办结", needs=("reason",)),
    "assign": Move((*_NEW, "returned"), "assigned", _LEADERS, "指派", needs=("assignee",), clock="starts"),
    "reassign": Move(_HELD, "assigned", _LEADERS, "改派", needs=("assignee", "reason")),
    "accept": Move(("assigned",), "accepted", _HANDS, "接单", mine=True),
    "start": Move(("accepted",), "in_progress", _HANDS, "开始承办", mine=True),
    "return": Move(("assigned", "accepted"), "returned", _HANDS, "退回", needs=("reason",), mine=True),
    "extend": Move(_HELD, None, _LEADERS, "延期", needs=("days", "reason"), clock="is extended"),
    "urge": Move((*_HELD, "returned", "callback_due"), None, _LEADERS, "督办", needs=("reason",)),
    "resolve": Move(("accepted", "in_progress"), "resolved", _HANDS, "办结", needs=("reason",), mine=True),
    "ask_citizen": Move(("resolved",), "callback_due", _DESK, "待回访"),
    "close": Move(("resolved", "callback_due"), "closed", _DESK, "结案"),
    "reopen": Move(("resolved", "callback_due", "closed"), "pending_review", _DESK, "重办", needs=("reason",), clock="stops"),
    "archive": Move(("closed",), "archived", (*_LEADERS, "administrator"), "归档"),
    "merge": Move((*_NEW, "returned"), "merged", _DESK, "并入", needs=("into", "reason")),
    "void": Move((*_NEW, "returned"), "voided", ("supervisor",), "作废", needs=("reason",)),
    "recuse": Move((*_NEW, *_HELD, "returned"), None, (*_DESK, "handler", "adviser"), "回避", needs=("person", "reason")),
    "conceal": Move(STATES, None, (*_DESK, "handler", "adviser"), "保密"),
    "reveal": Move(STATES, None, ("supervisor",), "解除保密", needs=("reason",)),
}
"""The one table: whatever is not in it is not possible."""


@dataclass(frozen=True, slots=True)
class Life:
    """What moves change of an order. Work numbers and the unit are '' for nobody, times are aware."""

    state: str = "draft"
    category: str = ""
    owner: str = ""
    assigned_to: str = ""
    assigned_unit: str = ""
    assigned_at: datetime | None = None
    due_at: datetime | None = None
    returns: int = 0
    extended: bool = False
    urged: int = 0
    confidential: bool = False
    merged_into: str = ""
    conflicts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the name the audit trail knows, the roles, and as whom they hold orders ('' when they hold none)."""

    name: str
    roles: frozenset[str]
    work_number: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class OrderRules:
    """The limits in force, all in working days. ``decider`` is the work number that decides after too many returns.

    ``terms`` by category code, ``term_days`` for every other; ``decider`` '' leaves the decision to any supervisor.
    """

    worktime: WorkTime
    terms: Mapping[str, int] = field(default_factory=lambda: {"consultation": 3})
    term_days: int = 5
    extension_days: int = 10
    return_days: int = 2
    most_returns: int = 3
    decider: str = ""

    def term(self, category: str) -> int:
        """Working days an order of this category may take."""
        return self.terms.get(category, self.term_days)


@dataclass(frozen=True, slots=True)
class Wish:
    """A move somebody wants. ``chosen``: the citizen asked for this person (点援制), which needs a reason."""

    move: MoveName
    reason: str = ""
    to: str = ""
    unit: str = ""
    days: int = 0
    into: str = ""
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """What the history keeps of a move; ``role`` is the one that allowed it."""

    move: str
    role: str
    from_state: str
    to_state: str
    reason: str
    detail: Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Choice:
    """One move as it stands for the asker: ``why`` is '' when it is allowed, else the reason for people."""

    move: MoveName
    title: str
    allowed: bool
    why: str
    needs: tuple[Need, ...]


class MoveRefused(CallerFault):
    """The order is not where this move starts, the asker may not make it, or a rule forbids it now; says what is possible."""

    code = "move_refused"

    def __init__(self, why: str, possible: tuple[MoveName, ...]) -> None:
        told = "、".join(f"{MOVES[m].title} ({m})" for m in possible)
        super().__init__(f"{why}。现在可以：{told or '没有'}。")
        self.possible = possible


class MoveIncomplete(CallerFault):
    """The move needs something that was not given, or was given something it does not take."""

    code = "move_incomplete"


def card(life: Life, now: datetime, worktime: WorkTime) -> Card:
    """The order's card: none where no due time counts down."""
    return worktime.card(now, life.due_at) if life.due_at is not None and life.state in CLOCKED else ""


def decision_by(life: Life, rules: OrderRules) -> str:
    """Who has to decide on an order returned too often: a work number, ``supervisor``, or '' while nobody has to."""
    if life.state != "returned" or life.returns < rules.most_returns:
        return ""
    return rules.decider or "supervisor"


def holds(life: Life, actor: Actor) -> bool:
    """Whether the order is assigned to the actor: by name, or to their unit and nobody in it yet."""
    if life.assigned_to:
        return life.assigned_to == actor.work_number
    return bool(life.assigned_unit) and bool(actor.work_number) and life.assigned_unit == actor.unit


def may_read(life: Life, actor: Actor) -> bool:
    """Whether the content of a confidential order is shown: to its owner, to who it is assigned to, and to supervisors."""
    return not life.confidential or "supervisor" in actor.roles or concerns(life, actor)


def concerns(life: Life, actor: Actor) -> bool:
    """Whether the order is the actor's to know: owned by them or assigned to them."""
    return (bool(actor.work_number) and life.owner == actor.work_number) or holds(life, actor)


def choices(life: Life, actor: Actor, now: datetime, rules: OrderRules) -> tuple[Choice, ...]:
    """Every move of the table, in its order, allowed or with the reason why not."""
    return tuple(
        Choice(name, row.title, not (why := _why_not(name, life, actor, now, rules)), why, row.needs)
        for name, row in MOVES.items()
    )


def move(life: Life, wish: Wish, actor: Actor, now: datetime, rules: OrderRules) -> tuple[Life, Event]:
    """The order after the move and what the history keeps; MoveRefused or MoveIncomplete, and nothing has changed.

    That the assignee, the unit and the order merged into exist is for the caller to know.
    """
    row = MOVES[wish.move]
    if why := _why_not(wish.move, life, actor, now, rules):
        raise MoveRefused(why, tuple(c.move for c in choices(life, actor, now, rules) if c.allowed))
    _demand_complete(wish, row, life, rules)
    moved, detail = _EFFECTS.get(wish.move, _nothing)(life, wish, actor, now, rules)
    moved = replace(moved, state=row.target or life.state)
    role = next(r for r in row.roles if r in actor.roles)
    return moved, Event(wish.move, role, life.state, moved.state, wish.reason, detail)


def _why_not(name: MoveName, life: Life, actor: Actor, now: datetime, rules: OrderRules) -> str:
    row = MOVES[name]
    if life.state not in row.sources:
        return f"工单现在是{STATE_TITLES.get(life.state, life.state)}，不能{row.title}"
    if not actor.roles.intersection(row.roles):
        return f"{row.title}需要角色：{'、'.join(row.roles)}"
    if row.mine and not actor.work_number:
        return "这个账号没有登记工号（ivr people import）"
    if row.mine and not holds(life, actor):
        return f"工单指派给 {life.assigned_to or life.assigned_unit}，不是您"
    return _RULES[name](life, actor, now, rules) if name in _RULES else ""


def _assign_rule(life: Life, actor: Actor, now: datetime, rules: OrderRules) -> str:
    decider = decision_by(life, rules)
    if not decider or decider == actor.work_number or ("supervisor" in actor.roles and decider == "supervisor"):
        return ""
    return f"已退回 {life.returns} 次，须由{'班长' if decider == 'supervisor' else decider + ' '}决定"


def _return_rule(life: Life, actor: Actor, now: datetime, rules: OrderRules) -> str:
    if life.returns >= rules.most_returns:
        return f"已退回 {life.returns} 次并经决定，不能再退回"
    if life.assigned_at is not None and now > rules.worktime.due(life.assigned_at, rules.return_days):
        return f"指派后 {rules.return_days} 个工作日内才能退回"
    return ""


def _extend_rule(life: Life, actor: Actor, now: datetime, rules: OrderRules) -> str:
    if life.due_at is None:
        return "没有办理期限"
    if life.extended:
        return "已经延期一次"
    return "已经超期，不能延期" if now > life.due_at else ""


_RULES: Mapping[str, Callable[[Life, Actor, datetime, OrderRules], str]] = {
    "assign": _assign_rule,
    "return": _return_rule,
    "extend": _extend_rule,
    "conceal": lambda life, *_: "已经保密" if life.confidential else "",
    "reveal": lambda life, *_: "" if life.confidential else "没有保密",
}


def _demand_complete(wish: Wish, row: Move, life: Life, rules: OrderRules) -> None:
    if ("reason" in row.needs or wish.chosen) and not wish.reason.strip():
        raise MoveIncomplete(f"{row.title}要写明理由 (reason)")
    given = {"assignee": bool(wish.to or wish.unit), "days": bool(wish.days), "into": bool(wish.into), "person": bool(wish.to)}
    hints = {"assignee": "to 或 unit", "days": "days", "into": "into", "person": "to"}
    for need in row.needs:
        if need != "reason" and not given[need]:
            raise MoveIncomplete(f"{row.title}要写明 {hints[need]}")
    if "days" in row.needs and not 1 <= wish.days <= rules.extension_days:
        raise MoveIncomplete(f"延期为 1 至 {rules.extension_days} 个工作日 (days)")
    takes_person = "assignee" in row.needs or "person" in row.needs
    unused = [
        name for name, has, used in (
            ("to", wish.to, takes_person), ("unit", wish.unit, "assignee" in row.needs), ("days", wish.days, "days" in row.needs),
            ("into", wish.into, "into" in row.needs), ("chosen", wish.chosen, "assignee" in row.needs),
        ) if has and not used
    ]
    if unused:
        raise MoveIncomplete(f"{row.title}不用 {'、'.join(unused)}")
    if "assignee" in row.needs and wish.to in life.conflicts:
        raise MoveIncomplete(f"{wish.to} 对这张工单须回避 (to)")


_Effect = Callable[[Life, Wish, Actor, datetime, OrderRules], tuple[Life, dict[str, str | int | bool]]]


def _nothing(life: Life, wish: Wish, actor: Actor, now: datetime, rules: OrderRules) -> tuple[Life, dict[str, str | int | bool]]:
    return life, {}


def _assign(life: Life, wish: Wish, actor: Actor, now: datetime, rules: OrderRules) -> tuple[Life, dict[str, str | int | bool]]:
    due = life.due_at or rules.worktime.due(now, rules.term(life.category))
    detail: dict[str, str | int | bool] = {"to": wish.to, "unit": wish.unit, "chosen": wish.chosen}
    if life.due_at is None:
        detail["due_at"] = due.isoformat()
    return replace(life, assigned_to=wish.to, assigned_unit=wish.unit, assigned_at=now, due_at=due), detail


def _accept(life: Life, wish: Wish, actor: Actor, now: datetime, rules: OrderRules) -> tuple[Life, dict[str, str | int | bool]]:
    return replace(life, owner=actor.work_number, assigned_to=actor.work_number), {"owner_before": life.owner}


def _return(life: Life, wish: Wish, actor: Actor, now: datetime, rules: OrderRules) -> tuple[Life, dict[str, str | int | bool]]:
    back = replace(life, state="returned", assigned_to="", assigned_unit="", assigned_at=None, returns=life.returns + 1)
    decider = decision_by(back, rules)
    return back, {"returns": back.returns} | ({"decision_by": decider} if decider else {})


def _extend(life: Life, wish: Wish, actor: Actor, now: datetime, rules: OrderRules) -> tuple[Life, dict[str, str | int | bool]]:
    assert life.due_at is not None  # the rule refused it otherwise
    due = rules.worktime.due(life.due_at, wish.days)
    return replace(life, due_at=due, extended=True), {"days": wish.days, "due_at": due.isoformat()}


def _reopen(life: Life, wish: Wish, actor: Actor, now: datetime, rules: OrderRules) -> tuple[Life, dict[str, str | int | bool]]:
    fresh = replace(life, due_at=None, assigned_to="", assigned_unit="", assigned_at=None, extended=False, returns=0)
    return fresh, {"assigned_before": life.assigned_to or life.assigned_unit}


_EFFECTS: Mapping[str, _Effect] = {
    "assign": _assign,
    "reassign": _assign,
    "accept": _accept,
    "return": _return,
    "extend": _extend,
    "reopen": _reopen,
    "urge": lambda life, *_: (replace(life, urged=life.urged + 1), {"urged": life.urged + 1}),
    "merge": lambda life, wish, *_: (replace(life, merged_into=wish.into), {"into": wish.into}),
    "recuse": lambda life, wish, *_: (replace(life, conflicts=life.conflicts | {wish.to}), {"person": wish.to}),
    "conceal": lambda life, *_: (replace(life, confidential=True), {}),
    "reveal": lambda life, *_: (replace(life, confidential=False), {}),
}

STATE_TITLES: Mapping[str, str] = {
    "draft": "待核对", "pending_review": "待审核", "assigned": "已指派", "accepted": "已接单", "in_progress": "承办中",
    "returned": "已退回", "resolved": "已办结", "callback_due": "待回访", "closed": "已结案", "archived": "已归档",
    "merged": "已并入", "voided": "已作废",
}
