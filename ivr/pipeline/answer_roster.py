"""From a caller who wants a certain lawyer, or one who knows the matter, to the lawyers on duty now."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ivr.domain.roster import Duty, meant_by, specialities_on_duty
from ivr.ports.enquiry import RosterStore


class RosterDesk:
    """Answers what may be chosen now, and whom the keys of a caller mean. Who is free Asterisk knows better than we do.

    An answer is what the dialplan sees: ``FOUND`` is yes, or none (nobody on duty), or off (nobody on duty is meant).
    """

    def __init__(self, store: RosterStore, work_numbers: Collection[str]) -> None:
        """``work_numbers`` are those of the seats: whoever else is on the roster has no telephone here."""
        self._store = store
        self._work_numbers = frozenset(work_numbers)
        self._turn = 0

    async def choices(self) -> dict[str, str]:
        """``PIECES``, the prompts of the specialities on duty joined by ``&``. Raises Unavailable."""
        duties = await self._on_duty()
        if not duties:
            return {"FOUND": "none"}
        return {"FOUND": "yes", "PIECES": "&".join(f"speciality-{code}" for code in specialities_on_duty(duties))}

    async def meant(self, keyed: str) -> dict[str, str]:
        """``LAWYERS``, the work numbers these keys mean joined by ``&``, the first of them another one each time."""
        there = meant_by(keyed, await self._on_duty())
        if not there:
            return {"FOUND": "off"}
        self._turn += 1
        first = self._turn % len(there)
        return {"FOUND": "yes", "LAWYERS": "&".join([*there[first:], *there[:first]])}

    async def _on_duty(self) -> Sequence[Duty]:
        return [d for d in await self._store.on_duty() if d.work_number in self._work_numbers]
