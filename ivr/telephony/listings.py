"""The exchange's own copy of the nuisance listings, in Asterisk's database, where the dialplan finds it without us."""

from __future__ import annotations

import re

from ivr.telephony.embedded import Console

_FAMILY = "nuisance"
_ROW = re.compile(rf"^/{_FAMILY}/(\S+)\s*:\s*(\S*)\s*$", re.MULTILINE)
_DIGITS = re.compile(r"[0-9]{1,20}", re.ASCII)


class AsteriskListings:
    """ivr.ports.pipeline.ExchangeListings over the console, so that AMI needs no right to the system."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def held(self) -> dict[str, str]:
        """{key: end in Unix seconds} as Asterisk has it."""
        return dict(_ROW.findall(await self._console.command(f"database show {_FAMILY}")))

    async def put(self, key: str, value: str) -> None:
        """Write one entry; ValueError for anything but digits, because this becomes a line of a console."""
        if not (_DIGITS.fullmatch(key) and _DIGITS.fullmatch(value)):
            raise ValueError(f"no listing can be {key!r}: {value!r}")
        await self._console.command(f"database put {_FAMILY} {key} {value}")

    async def delete(self, key: str) -> None:
        """Delete one entry; a strange key, which nobody here wrote, goes with the whole family."""
        strange = not _DIGITS.fullmatch(key)
        await self._console.command(f"database deltree {_FAMILY}" if strange else f"database del {_FAMILY} {key}")
