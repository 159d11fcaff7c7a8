"""Partners without a database: one that proves who it is by any signature, and one delivery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ivr.ports.partners import (
    AlreadyFiled,
    BadSignature,
    DeliveryRecord,
    DeliveryState,
    FiledTask,
    InboundCall,
    KeyReused,
    NewTask,
    PartnerServices,
)

T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
NUMBER = "6401055261123000018"


class AnySignature:
    """Takes a signature that is there for right, when it begins as ours do."""

    def sender(self, call: InboundCall) -> tuple[str, str]:
        if not call.headers.get("ivr-signature", "").startswith("v1="):
            raise BadSignature("The headers are missing: tasks have to be signed.")
        return "region", call.headers.get("idempotency-key", "")


class OneTask:
    """Files everything under one number; two keys are taken."""

    async def file(self, partner: str, key: str, body_digest: bytes, task: NewTask) -> FiledTask:
        if key == "reused":
            raise KeyReused("another body")
        if key == "other":
            raise AlreadyFiled(task.reference, NUMBER)
        return FiledTask(NUMBER, T0)

    async def watch(self, accept_within_s: float) -> None:
        return None


class OneDelivery:
    """One delivery that was given up."""

    async def deliveries(
        self, state: DeliveryState | None, partner: str | None, limit: int, before: int | None
    ) -> Sequence[DeliveryRecord]:
        return [DeliveryRecord(7, 3, "order.created", NUMBER, "region", "held", 24, T0, T0, T0, 500, "answered 500")]


ONE_PARTNER = PartnerServices(AnySignature(), OneTask(), OneDelivery())
