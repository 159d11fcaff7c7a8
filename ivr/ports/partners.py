"""What telling partners of orders, and taking their tasks, needs of the world; storage may raise Unavailable anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

from ivr.domain.delivery import EventName
from ivr.domain.errors import CallerFault, Unauthenticated

DeliveryState = Literal["waiting", "sending", "delivered", "held"]


@dataclass(frozen=True, slots=True)
class Partner:
    """Whom events are sent to. ``own_only``: only of orders this partner filed.

    ``citizens``: a pattern of telephones (POSIX), when citizens are told: then only of orders that are not confidential and have
    such a telephone; '' for a partner.
    """

    name: str
    events: frozenset[EventName]
    own_only: bool = False
    citizens: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one partner; ``attempt`` counts this one, ``content`` is what the body is made of."""

    id: int
    event_id: int
    partner: str
    event: str
    attempt: int
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one attempt: ``problem`` is '' when the partner took it, ``status`` None when it never answered.

    ``withdrawn``: there is nobody to tell any more, and nothing was sent. ``postponed``: nothing was tried, for a reason of ours.
    """

    status: int | None
    problem: str
    withdrawn: bool = False
    postponed: bool = False


class Outbox(Protocol):
    """Events as they wait for partners."""

    async def spread(self, partners: Sequence[Partner]) -> int:
        """Write a delivery for each new event and each partner who wants it; how many events that were."""
        ...

    async def take(self, partner: str, most: int, lease_s: float) -> Sequence[Delivery]:
        """Deliveries that are due, the oldest first, leased to the asker; the attempt is counted before it is made."""
        ...

    async def settle(self, delivery: Delivery, receipt: Receipt, retry_s: float | None) -> None:
        """Write what became of it: delivered, to be tried again after ``retry_s``, held when that is None; or withdrawn: gone.

        What was postponed costs no attempt.
        """
        ...

    async def held(self, partner: str) -> int:
        """How many deliveries to this partner were given up."""
        ...

    async def note_overdue(self) -> int:
        """Write an event for each order that has become overdue, once for each due time; how many."""
        ...

    async def prune(self, days: int) -> int:
        """Delete events older than that whose deliveries are all done; how many."""
        ...


class Recipients(Protocol):
    """Whom notices go to."""

    async def telephone(self, order_number: str, fit: str) -> str:
        """The telephone of the order's citizen, when it fits the pattern; '' when none does, or the order is confidential."""
        ...


class PartnerPost(Protocol):
    """The wire to partners. Whatever a partner does, ``send`` comes back within its time limit and reads little."""

    async def send(self, partner: str, delivery: Delivery) -> Receipt: ...


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One delivery as people and API see it."""

    id: int
    event_id: int
    event: str
    order_number: str
    partner: str
    state: DeliveryState
    attempts: int
    at: datetime
    not_before: datetime
    changed_at: datetime
    status: int | None
    problem: str


class Deliveries(Protocol):
    """The read side of the outbox."""

    async def deliveries(
        self, state: DeliveryState | None, partner: str | None, limit: int, before: int | None
    ) -> Sequence[DeliveryRecord]:
        """Newest first; ``before`` is an id."""
        ...


class BadSignature(Unauthenticated):
    """The message does not prove which partner it comes from; the text says what is missing or does not fit."""

    code = "bad_signature"


class KeyReused(CallerFault):
    """The idempotency key came before with another body."""

    code = "key_reused"


class AlreadyFiled(CallerFault):
    """The partner's reference was filed before, under another key; ``number`` is the order it has."""

    code = "already_filed"

    def __init__(self, reference: str, number: str) -> None:
        super().__init__(f"The reference {reference} was filed before: its order is {number}.")
        self.number = number


class UnknownPlace(CallerFault):
    """The place named is not in the gazetteer."""

    code: ClassVar[str] = "bad_request"


@dataclass(frozen=True, slots=True)
class InboundCall:
    """A message as it came in: header names in lower case, the body whole."""

    headers: Mapping[str, str]
    body: bytes


class InboundScheme(Protocol):
    """How partners prove who they are. A partner's own scheme takes this one's place behind this port."""

    def sender(self, call: InboundCall) -> tuple[str, str]:
        """(the partner's name, the idempotency key); raises BadSignature."""
        ...


@dataclass(frozen=True, slots=True)
class NewTask:
    """A matter a partner hands over. Codes are '' when not given; category and matter carry their names beside them."""

    reference: str
    title: str
    description: str
    category: str
    category_name: str
    matter: str
    matter_name: str
    place: str
    caller_name: str
    caller_number: str
    urgent: bool


@dataclass(frozen=True, slots=True)
class FiledTask:
    """The order a task became."""

    number: str
    received_at: datetime


class Inbox(Protocol):
    """Tasks of partners as orders."""

    async def file(self, partner: str, key: str, body_digest: bytes, task: NewTask) -> FiledTask:
        """Open the task's order, or return the one this key opened before; raises KeyReused, AlreadyFiled, UnknownPlace.

        Order, event, and the alarm of an urgent task are of one transaction.
        """
        ...

    async def watch(self, accept_within_s: float) -> None:
        """Clear the alarms of urgent tasks somebody accepted; escalate those nobody accepted in time."""
        ...


@dataclass(frozen=True, slots=True)
class PartnerServices:
    """What the HTTP edge is given to serve partners."""

    scheme: InboundScheme
    inbox: Inbox
    deliveries: Deliveries
