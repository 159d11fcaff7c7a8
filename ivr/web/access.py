"""Who may do what: the one table. A role not listed here may do nothing but see its own session.

Handlers (承办) and advisers read the orders that are theirs, or assigned to them or their unit, and nothing else: ``orders.own``
lets them in, ``orders.read`` shows every order. Which moves a role may make is in ivr.domain.work_order. The auditor reads
the audit trail only, and is kept apart from the administrator.
"""

from __future__ import annotations

from typing import Literal

from ivr.domain.errors import Denied
from ivr.ports.web import Identity

Permission = Literal[
    "queues.read", "calls.read", "transcripts.read", "recordings.play", "orders.read", "live.read", "nuisance.read",
    "appointments.write", "deliveries.read", "statistics.read", "orders.own", "orders.assign",
    "desk.use", "seats.supervise", "risks.decide", "transcripts.correct", "warnings.sign", "devices.read", "devices.write",
    "quality.own", "quality.score", "tasks.read", "tasks.work", "knowledge.read", "knowledge.write", "roster.write",
    "sessions.revoke", "calls.unmask", "orders.unmask", "cases.export", "retention.read", "holds.write",
    "absences.excuse", "users.write",
]

_READER: frozenset[Permission] = frozenset(
    {"queues.read", "calls.read", "transcripts.read", "orders.read", "orders.own", "live.read", "statistics.read", "knowledge.read"}
)

ACCESS: dict[str, frozenset[Permission]] = {
    "operator": _READER | {
        "quality.own", "recordings.play", "appointments.write", "desk.use", "calls.unmask", "orders.unmask",
        "tasks.read", "tasks.work",
    },
    "supervisor": _READER | {
        "orders.assign", "recordings.play", "nuisance.read", "appointments.write", "deliveries.read", "desk.use", "devices.read",
        "quality.own", "quality.score", "tasks.read", "tasks.work", "knowledge.write", "roster.write",
        "transcripts.correct", "risks.decide", "seats.supervise", "warnings.sign", "calls.unmask", "orders.unmask", "cases.export",
        "retention.read", "holds.write", "absences.excuse",
    },
    "administrator": _READER | {
        "recordings.play", "nuisance.read", "appointments.write", "deliveries.read", "devices.read", "devices.write",
        "sessions.revoke", "users.write", "retention.read", "holds.write", "tasks.read", "roster.write",
    },
    "dispatcher": _READER | {
        "deliveries.read", "orders.assign", "devices.read", "warnings.sign", "calls.unmask", "orders.unmask", "tasks.read",
    },
    "handler": frozenset({"orders.own", "orders.unmask", "knowledge.read"}),
    "adviser": frozenset({"orders.own", "orders.unmask", "knowledge.read"}),
    "auditor": frozenset({"retention.read"}),
}


def may(identity: Identity, permission: Permission) -> bool:
    """Whether any role of the asker grants the permission; an unknown role grants nothing."""
    return any(permission in ACCESS.get(role, frozenset()) for role in identity.roles)


def demand(identity: Identity, permission: Permission) -> None:
    """Raise Denied, naming the permission, when no role grants it."""
    if not may(identity, permission):
        raise Denied(f"Your roles do not include {permission}. Ask an administrator for a role that does.")
