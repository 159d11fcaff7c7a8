"""One order with its history and what may be done to it now, and the bodies that change it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from ivr.domain.work_order import MoveName
from ivr.web.models import Code, Moment, Wire, WorkOrder
from ivr.web.query import Query, plain_digits

_WorkNumber = Annotated[str, StringConstraints(pattern=r"^([0-9]{3,6})?$")]


class MoveChoice(Wire):
    """One move as it stands for the asker now; ``why`` is '' when it is allowed. ``needs`` names what its body must hold."""

    move: MoveName
    title: str
    allowed: bool
    why: str
    needs: list[Literal["reason", "assignee", "days", "into", "person"]]


class OrderEvent(Wire):
    """One line of the history; ``role`` is the one that allowed it, ``version`` the order's after it."""

    at: Moment
    actor: str
    role: str
    work_number: str
    move: str
    from_state: str
    to_state: str
    reason: str
    detail: dict[str, str | int | bool]
    version: int


class SpokenNoticeRow(Wire):
    """One notice to the citizen by a call. ``state`` is that of its delivery: ``held`` when every try was in vain."""

    event: str
    at: Moment
    state: Literal["waiting", "sending", "delivered", "held"]
    calls: int = Field(description="made so far")
    result: Literal["heard", "human", "left", "busy", "unanswered", "refused", "interrupted"] | None = Field(
        description="what the last call came to; null before the first ended"
    )
    called_at: Moment | None = Field(description="when the last call was made")
    next_at: Moment | None = Field(description="earliest time of the next call, outside the quiet hours")


class WorkOrderDetail(WorkOrder):
    """One order whole, or ``hidden``: confidential and sent without content, because the asker may not see it."""

    hidden: bool
    masked: bool = Field(description="something in it is covered for the asker: numbers, or the citizen's name")
    assigned_at: Moment | None
    decision_by: str = Field(description="who decides on an order returned too often: a work number, 'supervisor', or ''")
    conflicts: list[str] = Field(description="work numbers that must not get it")
    merged: list[str] = Field(description="numbers of the orders merged into it")
    spoken_notices: list[SpokenNoticeRow] = Field(description="notices to the citizen by a call; none while hidden")
    moves: list[MoveChoice]
    history: list[OrderEvent]


class OrderDuplicates(Wire):
    """Orders likely to be about the same matter, newest first; merging is a move, never done by itself."""

    days: int
    orders: list[WorkOrder]


class OrderCandidate(Wire):
    """A person who could take the order, and why they stand here in the list; ``load`` counts their open orders."""

    work_number: str
    name: str
    unit: str
    load: int
    reasons: list[str]


class OrderCandidates(Wire):
    candidates: list[OrderCandidate]


class OrderTables(Wire):
    """What fields of an order may be set to; codes of the version asked for, or of the one in force."""

    categories: list[Code]
    matters: list[Code]
    places: list[Code]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class OrderMove(_Body):
    """A move somebody wants; what each needs is in the order's ``moves``."""

    move: MoveName
    reason: Annotated[str, StringConstraints(max_length=500)] = ""
    to: _WorkNumber = Field("", description="work number of the assignee, or of who must not get the order (recuse)")
    unit: Annotated[str, StringConstraints(max_length=40)] = Field("", description="unit it is assigned to")
    days: int = Field(0, ge=0, le=365, description="working days of an extension")
    into: Annotated[str, StringConstraints(pattern=r"^([0-9]{19})?$")] = Field("", description="number of the order that goes on")
    chosen: bool = Field(False, description="the citizen asked for this person (点援制); needs a reason")


_Value = Annotated[str, StringConstraints(max_length=2000)]
_Values = Annotated[list[Annotated[str, StringConstraints(max_length=40)]], Field(max_length=10)]


class OrderEdit(_Body):
    """Fields a person confirms or corrects; '' or an empty list says that there is none. What is not sent stays as it is."""

    category: _Value = ""
    matter: _Value = ""
    caller_name: _Value = ""
    callback_number: _Value = ""
    place: _Value = Field("", description="code of a town or village")
    amount: _Values = Field(default_factory=list, description="yuan")
    date: _Values = Field(default_factory=list, description="e.g. 2026-11-26")
    remark: _Value = ""


class TablesQuery(Query):
    version: Annotated[str, StringConstraints(max_length=40)] = Field(
        "", description="of the code table: an order is edited in the one it was made with; '' for the one in force"
    )


class DuplicateQuery(Query):
    days: Annotated[int, Field(ge=1, le=365), BeforeValidator(plain_digits)] = 30
