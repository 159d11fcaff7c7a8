"""From the keys of a caller who asks how a matter stands to the words of the answer."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.domain.caller_number import normalise
from ivr.domain.order_number import BadOrderNumber
from ivr.domain.progress import pieces, read_keys
from ivr.ports.enquiry import ProgressStore


class ProgressDesk:
    """Tells the state of one order to who keys its number, and nothing to who tries numbers.

    An answer is what the dialplan sees: ``FOUND`` is yes, check (a digit is wrong), unknown or limit (asked in vain too
    often today); with yes come ``ORDER``, the number, and ``PIECES``, the prompts to play joined by ``&``.
    """

    def __init__(
        self, store: ProgressStore, prefixes: Mapping[str, Mapping[str, str]], *, wrong_a_day: int, wrong_withheld_a_day: int
    ) -> None:
        """``prefixes`` holds, by trunk, the caller-id rules of ``normalise``."""
        self._store = store
        self._prefixes = prefixes
        self._wrong_a_day = wrong_a_day
        self._wrong_withheld_a_day = wrong_withheld_a_day

    async def answer(self, keyed: str, caller: str, trunk: str) -> dict[str, str]:
        """The answer to these keys from this caller. Raises Unavailable: then nothing is said, and a human answers."""
        try:
            asked = read_keys(keyed)
        except BadOrderNumber:
            return {"FOUND": "check"}
        number = normalise(caller, self._prefixes.get(trunk, {}))
        # An order that may not be spoken of takes the very same way as one that does not exist.
        order = await self._store.find(asked, number)
        misses = await self._store.misses_today(number)
        if misses >= (self._wrong_a_day if number else self._wrong_withheld_a_day):
            return {"FOUND": "limit"}
        if order is None or order.confidential:
            await self._store.count_miss(number)
            return {"FOUND": "unknown"}
        return {"FOUND": "yes", "ORDER": order.number, "PIECES": "&".join(pieces(order))}
