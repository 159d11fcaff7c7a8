"""Who may do what: the names of the roles people and tokens hold."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["operator", "supervisor", "dispatcher", "handler", "adviser", "administrator", "auditor"]
ROLES: tuple[Role, ...] = get_args(Role)
