"""From the keys of a caller who wants an appointment to a time that is held, until the ledger tells that it was confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.domain.appointment import OFFERED, SERVICES, offer_pieces, time_pieces
from ivr.domain.caller_number import normalise
from ivr.ports.enquiry import AppointmentStore


class AppointmentDesk:
    """Answers what the dialplan asks about appointments.

    ``FOUND`` is yes, none (no time is left), mine (the caller has an appointment), withheld (who shows no number could neither
    be known again nor cancel) or taken (the time went to another meanwhile). ``SLOTS`` are the ids on offer in the order of their
    keys, ``SLOT`` the chosen one with its time, ``PIECES`` the prompts to play, both joined by ``&``.
    """

    def __init__(self, store: AppointmentStore, prefixes: Mapping[str, Mapping[str, str]]) -> None:
        """``prefixes`` holds, by trunk, the caller-id rules of ``normalise``."""
        self._store = store
        self._prefixes = prefixes

    async def times(self, service: str, caller: str, trunk: str) -> dict[str, str]:
        """What may be chosen, or what was chosen before. Raises Unavailable."""
        number = self._number(caller, trunk)
        if not number or service not in SERVICES:
            return {"FOUND": "withheld"}
        mine = await self._store.booked_by(service, number)
        if mine is not None:
            return {"FOUND": "mine", "SLOT": mine.reference, "PIECES": "&".join(time_pieces(mine.starts_at))}
        slots = list(await self._store.open_times(service, OFFERED))
        if not slots:
            return {"FOUND": "none"}
        return {"FOUND": "yes", "SLOTS": "&".join(str(s.id) for s in slots), "PIECES": "&".join(offer_pieces(slots))}

    async def hold(self, slot: str, caller: str, trunk: str, linked_id: str) -> dict[str, str]:
        """Hold the time with this id for the caller of this call. Raises Unavailable."""
        number = self._number(caller, trunk)
        if not number or not linked_id or not (slot.isascii() and slot.isdigit() and len(slot) <= 18):
            return {"FOUND": "taken"}
        held = await self._store.hold(int(slot), number, linked_id)
        if held is None:
            return {"FOUND": "taken"}
        return {"FOUND": "yes", "SLOT": held.reference, "PIECES": "&".join(time_pieces(held.starts_at))}

    def _number(self, caller: str, trunk: str) -> str:
        return normalise(caller, self._prefixes.get(trunk, {}))
