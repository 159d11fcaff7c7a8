"""The exchange's own copy of records, in Asterisk's database, where the dialplan finds them without us."""

from __future__ import annotations

import re

from ivr.telephony.embedded import Console

_KEY = re.compile(r"[0-9]{1,20}", re.ASCII)
_VALUE = re.compile(r"[a-z0-9-]{1,31}", re.ASCII)


class AsteriskTable:
    """ivr.ports.pipeline.ExchangeTable over the console, so that AMI needs no right to the system.

    ``family`` is the table's name in Asterisk's database.
    """

    def __init__(self, console: Console, family: str) -> None:
        self._console = console
        self._family = family
        self._row = re.compile(rf"^/{re.escape(family)}/(\S+)\s*:\s*(\S*)\s*$", re.MULTILINE)

    async def held(self) -> dict[str, str]:
        """{key: value} as Asterisk has it."""
        return dict(self._row.findall(await self._console.command(f"database show {self._family}")))

    async def put(self, key: str, value: str) -> None:
        """Write one entry; ValueError for any key but digits and any value but a name or number: this is a console line."""
        if not (_KEY.fullmatch(key) and _VALUE.fullmatch(value)):
            raise ValueError(f"no entry of {self._family} can be {key!r}: {value!r}")
        await self._console.command(f"database put {self._family} {key} {value}")

    async def delete(self, key: str) -> None:
        """Delete one entry; a strange key, which nobody here wrote, goes with the whole family."""
        strange = not _KEY.fullmatch(key)
        await self._console.command(f"database deltree {self._family}" if strange else f"database del {self._family} {key}")
